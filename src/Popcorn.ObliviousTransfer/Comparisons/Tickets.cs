using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>
/// What a party keeps from the preparation of an operation on some items: for one query. It belongs to the
/// <see cref="Comparison"/> that begins with it, even if that fails: used twice it would tell differences of inputs.
/// </summary>
public sealed class Tickets : IDisposable
{
    private const string Used = "these tickets have been used";

    private readonly int _shares;
    private PlaneLease? _lease;

    /// <summary>Empty ones.</summary>
    /// <param name="plan">Of the operation.</param>
    /// <param name="self">Whose they are.</param>
    /// <param name="items">How many items.</param>
    internal Tickets(ComparisonPlan plan, Party self, int items)
    {
        Plan = plan;
        Self = self;
        Items = items;
        _shares = plan.ShareBits(self);
        _lease = new PlaneLease(plan.TicketBits(self) + _shares, items);
    }

    private Tickets(Tickets from, PlaneLease lease)
    {
        Plan = from.Plan;
        Self = from.Self;
        Items = from.Items;
        _shares = from._shares;
        _lease = lease;
    }

    /// <summary>What they are for.</summary>
    public ComparisonPlan Plan { get; }

    /// <summary>Whose they are.</summary>
    public Party Self { get; }

    /// <summary>How many items.</summary>
    public int Items { get; }

    /// <summary>Planes of the gates.</summary>
    internal BitPlanes Correlations => Planes.Slice(0, Plan.TicketBits(Self));

    /// <summary>The client's share of the result, and its inputs where it knows them.</summary>
    internal BitPlanes Shares => Planes.Slice(Plan.TicketBits(Self), _shares);

    private BitPlanes Planes => _lease?.Planes ?? throw new InvalidOperationException(Used);

    /// <summary>Wipes them, if they have not been used.</summary>
    public void Dispose() => Interlocked.Exchange(ref _lease, null)?.Dispose();

    /// <summary>Moves them out.</summary>
    /// <exception cref="InvalidOperationException">They have been moved already.</exception>
    internal Tickets Take() => new(
        this, Interlocked.Exchange(ref _lease, null) ?? throw new InvalidOperationException(Used));
}
