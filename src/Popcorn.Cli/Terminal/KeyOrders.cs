using Popcorn.Interop;

namespace Popcorn.Cli.Terminal;

/// <summary>Kinds of keys as the command line calls them.</summary>
internal static class KeyOrders
{
    public const string Full = "full", Short = "short";

    public static string NameOf(KeyOrder order) => order switch
    {
        KeyOrder.Full => Full,
        KeyOrder.Short => Short,
    };
}
