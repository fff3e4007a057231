using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// Window of the fixed-base tables: wide windows make each encryption cheaper and the tables dearer, so the best width
/// follows from how many encryptions a query needs.
/// </summary>
internal static class TableSize
{
    /// <summary>Queries that a connection is taken to serve when its tables are sized.</summary>
    private const int QueriesPerConnection = 2;

    private const int WidestWindow = 8;

    /// <summary>Encryptions that the client makes in one query.</summary>
    public static long ClientEncryptions(Plan plan) =>
        plan.Steps.Sum(step => StepCost.Of(step, plan.KeyBits).Encryptions);

    /// <summary>Ciphertexts that the server re-randomises in one query.</summary>
    public static long ServerRerandomisations(Plan plan) =>
        plan.Steps.Sum(step => StepCost.Of(step, plan.KeyBits).Rerandomisations);

    /// <summary>Options for an encryptor that is to do a number of encryptions for each query.</summary>
    public static EncryptorOptions For(RandomnessProfile profile, int keyBits, long encryptions)
    {
        int bits = Encryptor.ExponentBits(keyBits, profile);
        int window = Enumerable.Range(1, WidestWindow).MinBy(w =>
        {
            long windows = (bits + w - 1) / w;
            return windows * ((1L << w) + encryptions * QueriesPerConnection);
        });
        return new EncryptorOptions { Profile = profile, WindowBits = window };
    }
}
