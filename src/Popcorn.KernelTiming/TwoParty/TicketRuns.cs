using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>
/// Tickets from nothing: the COTs of both directions, then the preparation. Either party waits for messages of the
/// other's, so each is several batches ahead with what it can do alone: the client makes its COTs of direction 1 for
/// later batches, and the server corrects the pads of earlier ones.
/// </summary>
internal sealed class TicketRuns : RunAhead
{
    private const int Corrections = 2; // the kind of message that comes after those of both directions

    private readonly Connection _connection;
    private readonly ComparisonPlan _plan;
    private readonly int _items;
    private readonly int[] _made;
    private readonly ulong[] _shares;
    private readonly ulong[] _results;
    private readonly Queue<Preparation> _drawn = new();

    /// <summary>Brings both parties to where they do the same work in every run.</summary>
    /// <param name="connection">A settled connection that is used for nothing else.</param>
    /// <param name="plan">Of the operation.</param>
    /// <param name="items">Tickets of a run.</param>
    /// <param name="made">
    /// COTs that a run makes in either direction; what is more than the tickets take stands for those that the silent
    /// extension starts its iterations from.
    /// </param>
    public TicketRuns(Connection connection, ComparisonPlan plan, int items, params int[] made)
    {
        _connection = connection;
        _plan = plan;
        _items = items;
        _made = made;
        _shares = new ulong[items * plan.Operation.Operands];
        _results = new ulong[items];
        for (int run = 0; run < Runs; run++)
        {
            Extend(Party.Server, 0, run);
            Extend(Party.Client, 0, run);
            Extend(Party.Client, 1, run);
            Extend(Party.Server, 1, run);
            _drawn.Enqueue(connection.Server.Prepare(plan, items));
            PrepareClient(run);
        }

        for (int run = 0; run < Runs; run++)
        {
            Extend(Party.Client, 1, run);
        }
    }

    /// <summary>The server.</summary>
    protected override void RunFirst(int run)
    {
        Extend(Party.Server, 0, run);
        Extend(Party.Server, 1, run);
        _drawn.Enqueue(_connection.Server.Prepare(_plan, _items));
        using Preparation earlier = _drawn.Dequeue();
        earlier.Read(Message(run, earlier.Due!.Value.Bytes, Corrections));
        using Tickets tickets = earlier.TakeTickets();
    }

    /// <summary>The client.</summary>
    protected override void RunSecond(int run)
    {
        Extend(Party.Client, 0, run);
        Extend(Party.Client, 1, run);
        PrepareClient(run);
    }

    private void PrepareClient(int run)
    {
        using Preparation preparation = _connection.Client.Prepare(_plan, _shares, _results);
        preparation.Write(Message(run, preparation.Due!.Value.Bytes, Corrections));
        using Tickets tickets = preparation.TakeTickets();
    }

    private void Extend(Party party, int direction, int run)
    {
        Transfers end = _connection.EndOf(party);
        bool sends = (int)party == direction;
        CotPool pool = sends ? end.Sending : end.Receiving;
        int before = pool.Available, wanted = before + _made[direction];
        using (Protocol protocol = sends ? end.Extend(wanted, 0) : end.Extend(0, wanted))
        {
            Span<byte> message = Message(run, protocol.Due!.Value.Bytes, direction);
            if (sends)
            {
                protocol.Write(message);
            }
            else
            {
                protocol.Read(message);
            }
        }

        int needed = _items * _plan.Cots(sends ? party : party.Other());
        _connection.Drop(pool, pool.Available - before - needed);
    }
}
