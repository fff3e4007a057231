using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>
/// The query of an operation. Both parties compute once together; after that each does its side alone, again and again
/// with copies of its tickets, and reads what the other one said the first time.
/// </summary>
internal sealed class QueryRuns
{
    private const int Runs = RunAhead.Runs;

    private readonly ComparisonPlan _plan;
    private readonly int _items;
    private readonly ulong[] _shares;
    private readonly byte[][] _messages;
    private readonly ulong[][] _results;
    private readonly Tickets[] _masters;
    private readonly Queue<Tickets>[] _copies = [new(), new()];
    private readonly byte[] _written;
    private readonly ulong[] _computed;

    /// <summary>Prepares tickets and makes the query once.</summary>
    /// <param name="connection">Any connection.</param>
    /// <param name="plan">Of the operation.</param>
    /// <param name="items">How many items.</param>
    public QueryRuns(Connection connection, ComparisonPlan plan, int items)
    {
        _plan = plan;
        _items = items;
        var random = new Random(1);
        ulong[] Numbers(int bits) =>
            [.. Enumerable.Range(0, items).Select(_ => (ulong)random.NextInt64() & (ulong.MaxValue >> (64 - bits)))];
        ulong[] clients = Numbers(plan.Operation.OperandBits), wanted = Numbers(plan.Operation.ResultBits);
        _shares = Numbers(plan.Operation.OperandBits);
        _computed = new ulong[items];
        connection.Extend(
            (long)plan.Cots(Party.Server) * items, (long)plan.Cots(Party.Client) * items);
        using Preparation server = connection.Server.Prepare(plan, items);
        using Preparation client = connection.Client.Prepare(plan, clients, wanted);
        Connection.Run(server, client);
        _masters = [server.TakeTickets(), client.TakeTickets()];

        using Comparison atServer = Begin(CopyOf(Party.Server)), atClient = Begin(CopyOf(Party.Client));
        _messages = [.. Connection.Run(atServer, atClient)];
        _written = new byte[_messages.Max(message => message.Length)];
        _results = [new ulong[items], new ulong[items]];
        atServer.CopyResults(_results[0]);
        atClient.CopyResults(_results[1]);
        Inputs = [.. _shares.Zip(clients, (a, b) => (a + b) & Mask(plan.Operation.OperandBits))];
        Results = [.. _results[0].Zip(_results[1], (a, b) => (a + b) & Mask(plan.Operation.ResultBits))];
    }

    /// <summary>The numbers that it was made for.</summary>
    public IReadOnlyList<ulong> Inputs { get; }

    /// <summary>What came out.</summary>
    public IReadOnlyList<ulong> Results { get; }

    /// <summary>A party's shares of it.</summary>
    public IReadOnlyList<ulong> SharesOf(Party party) => _results[(int)party];

    /// <summary>A party's shares of the results, as the last run computed them again.</summary>
    public IReadOnlyList<ulong> Computed => _computed;

    /// <summary>One party's side, for the timer.</summary>
    public KernelOperation Create(string name, Party party) => new(name, _items, () => Run(party))
    {
        Supply = new Supply(Runs, () => Renew(party)),
    };

    private static ulong Mask(int bits) => ulong.MaxValue >> (64 - bits);

    private void Renew(Party party)
    {
        while (_copies[(int)party].Count < Runs)
        {
            _copies[(int)party].Enqueue(CopyOf(party));
        }
    }

    private Tickets CopyOf(Party party)
    {
        Tickets master = _masters[(int)party];
        var copy = new Tickets(_plan, party, _items);
        master.Correlations.Span.CopyTo(copy.Correlations.Span);
        master.Shares.Span.CopyTo(copy.Shares.Span);
        return copy;
    }

    private Comparison Begin(Tickets tickets) => tickets.Self == Party.Server
        ? Comparison.OfServer(tickets, _shares)
        : Comparison.OfClient(tickets);

    private void Run(Party party)
    {
        using Comparison comparison = Begin(_copies[(int)party].Dequeue());
        for (int flow = 0; comparison.Due is { } due; flow++)
        {
            if (due.From == party)
            {
                comparison.Write(_written.AsSpan(0, due.Bytes));
            }
            else
            {
                comparison.Read(_messages[flow]);
            }
        }

        comparison.CopyResults(_computed);
    }
}
