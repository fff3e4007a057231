using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>Bits that an item takes in a message.</summary>
/// <param name="From">Who sends it.</param>
/// <param name="Bits">How many.</param>
public readonly record struct FlowBits(Party From, int Bits);

/// <summary>
/// How an operation is computed and what it costs, which follows from the operation alone: both parties derive the
/// same.
/// </summary>
public sealed class ComparisonPlan
{
    private ComparisonPlan(Operation operation)
    {
        Operation = operation;
        Trees = TreesOf(operation);
        Circuit = ComparisonCircuit.Of(operation, Trees);
    }

    /// <summary>What is computed.</summary>
    public Operation Operation { get; }

    /// <summary>Bits of the tables that compare what lies below the shift, from the lowest on.</summary>
    public IReadOnlyList<int> LowChunks => [.. Trees.Low?.Chunks ?? []];

    /// <summary>Bits of the tables that compare what lies above the shift and below saturation.</summary>
    public IReadOnlyList<int> MiddleChunks => [.. Trees.Middle.SelectMany(tree => tree.Chunks)];

    /// <summary>Bits of the tables that compare what lies beyond saturation.</summary>
    public IReadOnlyList<int> TopChunks => [.. Trees.Top?.Chunks ?? []];

    /// <summary>Levels of ANDs that the trees may take.</summary>
    public int Depth => Trees.Depth;

    /// <summary>Messages in prepare, as bits of an item.</summary>
    public IReadOnlyList<FlowBits> PrepareBits =>
        [.. new FlowBits[]
        {
            new(Party.Client, Circuit.IsKnown ? Circuit.CorrectionPlanes : 0),
            new(Party.Server, Circuit.PreparedPlanes),
        }.Where(flow => flow.Bits > 0)];

    /// <summary>Messages in the query, as bits of an item.</summary>
    public IReadOnlyList<FlowBits> OnlineBits =>
        [.. Circuit.Flows.Select(flow => new FlowBits(Circuit.SenderOf(flow), Circuit.PlanesOf(flow)))];

    /// <summary>The gates.</summary>
    internal Circuit Circuit { get; }

    private ComparisonTrees Trees { get; }

    /// <summary>The plan of an operation.</summary>
    /// <exception cref="ArgumentException">A number of bits is out of its range, or the depth too small.</exception>
    public static ComparisonPlan Of(Operation operation)
    {
        OperationRanges.Check(operation);
        return new ComparisonPlan(operation);
    }

    /// <summary>COTs that an item takes in the direction in which a party sends.</summary>
    public int Cots(Party sender) => Circuit.Cots(sender);

    /// <summary>Blocks that a party hashes in prepare for an item.</summary>
    public int HashCalls(Party party) => Circuit.HashCalls(party);

    /// <summary>Bits that a party's ticket of an item has, besides the client's own shares.</summary>
    public int TicketBits(Party party) => Circuit.TicketPlanes(party);

    /// <summary>Bytes of memory that a party's tickets take, with the client's own shares.</summary>
    /// <param name="party">Whose.</param>
    /// <param name="items">Of how many items.</param>
    public long TicketBytes(Party party, int items)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(items);
        return (long)(TicketBits(party) + ShareBits(party)) * BitPlanes.WordsFor(items) * sizeof(ulong);
    }

    /// <summary>Bytes of memory that a party works in, in prepare and in the query, beside its tickets.</summary>
    /// <param name="party">Whose.</param>
    /// <param name="items">On how many items.</param>
    public (long Prepare, long Query) WorkBytes(Party party, int items)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(items);
        long plane = (long)BitPlanes.WordsFor(items) * sizeof(ulong);
        return (PreparePlanes(party) * plane, QueryPlanes(party) * plane);
    }

    /// <summary>Messages in prepare.</summary>
    /// <param name="items">How many items.</param>
    public Flow[] PrepareFlows(int items) => FlowsOf(PrepareBits, items);

    /// <summary>Messages in the query.</summary>
    /// <param name="items">How many items.</param>
    public Flow[] OnlineFlows(int items) => FlowsOf(OnlineBits, items);

    /// <summary>Planes that a party works in, in prepare.</summary>
    internal int PreparePlanes(Party party) => Circuit.DraftPlanes(party)
        + Math.Max(Circuit.CorrectionPlanes, Circuit.PreparedPlanes) + Circuit.ScratchPlanes;

    /// <summary>Planes that a party works in, in the query.</summary>
    internal int QueryPlanes(Party party) => (party == Party.Client && Circuit.IsKnown ? 0 : Circuit.InputPlanes)
        + Circuit.ResultPlanes + Circuit.MessagePlanes(party.Other()) + Circuit.Flows.Max(Circuit.PlanesOf)
        + Circuit.ScratchPlanes;

    /// <summary>Bits of an item's own shares that stand with a party's ticket: the client's share of the result, and
    /// its inputs where it knows them.</summary>
    internal int ShareBits(Party party)
    {
        OperationInputs inputs = new(Operation);
        return party == Party.Server ? 0 : Operation.ShareKnown ? inputs.ClientPlanes : inputs.Share.Count;
    }

    /// <summary>Whether a ReLU shifts all that is positive away.</summary>
    internal static bool IsAlwaysZero(Relu relu) => relu.Shift >= relu.Bits - 1;

    /// <summary>Whether a clip does, or has only caps that do.</summary>
    internal static bool IsAlwaysZero(Clip clip) => clip.Shift >= Math.Min(clip.Bits - 1, clip.CapBits);

    private static Flow[] FlowsOf(IReadOnlyList<FlowBits> flows, int items)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(items);
        return [.. flows.Select(flow => new Flow(flow.From, checked(flow.Bits * PlaneBytes.BytesOfPlane(items))))];
    }

    private static ComparisonTrees TreesOf(Operation operation)
    {
        int compared = operation.Bits - 1;
        return operation switch
        {
            Relu relu when IsAlwaysZero(relu) => ComparisonTrees.None,
            Relu { SaturationBits: { } saturation } relu when relu.Shift + saturation < compared =>
                Best(relu.Shift, saturation, compared - relu.Shift - saturation),
            Relu relu => Best(relu.Shift, compared - relu.Shift, 0),
            Clip clip when IsAlwaysZero(clip) => ComparisonTrees.None,
            Clip clip => Best(clip.Shift, compared - clip.Shift, 0, copies: 2),
            SignedShift shift => Best(shift.Shift, 0, 0),
            Sign or Maximum => Best(0, compared, 0),
            AnyOf or Choose or Square => ComparisonTrees.None,
            _ => throw new ArgumentException($"no such operation: {operation.GetType().Name}", nameof(operation)),
        };

        ComparisonTrees Best(int low, int middle, int top, int copies = 1) =>
            low + middle + top == 0
                ? ComparisonTrees.None
                : ComparisonTrees.Of(low, middle, top, copies, operation.Depth, operation.Goal);
    }
}
