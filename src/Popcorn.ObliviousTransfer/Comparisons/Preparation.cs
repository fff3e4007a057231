using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>
/// Makes tickets: draws the pads of all gates, then the client sends by how much its random choices differ from those
/// that it wants, and for squares the server sends its part of products of random numbers.
/// </summary>
public sealed class Preparation : Protocol
{
    private readonly ComparisonPlan _plan;
    private readonly PlaneLease _lease;
    private readonly BitPlanes _message;
    private readonly GateMemory _memory;
    private Tickets? _tickets;

    private Preparation(ComparisonPlan plan, Party self, int items, Tickets tickets, IPadSource pads)
        : base(self, plan.PrepareFlows(items))
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual((int)pads.Self, (int)self, nameof(pads));
        _plan = plan;
        _tickets = tickets;
        Circuit circuit = plan.Circuit;
        int drafts = circuit.DraftPlanes(self), message = Math.Max(circuit.CorrectionPlanes, circuit.PreparedPlanes);
        _lease = new PlaneLease(plan.PreparePlanes(self), items);
        BitPlanes workspace = _lease.Planes;
        _message = workspace.Slice(drafts, message);
        _memory = new GateMemory
        {
            Self = self,
            Inputs = tickets.Shares,
            TicketPlanes = tickets.Correlations,
            Drafts = workspace.Slice(0, drafts),
            Scratch = workspace.Slice(drafts + message, circuit.ScratchPlanes),
        };
        try
        {
            foreach (Gate gate in circuit.Gates)
            {
                gate.Draw(_memory, pads);
            }
        }
        catch
        {
            _lease.Dispose();
            throw;
        }
    }

    /// <summary>The server's side, which needs none of its inputs.</summary>
    /// <param name="plan">Of the operation.</param>
    /// <param name="items">How many items, 1 or more.</param>
    /// <param name="pads">Where pads come from.</param>
    internal static Preparation OfServer(ComparisonPlan plan, int items, IPadSource pads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(items);
        var tickets = new Tickets(plan, Party.Server, items);
        try
        {
            return new Preparation(plan, Party.Server, items, tickets, pads);
        }
        catch
        {
            tickets.Dispose();
            throw;
        }
    }

    /// <summary>The client's side.</summary>
    /// <param name="plan">Of the operation.</param>
    /// <param name="shares">Its shares of the operands, of which the lowest bits count: of all items the first
    /// operand, then the second, and so on. Empty where the operation says that they are not known.</param>
    /// <param name="results">The shares of the results that it wants: uniform modulo 2^K, one an item, none used
    /// before.</param>
    /// <param name="pads">Where pads come from.</param>
    internal static Preparation OfClient(
        ComparisonPlan plan, ReadOnlySpan<ulong> shares, ReadOnlySpan<ulong> results, IPadSource pads)
    {
        ArgumentOutOfRangeException.ThrowIfZero(results.Length, nameof(results));
        var tickets = new Tickets(plan, Party.Client, results.Length);
        try
        {
            OperationInputs inputs = new(plan.Operation);
            PlaneTranspose.ToPlanes(results, tickets.Shares.Slice(inputs.Share.First, inputs.Share.Count));
            if (plan.Operation.ShareKnown)
            {
                inputs.Load(shares, tickets.Shares);
            }
            else
            {
                ArgumentOutOfRangeException.ThrowIfNotEqual(shares.Length, 0, nameof(shares));
            }

            return new Preparation(plan, Party.Client, results.Length, tickets, pads);
        }
        catch
        {
            tickets.Dispose(); // the shares are there
            throw;
        }
    }

    /// <summary>The tickets, which belong to the caller from now on.</summary>
    /// <exception cref="InvalidOperationException">It has not come to its end, or they have been taken.</exception>
    public Tickets TakeTickets()
    {
        AssertDone();
        Tickets tickets = _tickets ?? throw new InvalidOperationException("the tickets have been taken");
        _tickets = null;
        return tickets;
    }

    /// <inheritdoc/>
    protected override void OnWrite(int flow, Span<byte> message)
    {
        foreach ((Gate gate, BitPlanes part) in PartsOf(Self))
        {
            if (Self == Party.Client)
            {
                gate.WriteCorrections(_memory, part);
            }
            else
            {
                gate.WritePrepared(_memory, part);
            }
        }

        PlaneBytes.Write(_message.Slice(0, PlanesOf(Self)), message);
    }

    /// <inheritdoc/>
    protected override void OnRead(int flow, ReadOnlySpan<byte> message)
    {
        Party from = Self.Other();
        PlaneBytes.Read(message, _message.Slice(0, PlanesOf(from)));
        foreach ((Gate gate, BitPlanes part) in PartsOf(from))
        {
            if (from == Party.Client)
            {
                gate.ReadCorrections(_memory, part);
            }
            else
            {
                gate.ReadPrepared(_memory, part);
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _lease.Dispose();
        _tickets?.Dispose();
        _tickets = null;
    }

    /// <summary>What each gate has in a party's message.</summary>
    private IEnumerable<(Gate Gate, BitPlanes Part)> PartsOf(Party from)
    {
        int first = 0;
        foreach (Gate gate in _plan.Circuit.PreparedBy(from))
        {
            int planes = from == Party.Client ? gate.CorrectionPlanes : gate.PreparedPlanes;
            yield return (gate, _message.Slice(first, planes));
            first += planes;
        }
    }

    private int PlanesOf(Party from) =>
        from == Party.Client ? _plan.Circuit.CorrectionPlanes : _plan.Circuit.PreparedPlanes;
}
