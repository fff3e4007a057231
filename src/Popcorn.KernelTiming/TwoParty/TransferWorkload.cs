using Popcorn.Engine.Protocols;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>
/// The operations of oblivious transfers that are measured, with the connections that they need. The command line, the
/// regression gate and the benchmark suites measure these and no others. The server is the sender.
/// </summary>
internal sealed class TransferWorkload : IDisposable
{
    /// <summary>Preparation of a ReLU.</summary>
    public const string Ticket = "reluTicket20";

    /// <summary>A COT of the extension that is not silent.</summary>
    public const string SoftSpoken = "softSpoken";

    /// <summary>Units of a run of <c>cot</c>: two trees, less what an iteration starts from.</summary>
    public const int Cots = 15_806;

    /// <summary>Units of a run of SoftSpoken.</summary>
    public const int SoftSpokenCots = 16_384;

    /// <summary>Units of a run of <c>rot</c>, <c>rot8</c>, <c>triple</c> and of queries.</summary>
    public const int Batch = 4096;

    /// <summary>Units of a run of <c>reluTicket20</c>: what seven trees and two of the other direction give.</summary>
    public const int TicketBatch = 1975;

    private const int TreesOfCots = 2;

    private readonly List<IDisposable> _owned = [];

    /// <summary>Names of the operations, in the order in which they are reported.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["cot", "rot", "rot8", "triple", Ticket, "relu20", "sign13"];

    /// <summary>The same, and <see cref="SoftSpoken"/>, which is reported apart.</summary>
    public static IReadOnlyList<string> AllNames { get; } = [.. Names, SoftSpoken];

    /// <summary>The ReLU that is measured.</summary>
    public static ComparisonPlan Relu { get; } = ComparisonPlan.Of(new Relu(20, 8, 12));

    /// <summary>The sign that is measured.</summary>
    public static ComparisonPlan Sign { get; } = ComparisonPlan.Of(new Sign(13, 13));

    /// <summary>With the vectors of the native library where there are some, as the engine.</summary>
    public TransferWorkload() => NativeBlockKernel.Use();

    private static FerretParameters Set => FerretParameters.Depth13;

    /// <summary>Outputs of an iteration that the next one does not start from.</summary>
    private static long Usable => Set.Outputs - Set.Consumed;

    /// <summary>Bytes in memory of a party's tickets.</summary>
    /// <param name="party">Whose.</param>
    /// <param name="items">How many.</param>
    public static long TicketBytes(Party party, int items)
    {
        using var one = new Tickets(Relu, party, 1);
        return (long)sizeof(ulong) * BitPlanes.WordsFor(items) * (one.Correlations.Count + one.Shares.Count);
    }

    /// <summary>
    /// Prepares an operation, one of <see cref="AllNames"/>; what it needs lives as long as this object.
    /// </summary>
    public TransferOperation Create(string name) => name switch
    {
        "cot" => ServerFirst(
            name,
            Cots,
            new CotRuns(Own(Connection.Settled(Set, bothDirections: false)), TreesOfCots * Set.Leaves, Party.Server),
            serverBits: 8.0 * Set.Trees * Set.TreeBytes / Usable) with
        {
            IsLarge = true,
        },
        SoftSpoken => ClientFirst(
            name, SoftSpokenCots, new CotRuns(Short(), SoftSpokenCots, Party.Client),
            8.0 * SmallField.BytesFor(SoftSpokenCots) / SoftSpokenCots),
        "rot" => ServerFirst(name, Batch, new RotRuns(Short(), Batch)),
        "rot8" => ClientFirst(name, Batch, new TableRuns(Short(), Batch), TableRuns.ChoiceBits),
        "triple" => ServerFirst(name, Batch, new TripleRuns(Short(), Batch)),
        Ticket => Tickets(name),
        "relu20" => Query(name, Relu),
        "sign13" => Query(name, Sign),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such operation."),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable item in _owned)
        {
            item.Dispose();
        }
    }

    private static TransferOperation ServerFirst(string name, int units, RunAhead runs, double serverBits = 0) => new(
        name,
        runs.CreateFirst(TransferOperation.SideOf(name, Party.Server), units),
        runs.CreateSecond(TransferOperation.SideOf(name, Party.Client), units),
        serverBits,
        ClientBits: 0);

    private static TransferOperation ClientFirst(string name, int units, RunAhead runs, double clientBits) => new(
        name,
        runs.CreateSecond(TransferOperation.SideOf(name, Party.Server), units),
        runs.CreateFirst(TransferOperation.SideOf(name, Party.Client), units),
        ServerBits: 0,
        clientBits);

    private static double BitsOf(IEnumerable<FlowBits> flows, Party from) =>
        flows.Where(flow => flow.From == from).Sum(flow => flow.Bits);

    private TransferOperation Tickets(string name)
    {
        int[] made =
        [
            .. ((Party[])[Party.Server, Party.Client])
                .Select(sender => (long)Relu.Cots(sender) * TicketBatch * Set.Outputs / Usable)
                .Select(cots => (int)((cots + Set.Leaves - 1) / Set.Leaves) * Set.Leaves),
        ];
        Connection connection = Own(Connection.Settled(Set, bothDirections: true));
        TransferOperation operation =
            ServerFirst(name, TicketBatch, new TicketRuns(connection, Relu, TicketBatch, made));
        return operation with
        {
            IsLarge = true,
            ServerBits = BitsOf(Relu.PrepareBits, Party.Server),
            ClientBits = BitsOf(Relu.PrepareBits, Party.Client),
        };
    }

    private TransferOperation Query(string name, ComparisonPlan plan)
    {
        var runs = new QueryRuns(Short(), plan, Batch);
        return new TransferOperation(
            name,
            runs.Create(TransferOperation.SideOf(name, Party.Server), Party.Server),
            runs.Create(TransferOperation.SideOf(name, Party.Client), Party.Client),
            BitsOf(plan.OnlineBits, Party.Server),
            BitsOf(plan.OnlineBits, Party.Client));
    }

    private Connection Short() => Own(new Connection(TransferOptions.Short));

    private T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }
}
