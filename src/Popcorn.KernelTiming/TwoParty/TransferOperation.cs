using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>An operation of two parties, each of which is measured on its own.</summary>
/// <param name="Name">Its name in reports.</param>
/// <param name="Server">The server's side; it is the sender, wherever one sends and the other chooses.</param>
/// <param name="Client">The client's side.</param>
/// <param name="ServerBits">Bits that the server sends for a unit.</param>
/// <param name="ClientBits">Bits that the client sends for a unit.</param>
internal sealed record TransferOperation(
    string Name, KernelOperation Server, KernelOperation Client, double ServerBits, double ClientBits)
{
    /// <summary>Both sides, each with the bits that it sends.</summary>
    public IEnumerable<(KernelOperation Side, double SentBits)> Sides => [(Server, ServerBits), (Client, ClientBits)];

    /// <summary>Whether its data are more than the near caches hold: other programs then take more of its time.
    /// </summary>
    public bool IsLarge { get; init; }

    /// <summary>What a party's side is called.</summary>
    public static string SideOf(string name, Party party) => $"{name} {(party == Party.Server ? "server" : "client")}";
}
