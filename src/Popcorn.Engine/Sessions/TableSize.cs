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
    private const int QueriesPerConnection = 4;

    /// <summary>67 MB under a key of 2048 bits; wider ones take more memory than they save time.</summary>
    private const int WidestOfClient = 10;

    /// <summary>43 MB: a server keeps such tables for every client.</summary>
    private const int WidestOfServer = 8;

    /// <summary>Options for the client's encryptions.</summary>
    public static EncryptorOptions ForClient(Plan plan, RandomnessProfile profile) =>
        For(plan, profile, cost => cost.Encryptions, WidestOfClient);

    /// <summary>Options for the server's re-randomisations.</summary>
    public static EncryptorOptions ForServer(Plan plan) =>
        For(plan, RandomnessProfile.Statistical, cost => cost.Rerandomisations, WidestOfServer);

    private static EncryptorOptions For(
        Plan plan, RandomnessProfile profile, Func<StepCost, long> operations, int widest)
    {
        long all = QueriesPerConnection * plan.Steps.Sum(step => operations(StepCost.Of(step, plan.KeyBits)));
        int bits = Encryptor.ExponentBits(plan.KeyBits, profile);
        int window = Enumerable.Range(1, widest).MinBy(w => (bits + w - 1) / w * ((1L << w) + all));
        return new EncryptorOptions { Profile = profile, WindowBits = window };
    }
}
