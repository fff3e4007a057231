namespace Popcorn.ObliviousTransfer.Flows;

/// <summary>The two who compute together.</summary>
public enum Party
{
    /// <summary>Holds the correlation Δ of direction 0, in which it sends.</summary>
    Server,

    /// <summary>Holds the correlation Δ of direction 1, in which it sends.</summary>
    Client,
}

/// <summary>What follows from being one of two.</summary>
public static class PartyExtensions
{
    /// <summary>The other one.</summary>
    public static Party Other(this Party party) => party == Party.Server ? Party.Client : Party.Server;
}
