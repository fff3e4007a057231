using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>
/// Computes an operation on shared numbers, with tickets that are used up: one party's side of the query.
/// </summary>
/// <remarks>
/// The client's share of a result is the one that it chose in prepare; the server's is the rest. Everything that either
/// sends is uniform and independent of the inputs: masked by pads, or by the client's share of the result.
/// </remarks>
public sealed class Comparison : Protocol
{
    private readonly Circuit _circuit;
    private readonly Tickets _tickets;
    private readonly PlaneLease _lease;
    private readonly BitPlanes _message;
    private readonly GateMemory _memory;

    private Comparison(Tickets tickets, ReadOnlySpan<ulong> shares, ReadOnlySpan<ulong> caps)
        : base(tickets.Self, tickets.Plan.OnlineFlows(tickets.Items))
    {
        _tickets = tickets;
        _circuit = tickets.Plan.Circuit;
        bool hasInputs = Self == Party.Client && _circuit.IsKnown;
        int inputs = hasInputs ? 0 : _circuit.InputPlanes, results = _circuit.ResultPlanes;
        int messages = _circuit.MessagePlanes(Self.Other());
        int message = _circuit.Flows.Max(_circuit.PlanesOf);
        _lease = new PlaneLease(tickets.Plan.QueryPlanes(Self), tickets.Items);
        BitPlanes workspace = _lease.Planes;
        _message = workspace.Slice(inputs + results + messages, message);
        _memory = new GateMemory
        {
            Self = Self,
            Inputs = hasInputs ? tickets.Shares : workspace.Slice(0, inputs),
            TicketPlanes = tickets.Correlations,
            Results = workspace.Slice(inputs, results),
            Messages = workspace.Slice(inputs + results, messages),
            Scratch = workspace.Slice(inputs + results + messages + message, _circuit.ScratchPlanes),
        };
        try
        {
            if (!hasInputs)
            {
                Load(shares, caps);
            }

            if (Self == Party.Client || _circuit.Flows[0] != 0)
            {
                FinishAfter(0);
            }
        }
        catch
        {
            _lease.Dispose(); // some shares may be there
            throw;
        }
    }

    /// <summary>The server's side.</summary>
    /// <param name="tickets">Its tickets; no longer the caller's, whatever happens.</param>
    /// <param name="shares">Its shares of the operands, of which the lowest bits count: of all items the first
    /// operand, then the second, and so on.</param>
    /// <param name="caps">For a clip the cap of each item, for others empty.</param>
    /// <exception cref="InvalidOperationException">The tickets have been used.</exception>
    /// <exception cref="ArgumentException">They are the client's, or numbers are too many, too few or too large.
    /// </exception>
    public static Comparison OfServer(
        Tickets tickets, ReadOnlySpan<ulong> shares, ReadOnlySpan<ulong> caps = default)
    {
        ArgumentNullException.ThrowIfNull(tickets);
        ArgumentOutOfRangeException.ThrowIfNotEqual((int)tickets.Self, (int)Party.Server, nameof(tickets));
        return Begin(tickets, shares, caps);
    }

    /// <summary>The client's side, with the shares that it had in prepare.</summary>
    /// <param name="tickets">Its tickets; no longer the caller's, whatever happens.</param>
    /// <exception cref="InvalidOperationException">The tickets have been used.</exception>
    /// <exception cref="ArgumentException">They are the server's, or without shares.</exception>
    public static Comparison OfClient(Tickets tickets)
    {
        ArgumentNullException.ThrowIfNull(tickets);
        ArgumentOutOfRangeException.ThrowIfNotEqual((int)tickets.Self, (int)Party.Client, nameof(tickets));
        ArgumentOutOfRangeException.ThrowIfEqual(tickets.Plan.Operation.ShareKnown, false, nameof(tickets));
        return Begin(tickets, default, default);
    }

    /// <summary>The client's side, with shares that it did not know in prepare.</summary>
    /// <param name="tickets">Its tickets; no longer the caller's, whatever happens.</param>
    /// <param name="shares">Its shares, as the server's.</param>
    /// <exception cref="InvalidOperationException">The tickets have been used.</exception>
    /// <exception cref="ArgumentException">They are the server's, or have shares, or numbers are too many or too few.
    /// </exception>
    public static Comparison OfClient(Tickets tickets, ReadOnlySpan<ulong> shares)
    {
        ArgumentNullException.ThrowIfNull(tickets);
        ArgumentOutOfRangeException.ThrowIfNotEqual((int)tickets.Self, (int)Party.Client, nameof(tickets));
        ArgumentOutOfRangeException.ThrowIfEqual(tickets.Plan.Operation.ShareKnown, true, nameof(tickets));
        return Begin(tickets, shares, default);
    }

    /// <summary>This party's shares of the results, modulo 2^K.</summary>
    /// <param name="results">Filled; one an item.</param>
    /// <exception cref="InvalidOperationException">It has not come to its end.</exception>
    public void CopyResults(Span<ulong> results)
    {
        AssertDone();
        Wire result = Self == Party.Server
            ? _circuit.Result
            : new OperationInputs(_tickets.Plan.Operation).Share;
        PlaneTranspose.FromPlanes(_memory[result], results);
    }

    /// <inheritdoc/>
    protected override void OnWrite(int flow, Span<byte> message)
    {
        int number = _circuit.Flows[flow], first = 0;
        BitPlanes planes = _message.Slice(0, _circuit.PlanesOf(number));
        foreach (Gate gate in _circuit.SendersOf(number))
        {
            if (number == 0)
            {
                gate.WriteCorrections(_memory, planes.Slice(first, gate.CorrectionPlanes));
                first += gate.CorrectionPlanes;
            }
            else
            {
                gate.Write(_memory, planes.Slice(first, gate.MessagePlanes(Self)));
                first += gate.MessagePlanes(Self);
            }
        }

        PlaneBytes.Write(planes, message);
    }

    /// <inheritdoc/>
    protected override void OnRead(int flow, ReadOnlySpan<byte> message)
    {
        int number = _circuit.Flows[flow], plane = PlaneBytes.BytesOfPlane(_tickets.Items), first = 0;
        foreach (Gate gate in _circuit.SendersOf(number))
        {
            int count = number == 0 ? gate.CorrectionPlanes : gate.MessagePlanes(Self.Other());
            BitPlanes planes = number == 0 ? _message.Slice(0, count) : _memory.MessageTo(gate);
            PlaneBytes.Read(message.Slice(first * plane, count * plane), planes);
            first += count;
            if (number == 0)
            {
                gate.ReadCorrections(_memory, planes);
            }
        }

        FinishAfter(number);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _lease.Dispose();
        _tickets.Dispose();
    }

    private static Comparison Begin(Tickets tickets, ReadOnlySpan<ulong> shares, ReadOnlySpan<ulong> caps)
    {
        Tickets taken = tickets.Take();
        try
        {
            return new Comparison(taken, shares, caps);
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    private void Load(ReadOnlySpan<ulong> shares, ReadOnlySpan<ulong> caps)
    {
        OperationInputs inputs = new(_tickets.Plan.Operation);
        inputs.Load(shares, _memory.Inputs);
        if (Self == Party.Server)
        {
            inputs.LoadCaps(caps, _memory.Inputs);
        }
        else
        {
            Wire share = inputs.Share;
            _tickets.Shares.Span.CopyTo(_memory.Inputs.Slice(share.First, share.Count).Span);
        }
    }

    private void FinishAfter(int flow)
    {
        foreach (Gate gate in _circuit.FinishedAfter(flow, Self))
        {
            gate.Finish(_memory);
        }
    }
}
