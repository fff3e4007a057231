using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.Tests;

namespace Popcorn.ObliviousTransfer.Tests.Comparisons;

/// <summary>Every operation on all pairs of shares of few bits.</summary>
public sealed class ExhaustiveTests
{
    public static TheoryData<int> Bits => [1, 2, 3, 4, 5, 6, 7, 8];

    /// <summary>Rings below, at and above what a shift leaves.</summary>
    private static IEnumerable<int> Rings(int left) => new[] { 1, left - 1, left, left + 1, left + 3 }
        .Where(bits => bits >= 1).Distinct();

    [Theory]
    [MemberData(nameof(Bits))]
    public void Signs_are_exact(int bits)
    {
        foreach (int ring in new[] { 1, 2, bits })
        {
            AssertAllPairs(new Sign(bits, ring));
        }
    }

    [Theory]
    [MemberData(nameof(Bits))]
    public void Relus_are_exact(int bits)
    {
        for (int shift = 0; shift <= bits + 1; shift++)
        {
            foreach (int ring in Rings(bits - shift))
            {
                AssertAllPairs(new Relu(bits, shift, ring));
                AssertAllPairs(new Relu(bits, shift, ring) { Depth = 6, Goal = TreeGoal.FewestTransfers });
            }
        }
    }

    [Theory]
    [MemberData(nameof(Bits))]
    public void Saturating_relus_are_exact(int bits)
    {
        for (int shift = 0; shift <= bits; shift++)
        {
            for (int saturation = 1; saturation <= bits; saturation++)
            {
                int ring = 1 + ((shift + (3 * saturation)) % (bits + 2));
                AssertAllPairs(new Relu(bits, shift, ring, saturation));
                AssertAllPairs(new Relu(bits, shift, saturation, saturation) { Depth = 5 });
            }
        }
    }

    [Theory]
    [MemberData(nameof(Bits))]
    public void Signed_shifts_are_exact(int bits)
    {
        for (int shift = 0; shift <= bits - 2; shift++)
        {
            foreach (int ring in Rings(bits - shift))
            {
                AssertAllPairs(new SignedShift(bits, shift, ring));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Bits))]
    public void Squares_are_exact(int bits)
    {
        AssertAllPairs(new Square(bits));
        AssertAllPairs(new Square(bits) { ShareKnown = false });
    }

    /// <summary>
    /// All shares of the difference, with the second number's at random; in a wider ring all lowest bits of them, with
    /// those above at random too.
    /// </summary>
    [Theory]
    [MemberData(nameof(Bits))]
    public void Maxima_are_exact(int bits)
    {
        foreach (int ring in new[] { 1, bits, bits + 1, bits + 9, 64 })
        {
            int width = Math.Max(bits, ring);
            (ulong[] client, ulong[] server) = AllPairs(bits);
            for (int i = 0; i < client.Length && width > bits; i++)
            {
                ulong difference = (ulong)(long)PlainResults.Signed(client[i] + server[i], bits);
                client[i] |= (ulong)i * 0x9E3779B97F4A7C15 << bits & BothParties.Mask(width);
                server[i] = difference - client[i] & BothParties.Mask(width);
            }

            var random = new SplitMixShares(width, client.Length);
            foreach (bool known in new[] { true, false })
            {
                AssertRun(
                    new Maximum(bits, ring) { ShareKnown = known },
                    [.. random.Plus(client, random.Client), .. random.Client],
                    [.. random.Plus(server, random.Server), .. random.Server],
                    items: client.Length,
                    isAllowed: (x, i) => Int128.Abs(PlainResults.Signed(x[i], width)
                        - PlainResults.Signed(x[client.Length + i], width)) < 1 << (bits - 1));
            }
        }
    }

    /// <summary>All shares of the number, under a bit shared in every way.</summary>
    [Theory]
    [MemberData(nameof(Bits))]
    public void Choices_are_exact(int bits)
    {
        (ulong[] client, ulong[] server) = AllPairs(bits);
        for (int bit = 0; bit < 4; bit++)
        {
            AssertRun(
                new Choose(bits, bits),
                [.. client.Select(_ => (ulong)bit & 1), .. client],
                [.. server.Select(_ => (ulong)bit >> 1), .. server],
                items: client.Length,
                isAllowed: (_, _) => true);
        }
    }

    [Theory]
    [MemberData(nameof(Bits))]
    public void Clips_are_exact(int bits)
    {
        (ulong[] client, ulong[] server) = AllPairs(bits);
        for (int shift = 0; shift <= bits; shift++)
        {
            for (int capBits = 1; capBits < bits; capBits++)
            {
                foreach (ulong most in new[] { 1ul, (1ul << capBits) - 1 })
                {
                    ulong[] caps = [.. client.Select((_, i) => (ulong)i * 5 % (most + 1))];
                    int ring = 1 + ((shift + (2 * capBits)) % (bits + 2));
                    AssertRun(
                        new Clip(bits, shift, ring, capBits),
                        client,
                        server,
                        client.Length,
                        (x, i) => PlainResults.Signed(x[i], bits) - (Int128)caps[i] >= -(1 << (bits - 1)),
                        caps);
                }
            }
        }
    }

