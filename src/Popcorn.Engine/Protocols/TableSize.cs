using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Protocols;

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

    /// <summary>43 MB: a server keeps such tables for every client's key.</summary>
    private const int WidestOfServer = 8;

    /// <summary>Options for the client's encryptions.</summary>
    public static EncryptorOptions ForClient(Plan plan, int keyBits, RandomnessProfile profile) =>
        For(plan.Cost.Client[Operation.EncryptOwner], keyBits, profile, WidestOfClient);

    /// <summary>Options for the server's re-randomisations.</summary>
    public static EncryptorOptions ForServer(Plan plan, int keyBits) =>
        For(plan.Cost.Server[Operation.Rerandomise], keyBits, RandomnessProfile.Statistical, WidestOfServer);

    /// <summary>Memory that tables take, in bytes.</summary>
    public static long BytesOf(EncryptorOptions options, int keyBits)
    {
        int window = options.WindowBits!.Value;
        long rows = (Encryptor.ExponentBits(keyBits, options.Profile) + window - 1) / window;
        return (rows << window) * PaillierLibrary.NumberBytes(keyBits);
    }

    private static EncryptorOptions For(double operations, int keyBits, RandomnessProfile profile, int widest)
    {
        int bits = Encryptor.ExponentBits(keyBits, profile);
        int window = Enumerable.Range(1, widest)
            .MinBy(w => (bits + w - 1) / w * ((1L << w) + QueriesPerConnection * operations));
        return new EncryptorOptions { Profile = profile, WindowBits = window };
    }
}
