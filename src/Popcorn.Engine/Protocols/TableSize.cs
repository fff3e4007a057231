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

    /// <summary>37 MB under a key of 2048 bits; wider ones take more memory than they save time.</summary>
    private const int WidestOfClient = 9;

    /// <summary>45 MB: a server keeps such tables for every client's key.</summary>
    private const int WidestOfServer = 8;

    /// <summary>Options for the client's encryptions.</summary>
    public static EncryptorOptions ForClient(
        Plan plan, int keyBits, RandomnessProfile profile, KeyOrder order = KeyOrder.Full)
    {
        int bits = Encryptor.OwnerExponentBits(keyBits, profile, order);
        double operations = plan.Cost.Client[Operation.EncryptOwner];
        return new EncryptorOptions
        {
            Profile = profile,
            WindowBits = Best(WidestOfClient, w => (bits + w - 1) / w, 0, operations),
        };
    }

    /// <summary>
    /// Window of the server's re-randomisations. Each of its bases takes a power by n, about as many products as n has
    /// bits, before its table can be filled; of short order they are powers of one.
    /// </summary>
    public static int ForServer(Plan plan, int keyBits, KeyOrder order = KeyOrder.Full) => Best(
        WidestOfServer, w => Rerandomizer.Rows(keyBits, w, order), order == KeyOrder.Full ? keyBits : 0,
        plan.Cost.Server[Operation.Rerandomise]);

    /// <summary>Memory that the client's tables take, in bytes.</summary>
    public static long BytesOfClient(EncryptorOptions options, int keyBits, KeyOrder order = KeyOrder.Full)
    {
        int window = options.WindowBits!.Value;
        int bits = Encryptor.OwnerExponentBits(keyBits, options.Profile, order);
        return BytesOf((bits + window - 1) / window, window, keyBits);
    }

    /// <summary>Memory that the server's tables take, in bytes.</summary>
    public static long BytesOfServer(int window, int keyBits, KeyOrder order = KeyOrder.Full) =>
        BytesOf(Rerandomizer.Rows(keyBits, window, order), window, keyBits);

    private static long BytesOf(long rows, int window, int keyBits) =>
        (rows << window) * PaillierLibrary.NumberBytes(keyBits);

    /// <summary>The window with the fewest products, those that build the tables included.</summary>
    private static int Best(int widest, Func<int, int> rows, double productsOfBase, double operations) =>
        Enumerable.Range(1, widest)
            .MinBy(w => rows(w) * (productsOfBase + (1L << w) + QueriesPerConnection * operations));
}