    /// <summary>All shares of all bits, in rings of two bits.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(8)]
    public void Ors_are_exact(int count)
    {
        int items = 1 << (2 * count);
        ulong[] client = new ulong[items * count], server = new ulong[items * count];
        for (int i = 0; i < items; i++)
        {
            for (int operand = 0; operand < count; operand++)
            {
                ulong bit = (ulong)(i >> (2 * operand)) & 1, share = (ulong)(i >> ((2 * operand) + 1)) & 1;
                client[(operand * items) + i] = share + 2;
                server[(operand * items) + i] = (bit - share - 2) & 3;
            }
        }

        foreach (int ring in new[] { 1, 3, 64 })
        {
            AssertRun(new AnyOf(count, ring), client, server, items);
        }

        AssertRun(new AnyOf(count, 4) { ShareKnown = false }, client, server, items);
    }

    /// <summary>The same for every ring, every saturation, and trees of every depth.</summary>
    [SlowFact]
    public void Every_ring_and_every_tree_is_exact()
    {
        for (int bits = 1; bits <= 8; bits++)
        {
            for (int ring = 1; ring <= bits + 3; ring++)
            {
                AssertAllPairs(new Sign(bits, ring) { ShareKnown = false });
                for (int shift = 0; shift <= bits; shift++)
                {
                    for (int depth = 3; depth <= 7; depth++)
                    {
                        AssertAllPairs(new Relu(bits, shift, ring) { Depth = depth, ShareKnown = depth % 2 == 0 });
                        for (int saturation = 1; saturation <= bits; saturation++)
                        {
                            AssertAllPairs(new Relu(bits, shift, ring, saturation)
                            {
                                Depth = depth,
                                Goal = (TreeGoal)(depth % 2),
                                ShareKnown = saturation % 2 == 0,
                            });
                        }
                    }
                }
            }
        }
    }

    private static void AssertAllPairs(Operation operation)
    {
        (ulong[] client, ulong[] server) = AllPairs(operation.Bits);
        int quarter = 1 << Math.Max(0, operation.Bits - 2);
        AssertRun(operation, client, server, client.Length, operation is SignedShift
            ? (x, i) => Int128.Abs(PlainResults.Signed(x[i], operation.Bits)) < quarter
            : null);
    }

    private static void AssertRun(
        Operation operation,
        ulong[] client,
        ulong[] server,
        int items,
        Func<ulong[], int, bool>? isAllowed = null,
        ulong[]? caps = null)
    {
        ComparisonPlan plan = ComparisonPlan.Of(operation);
        Outcome outcome = BothParties.Run(plan, client, server, (ulong)items + 7, caps);
        Assert.Equal(plan.OnlineFlows(items), outcome.Messages.Select(message => message.Flow));
        ulong[] sums = outcome.Sums(operation.ResultBits);
        ulong[] inputs = [.. client.Zip(server, (a, b) => a + b)];
        var operands = new ulong[operation.Operands];
        for (int i = 0; i < items; i++)
        {
            if (isAllowed is null || isAllowed(inputs, i))
            {
                for (int operand = 0; operand < operands.Length; operand++)
                {
                    operands[operand] = inputs[(operand * items) + i];
                }

                if (PlainResults.Of(operation, operands, caps?[i] ?? 0) != sums[i])
                {
                    Assert.Fail($"{operation}: shares {client[i]} and {server[i]}, cap {caps?[i]}: {sums[i]}");
                }
            }
        }
    }

    private static (ulong[] Client, ulong[] Server) AllPairs(int bits)
    {
        int items = 1 << (2 * bits);
        return (
            [.. Enumerable.Range(0, items).Select(i => (ulong)i >> bits)],
            [.. Enumerable.Range(0, items).Select(i => (ulong)i & BothParties.Mask(bits))]);
    }

    /// <summary>Random shares of a second operand, small enough for the difference to be any.</summary>
    private sealed class SplitMixShares(int bits, int items)
    {
        public ulong[] Client { get; } = new Correlations.SplitMix(1).Numbers(items, bits);

        public ulong[] Server { get; } = new Correlations.SplitMix(2).Numbers(items, bits);

        public ulong[] Plus(ulong[] left, ulong[] right) =>
            [.. left.Zip(right, (a, b) => (a + b) & BothParties.Mask(bits))];
    }
}
