using System.Globalization;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// What a client lets a query of one image cost it. The plan follows from what the server says of its model, so it is
/// compared with these before tables are made and before the client agrees to anything. The defaults hold networks for
/// ImageNet with room to spare.
/// </summary>
public sealed record ClientLimits
{
    /// <summary>Bytes of messages in both directions, at most; encryptions and decryptions are proportional.</summary>
    public long MaxTraffic { get; init; } = 32L << 30;

    /// <summary>Round trips, at most.</summary>
    public int MaxRounds { get; init; } = 1 << 12;

    /// <summary>Bytes of the client's memory for encryption tables and the query's values, at most.</summary>
    public long MaxMemory { get; init; } = 1L << 30;

    /// <summary>Refuses a plan that costs more.</summary>
    /// <param name="plan">The plan of one image.</param>
    /// <param name="memory">Bytes that it takes of the client's memory.</param>
    /// <exception cref="PopcornException">Says what it costs, and which limit to raise.</exception>
    internal void Require(Plan plan, long memory)
    {
        StepCost cost = plan.Cost;
        Require(cost.BytesUp + cost.BytesDown, MaxTraffic, 1 << 20, "MiB of messages", nameof(MaxTraffic));
        Require(plan.Rounds, MaxRounds, 1, "round trips", nameof(MaxRounds));
        Require(memory, MaxMemory, 1 << 20, "MiB of memory", nameof(MaxMemory));
    }

    private static void Require(long cost, long limit, long unit, string what, string name)
    {
        if (cost > limit)
        {
            throw new PopcornException(PopcornError.TooLarge, string.Create(
                CultureInfo.InvariantCulture,
                $"An image takes {(cost + unit - 1) / unit} {what} with the server's model, and this client allows "
                + $"{limit / unit}; raise {nameof(ClientLimits)}.{name} if you trust that."));
        }
    }
}
