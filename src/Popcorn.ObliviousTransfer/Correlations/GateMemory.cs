using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>A party's planes while its gates are prepared or run: views of memory that others own.</summary>
internal sealed class GateMemory
{
    /// <summary>Which party this is.</summary>
    public required Party Self { get; init; }

    /// <summary>Inputs, as the circuit counts them.</summary>
    public BitPlanes Inputs { get; init; }

    /// <summary>Tickets of all gates.</summary>
    public required BitPlanes TicketPlanes { get; init; }

    /// <summary>Drafts of all gates, in prepare.</summary>
    public BitPlanes Drafts { get; init; }

    /// <summary>Results of all gates, in the query.</summary>
    public BitPlanes Results { get; init; }

    /// <summary>The other party's messages to all gates, in the query.</summary>
    public BitPlanes Messages { get; init; }

    /// <summary>As many as the greediest gate wants.</summary>
    public required BitPlanes Scratch { get; init; }

    /// <summary>What a wire stands for.</summary>
    public BitPlanes this[Wire wire] =>
        (wire.Gate == Wire.Input ? Inputs : Results).Slice(wire.First, wire.Count);

    /// <summary>Where a gate's result goes.</summary>
    public BitPlanes ResultOf(Gate gate) => Results.Slice(gate.Places.Result, gate.ResultPlanes);

    /// <summary>A gate's ticket.</summary>
    public BitPlanes TicketOf(Gate gate) => TicketPlanes.Slice(
        Self == Party.Server ? gate.Places.ServerTicket : gate.Places.ClientTicket, gate.TicketPlanes(Self));

    /// <summary>A gate's draft.</summary>
    public BitPlanes DraftOf(Gate gate) => Drafts.Slice(
        Self == Party.Server ? gate.Places.ServerDraft : gate.Places.ClientDraft, gate.DraftPlanes(Self));

    /// <summary>The other party's message to a gate.</summary>
    public BitPlanes MessageTo(Gate gate) => Messages.Slice(
        Self == Party.Server ? gate.Places.FromClient : gate.Places.FromServer, gate.MessagePlanes(Self.Other()));
}
