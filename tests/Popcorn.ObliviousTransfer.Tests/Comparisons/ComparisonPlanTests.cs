using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Tests.Correlations;

namespace Popcorn.ObliviousTransfer.Tests.Comparisons;

/// <summary>What comparisons cost, against numbers that were counted by hand and by another program.</summary>
public sealed class ComparisonPlanTests
{
    public static TheoryData<Operation, PlanRow> Rows => new()
    {
        {
            new Relu(20, 8, 12),
            new PlanRow(3, "3 2 2 1 | 3 3 3 2", 110, 44, 19, (28, 8), (170, 92), (72, 33), [79, 16, 18, 3, 13, 25])
        },
        {
            new Relu(20, 8, 12) { Depth = 4 },
            new PlanRow(4, "3 2 2 1 | 2 2 2 2 2 1", 98, 49, 19, (30, 10), (164, 103), (72, 41), [65, 19, 18, 5, 15, 25])
        },
        {
            new Relu(20, 8, 12) { Depth = 3, Goal = TreeGoal.FewestTransfers },
            new PlanRow(3, "4 4 | 4 4 3", 152, 35, 19, (25, 5), (201, 72), (89, 21), null)
        },
        {
            new Relu(20, 8, 12, 8),
            new PlanRow(
                4, "3 2 2 1 | 2 2 2 2 | 2 1", 117, 55, 19, (33, 12), (198, 124), (80, 48),
                [70, 21, 18, 6, 5, 2, 24, 26])
        },
        {
            new Relu(20, 8, 12, 8) { Depth = 3 },
            new PlanRow(3, "4 4 | 4 4 | 2 1", 167, 44, 19, (29, 8), (234, 99), (98, 32), [125, 13, 16, 5, 26, 26])
        },
        {
            new Relu(20, 8, 20),
            new PlanRow(3, "3 2 2 1 | 3 3 3 2", 134, 60, 20, (29, 8), (226, 133), (74, 34), null)
        },
        {
            new Relu(20, 8, 20, 8),
            new PlanRow(4, "3 2 2 1 | 2 2 2 2 | 2 1", 149, 71, 20, (34, 12), (270, 173), (82, 49), null)
        },
        {
            new Sign(13, 13),
            new PlanRow(2, "| 4 3 3 2", 57, 33, 12, (15, 4), (81, 44), (46, 15), [54, 7, 3, 26])
        },
        {
            new Sign(13, 13) { Depth = 3 },
            new PlanRow(3, "| 3 2 2 2 2 1", 45, 38, 12, (17, 6), (75, 55), (42, 23), [40, 10, 4, 2, 1, 26])
        },
        {
            new Maximum(13, 13),
            new PlanRow(2, "| 4 3 3 2", 70, 34, 12, (16, 4), (107, 58), (48, 16), [54, 7, 16, 27])
        },
        {
            new Maximum(13, 13) { ShareKnown = false },
            new PlanRow(2, "| 4 3 3 2", 70, 46, 0, (16, 4), (107, 70), (48, 16), [12, 54, 7, 16, 27])
        },
        {
            new Maximum(13, 20),
            new PlanRow(2, "| 4 3 3 2", 77, 48, 12, (16, 4), (128, 79), (48, 16), [54, 7, 23, 41])
        },
        {
            new Maximum(20, 20) { Depth = 4 },
            new PlanRow(4, "| 3 2 2 2 2 2 2 2 2", 96, 61, 19, (28, 9), (165, 110), (67, 36), null)
        },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_plan_costs_what_was_counted(Operation operation, PlanRow row)
    {
        ComparisonPlan plan = ComparisonPlan.Of(operation);
        Assert.Equal(row.Depth, plan.Depth);
        Assert.Equal(row.Chunks, Chunks(plan));
        Assert.Equal((row.FromServer, row.FromClient), (Online(plan, Party.Server), Online(plan, Party.Client)));
        Assert.Equal(row.Prepare, plan.PrepareBits.Sum(flow => flow.Bits));
        Assert.All(plan.PrepareBits, flow => Assert.Equal(Party.Client, flow.From));
        Assert.Equal(row.Transfers, (plan.Cots(Party.Server), plan.Cots(Party.Client)));
        Assert.Equal(row.Stored, (plan.TicketBits(Party.Server), plan.TicketBits(Party.Client)));
        Assert.Equal(row.Hashes, (plan.HashCalls(Party.Server), plan.HashCalls(Party.Client)));
        if (row.Flows is { } flows)
        {
            Assert.Equal(flows, plan.OnlineBits.Select(flow => flow.Bits));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(512)]
    [InlineData(513)]
    public void Tickets_take_as_many_bytes_as_the_plan_says(int items)
    {
        foreach (bool known in new[] { true, false })
        {
            ComparisonPlan plan = ComparisonPlan.Of(new Relu(20, 8, 12) { ShareKnown = known });
            (Tickets server, Tickets client) =
                BothParties.Prepare(plan, new ulong[items], new ulong[items], new IdealPads(1));
            foreach (Tickets tickets in new[] { server, client })
            {
                int words = tickets.Correlations.Span.Length + tickets.Shares.Span.Length;
                Assert.Equal(8 * words, plan.TicketBytes(tickets.Self, items));
                tickets.Dispose();
            }
        }
    }

    private static string Chunks(ComparisonPlan plan)
    {
        IEnumerable<IReadOnlyList<int>> parts = plan.TopChunks.Count > 0
            ? [plan.LowChunks, plan.MiddleChunks, plan.TopChunks]
            : [plan.LowChunks, plan.MiddleChunks];
        return string.Join(" | ", parts.Select(part => string.Join(" ", part))).Trim();
    }

    private static int Online(ComparisonPlan plan, Party from) =>
        plan.OnlineBits.Where(flow => flow.From == from).Sum(flow => flow.Bits);
}

/// <summary>Costs of an item, in bits; of a pair the server's first.</summary>
public sealed record PlanRow(
    int Depth,
    string Chunks,
    int FromServer,
    int FromClient,
    int Prepare,
    (int, int) Transfers,
    (int, int) Stored,
    (int, int) Hashes,
    int[]? Flows);
