using System.CommandLine;
using Popcorn.Cli.Terminal;
using Popcorn.Interop;

namespace Popcorn.Cli.Commands;

/// <summary>The option by which a command is told of what kind a client's key is.</summary>
internal static class KeyOrderOption
{
    /// <param name="whose">Whose order it is: <c>The key</c>.</param>
    public static Option<string?> Create(string whose) => new Option<string?>("--key-order")
    {
        Description = $"{whose} is of this order: with a short one clients compute less, on an assumption more, for a "
            + "server that trusts them; see THREAT_MODEL.md.",
        HelpName = $"{KeyOrders.Full}|{KeyOrders.Short}",
        DefaultValueFactory = _ => KeyOrders.Full,
    }.AcceptOnly(KeyOrders.Full, KeyOrders.Short);

    /// <summary>What the option means.</summary>
    public static KeyOrder OrderIn(this ParseResult parsed, Option<string?> option) =>
        parsed.GetValue(option) == KeyOrders.Short ? KeyOrder.Short : KeyOrder.Full;
}
