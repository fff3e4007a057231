using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.ObliviousTransfer.Tests.Correlations;

namespace Popcorn.ObliviousTransfer.Tests.Comparisons;

/// <summary>Results of wide rings, batches of all lengths, and what no honest party does.</summary>
public sealed class ComparisonTests
{
    /// <summary>One of every kind, in rings that are not wide.</summary>
    public static TheoryData<Operation> Kinds =>
    [
        new Relu(20, 8, 12),
        new Relu(20, 8, 20),
        new Relu(20, 8, 12) { Depth = 3, Goal = TreeGoal.FewestTransfers },
        new Relu(20, 8, 12, 8),
        new Relu(20, 8, 20, 8),
        new Relu(9, 8, 5),
        new Sign(13, 13),
        new Sign(1, 4),
        new Maximum(13, 13),
        new Maximum(9, 25),
        new Clip(14, 3, 11, 12),
        new SignedShift(15, 6, 17),
        new SignedShift(15, 0, 15),
        new AnyOf(1, 6),
        new AnyOf(5, 6),
        new Choose(12, 9),
        new Square(11),
    ];

    public static TheoryData<int> WideRings => [9, 12, 17, 20, 31, 32, 33, 47, 63, 64];

    [Theory]
    [MemberData(nameof(WideRings))]
    public void Wide_rings_are_exact_at_random_and_boundary_values(int bits)
    {
        var random = new Random(bits);
        for (int round = 0; round < 6; round++)
        {
            int shift = random.Next(bits), saturation = 1 + random.Next(bits), ring = 1 + random.Next(64);
            bool known = random.Next(2) == 0;
            int[] points = [shift, Math.Min(shift + saturation, bits - 1), bits - 1, bits - 2];
            AssertRight(new Relu(bits, shift, ring) { ShareKnown = known }, points);
            AssertRight(new Relu(bits, shift, ring, saturation) { ShareKnown = known }, points);
            AssertRight(new Sign(bits, ring) { ShareKnown = known }, points);
            AssertRight(new SignedShift(bits, Math.Min(shift, bits - 2), ring) { ShareKnown = known }, points);
            AssertRight(new Maximum(bits, 1 + random.Next(bits)) { ShareKnown = known }, points);
            AssertRight(new Maximum(bits, bits + random.Next(65 - bits)) { ShareKnown = known }, points);
            AssertRight(new Choose(bits, 1 + random.Next(bits)) { ShareKnown = known }, points);
            AssertRight(new Clip(bits, shift, ring, 1 + random.Next(bits - 1)) { ShareKnown = known }, points);
        }

        AssertRight(new Square(bits), [bits - 1]);
        AssertRight(new Square(bits) { ShareKnown = false }, [bits - 1]);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Batches_of_any_length_are_exact(Operation operation)
    {
        ComparisonPlan plan = ComparisonPlan.Of(operation);
        foreach (int items in new[] { 1, 2, 7, 8, 9, 63, 64, 65, 100, 127, 129, 300, 511, 512, 513, 1000 })
        {
            AssertRight(plan, items, [operation.Bits - 1]);
        }
    }

    [Fact]
    public void Batches_of_1_to_300_items_are_exact()
    {
        ComparisonPlan plan = ComparisonPlan.Of(new Relu(12, 4, 8, 5));
        for (int items = 1; items <= 300; items++)
        {
            AssertRight(plan, items, [4, 9, 11]);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Messages_are_as_long_as_planned(Operation operation)
    {
        ComparisonPlan plan = ComparisonPlan.Of(operation);
        foreach (int items in new[] { 1, 8, 13, 4096 })
        {
            int bytes = (items + 7) / 8;
            Assert.Equal(
                plan.OnlineBits.Select(flow => new Flow(flow.From, flow.Bits * bytes)), plan.OnlineFlows(items));
            Assert.Equal(
                plan.PrepareBits.Select(flow => new Flow(flow.From, flow.Bits * bytes)), plan.PrepareFlows(items));
            Outcome outcome = Run(plan, items, 3);
            Assert.Equal(plan.OnlineFlows(items), outcome.Messages.Select(message => message.Flow));
            Assert.Equal(outcome.Messages.Select(message => message.Flow.Bytes),
                outcome.Messages.Select(message => message.Bytes.Length));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Both_parties_plan_the_same(Operation operation)
    {
        ComparisonPlan one = ComparisonPlan.Of(operation), other = ComparisonPlan.Of(operation with { });
        Assert.Equal(one.OnlineBits, other.OnlineBits);
        Assert.Equal(one.PrepareBits, other.PrepareBits);
        Assert.Equal(one.LowChunks.Concat(one.MiddleChunks), other.LowChunks.Concat(other.MiddleChunks));
        Assert.Equal(
            one.Circuit.Gates.SelectMany(gate => gate.Draws), other.Circuit.Gates.SelectMany(gate => gate.Draws));
    }

    /// <summary>With pads made of COTs, of which as many are used up as planned.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void As_many_COTs_are_used_up_as_planned(Operation operation)
    {
        const int Items = 130;
        ComparisonPlan plan = ComparisonPlan.Of(operation);
        (Transfers ofServer, Transfers ofClient) = TwoParties.Connect(TransferOptions.Short);
        using (ofServer)
        using (ofClient)
        {
            TwoParties.Extend(
                ofServer, ofClient, Items * plan.Cots(Party.Server), Items * plan.Cots(Party.Client));
            (ulong[] client, ulong[] server, ulong[]? caps) = Inputs(operation, Items, [operation.Bits - 1]);
            Outcome outcome = BothParties.Run(plan, client, server, ofServer.Pads, ofClient.Pads, caps);
            AssertRight(plan, outcome, client, server, caps);
            foreach (Transfers transfers in new[] { ofServer, ofClient })
            {
                Assert.Equal((ulong)(Items * plan.Cots(transfers.Self)), transfers.Sending.Taken);
                Assert.Equal((ulong)(Items * plan.Cots(transfers.Self.Other())), transfers.Receiving.Taken);
            }
        }
    }

    /// <summary>x = 8, cap 5, shift 1: the cap is rounded down to 4 before x is compared with it.</summary>
    [Fact]
    public void A_cap_is_rounded_to_the_shift()
    {
        ulong[] client = [.. Enumerable.Range(0, 32).Select(a => (ulong)a)];
        ulong[] server = [.. client.Select(a => (8 - a) & 31)];
        ulong[] caps = [.. client.Select(_ => 5ul)];
        Outcome outcome = BothParties.Run(ComparisonPlan.Of(new Clip(5, 1, 5, 4)), client, server, caps: caps);
        Assert.All(outcome.Sums(5), sum => Assert.Equal(2ul, sum));
    }

    /// <summary>Of 7 and −7 the difference does not fit into 4 bits, but into 5.</summary>
    [Fact]
    public void A_difference_needs_a_bit_more()
    {
        foreach ((int bits, ulong expected) in new[] { (4, 9ul), (5, 7ul) })
        {
            ulong minus = (1ul << bits) - 7;
            Outcome outcome = BothParties.Run(ComparisonPlan.Of(new Maximum(bits, bits)), [7, minus], [0, 0]);
            Assert.Equal([expected], outcome.Sums(bits));
        }
    }

    /// <summary>Messages under fixed randomness, which no change of the code should change.</summary>
    [Theory]
    [InlineData(12, 8, null, "1e03c9bf20ed5b0ddc64cf5a7872195e")]
    [InlineData(20, 8, 8, "42f54e3010e5deecf6735093554e0cd3")]
    public void Transcripts_under_fixed_randomness_stay_the_same(int ring, int shift, int? saturation, string expected)
    {
        Outcome outcome = Run(ComparisonPlan.Of(new Relu(20, shift, ring, saturation)), 100, 9);
        byte[] all = [.. outcome.Messages.SelectMany(message => message.Bytes)];
        Assert.Equal(expected, Convert.ToHexStringLower(SHA256.HashData(all))[..32]);
    }

    /// <summary>For fixed shares, over many items: no bit of a view, nor the XOR of any two, is biased.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Views_are_uniform(Operation operation)
    {
        foreach (ulong value in new ulong[] { 0, 1, 0x5A5A5A5A, ulong.MaxValue })
        {
            Assert.Equal((true, true), AreViewsUniform(operation, value, new IdealPads(value + 77)));
            Assert.Equal(
                (true, true),
                AreViewsUniform(operation with { ShareKnown = false }, value, new IdealPads(value + 78)));
        }
    }

    /// <summary>With the same triple for all ANDs both parties see XORs of the other's bits.</summary>
    [Fact]
    public void A_triple_used_twice_is_found() => Assert.Equal(
        (false, false), AreViewsUniform(new Relu(20, 8, 12), 5, new IdealPads(1, repeatsTriples: true)));

    private static (bool Server, bool Client) AreViewsUniform(Operation operation, ulong value, IdealPads pads)
    {
        const int Items = 1 << 13;
        ComparisonPlan plan = ComparisonPlan.Of(operation);
        ulong[] client = new ulong[Items * operation.Operands], server = new ulong[client.Length];
        client.AsSpan().Fill(value & BothParties.Mask(operation.OperandBits));
        server.AsSpan().Fill(unchecked((value * 7) + 3) & BothParties.Mask(operation.OperandBits));
        ulong[]? caps = operation is Clip ? [.. Enumerable.Repeat(value & 0xFF, Items)] : null;
        ulong[] results = new SplitMix(value + 3).Numbers(Items, operation.ResultBits);
        using var serverPreparation = Preparation.OfServer(plan, Items, pads.Server);
        using var clientPreparation = Preparation.OfClient(
            plan, operation.ShareKnown ? client : [], results, pads.Client);
        List<(Flow Flow, byte[] Bytes)> messages = BothParties.Exchange(serverPreparation, clientPreparation);
        Tickets ofServer = serverPreparation.TakeTickets(), ofClient = clientPreparation.TakeTickets();
        BitPlanes serverTickets = Copy(ofServer.Correlations), clientTickets = Copy(ofClient.Correlations);
        using Comparison forServer = Comparison.OfServer(ofServer, server, caps);
        using Comparison forClient = operation.ShareKnown
            ? Comparison.OfClient(ofClient)
            : Comparison.OfClient(ofClient, client);
        messages.AddRange(BothParties.Exchange(forServer, forClient));

        // Without corrected choices: they are bits of the client's shares. With one triple only, its own are the same.
        bool hasOneTriple = pads.RepeatsTriples;
        int[] corrected = [.. plan.Circuit.Gates.OfType<ProductGate>()
            .Where(gate => gate.CorrectionPlanes > 0).Select(gate => gate.Places.ClientTicket)];
        IEnumerable<BitPlanes> drawn = Enumerable.Range(0, clientTickets.Count).Except(corrected)
            .Select(plane => clientTickets.Slice(plane, 1));
        return (
            Uniformity.OfPairs([.. hasOneTriple ? [] : new[] { serverTickets }, .. Received(Party.Server)]),
            Uniformity.OfPairs([.. hasOneTriple ? [] : drawn, .. Received(Party.Client)]));

        IEnumerable<BitPlanes> Received(Party party) => messages
            .Where(message => message.Flow.From != party)
            .Select(message =>
            {
                var planes = new BitPlanes(message.Bytes.Length / (Items / 8), Items);
                PlaneBytes.Read(message.Bytes, planes);
                return planes;
            });

        static BitPlanes Copy(BitPlanes planes)
        {
            var copy = new BitPlanes(planes.Count, planes.Items);
            planes.Span.CopyTo(copy.Span);
            return copy;
        }
    }

    [Fact]
    public void Tickets_are_for_one_use()
    {
        ComparisonPlan plan = ComparisonPlan.Of(new Relu(8, 2, 6));
        (Tickets server, Tickets client) = BothParties.Prepare(plan, [5], [9], new IdealPads(1));
        using (Comparison.OfServer(server, [1]))
        {
            Assert.Throws<InvalidOperationException>(() => Comparison.OfServer(server, [1]));
        }

        Assert.Throws<InvalidOperationException>(() => Comparison.OfServer(server, [1]));
        client.Dispose();
        Assert.Throws<InvalidOperationException>(() => Comparison.OfClient(client));
    }

    /// <summary>Even a use that fails is one.</summary>
    [Fact]
    public void A_use_that_fails_is_a_use()
    {
        ComparisonPlan plan = ComparisonPlan.Of(new Clip(8, 2, 6, 5));
        (Tickets server, Tickets client) = BothParties.Prepare(plan, [5], [9], new IdealPads(1));
        Assert.ThrowsAny<ArgumentException>(() => Comparison.OfServer(client, [1], [1]));
        Assert.ThrowsAny<ArgumentException>(() => Comparison.OfClient(client, [1]));
        Assert.ThrowsAny<ArgumentException>(() => Comparison.OfServer(server, [1], [32]));
        Assert.Throws<InvalidOperationException>(() => Comparison.OfServer(server, [1], [31]));
    }

    [Fact]
    public void Arguments_are_checked()
    {
        ComparisonPlan plan = ComparisonPlan.Of(new Maximum(8, 6));
        IdealPads pads = new(1);
        Assert.ThrowsAny<ArgumentException>(() => Preparation.OfServer(plan, 0, pads.Server));
        Assert.ThrowsAny<ArgumentException>(() => Preparation.OfServer(plan, 1, pads.Client));
        Assert.ThrowsAny<ArgumentException>(() => Preparation.OfClient(plan, [1], [1], pads.Client));
        Assert.ThrowsAny<ArgumentException>(() => Preparation.OfClient(plan, [], [], pads.Client));
        using Preparation preparation = Preparation.OfClient(plan, [1, 2], [1], new IdealPads(1).Client);
        Assert.Throws<InvalidOperationException>(preparation.TakeTickets);
        preparation.Write(new byte[preparation.Due!.Value.Bytes]);
        preparation.TakeTickets().Dispose();
        Assert.Throws<InvalidOperationException>(preparation.TakeTickets);
    }

    public static TheoryData<Operation> Impossible =>
    [
        new Relu(0, 0, 1), new Relu(65, 0, 1), new Relu(8, -1, 1), new Relu(8, 0, 0), new Relu(8, 0, 65),
        new Relu(8, 0, 8, 0), new Relu(20, 0, 8) { Depth = 1 }, new Relu(20, 0, 8) { Depth = -1 },
        new Maximum(8, 65), new Clip(8, 0, 8, 8), new Clip(8, 0, 8, 0), new SignedShift(8, 7, 8),
        new SignedShift(1, 0, 1), new AnyOf(0, 1), new Choose(4, 5), new Square(0), new Sign(70, 1),
    ];

    [Theory]
    [MemberData(nameof(Impossible))]
    public void Impossible_operations_are_refused(Operation operation) =>
        Assert.ThrowsAny<ArgumentException>(() => ComparisonPlan.Of(operation));

    /// <summary>Before anything is derived from its numbers.</summary>
    [Fact]
    public void An_operation_that_nobody_knows_is_refused() =>
        Assert.Throws<ArgumentException>(() => OperationRanges.Check(new UnknownOperation()));

    [Fact]
    public void A_message_that_is_not_due_ends_it()
    {
        ComparisonPlan plan = ComparisonPlan.Of(new Relu(8, 2, 6));
        AssertRefused((server, client) =>
        {
            var message = new byte[server.Due!.Value.Bytes];
            server.Write(message);
            Assert.Throws<TransferException>(() => client.Read(message.AsSpan(1)));
            Assert.Throws<InvalidOperationException>(() => client.Read(message));
        });
        AssertRefused((server, client) =>
        {
            var message = new byte[server.Due!.Value.Bytes];
            server.Write(message);
            message[^1] |= 0x80; // of three items
            Assert.Throws<TransferException>(() => client.Read(message));
            Assert.Throws<InvalidOperationException>(() => client.Read(message));
        });
        AssertRefused((server, client) =>
        {
            Assert.Throws<InvalidOperationException>(() => client.Write(new byte[client.Due!.Value.Bytes]));
            Assert.Throws<InvalidOperationException>(() => server.Read(new byte[client.Due!.Value.Bytes]));
            Assert.Throws<InvalidOperationException>(() => server.CopyResults(new ulong[3]));
        });

        void AssertRefused(Action<Comparison, Comparison> use)
        {
            (Tickets ofServer, Tickets ofClient) = BothParties.Prepare(plan, [1, 2, 3], [4, 5, 6], new IdealPads(1));
            using Comparison server = Comparison.OfServer(ofServer, [7, 8, 9]);
            using Comparison client = Comparison.OfClient(ofClient);
            use(server, client);
        }
    }

    [Fact]
    public void Memory_is_wiped()
    {
        // So many items as no other test has: the memory goes to nobody else.
        const int Items = 12_345;
        ComparisonPlan plan = ComparisonPlan.Of(new Relu(8, 2, 6));
        ulong[] shares = new SplitMix(1).Numbers(Items, 8), results = new SplitMix(2).Numbers(Items, 6);
        using var serverPreparation = Preparation.OfServer(plan, Items, new IdealPads(3).Server);
        using var clientPreparation = Preparation.OfClient(plan, shares, results, new IdealPads(3).Client);
        BothParties.Exchange(serverPreparation, clientPreparation);
        Tickets server = serverPreparation.TakeTickets(), client = clientPreparation.TakeTickets();
        BitPlanes ofServer = server.Correlations, ofClient = client.Correlations, sharesOfClient = client.Shares;
        Assert.False(IsZero(ofServer) || IsZero(ofClient) || IsZero(sharesOfClient));
        Comparison comparison = Comparison.OfServer(server, shares);
        server.Dispose(); // nothing is left to wipe there
        Assert.False(IsZero(ofServer));
        comparison.Dispose();
        client.Dispose();
        Assert.True(IsZero(ofServer) && IsZero(ofClient) && IsZero(sharesOfClient));

        static bool IsZero(BitPlanes planes) => !planes.Span.ContainsAnyExcept(0ul);
    }

    /// <summary>Its memory may be another's by then.</summary>
    [Fact]
    public void Nothing_is_read_after_disposal()
    {
        (Tickets server, Tickets client) =
            BothParties.Prepare(ComparisonPlan.Of(new Sign(3, 3)), [5], [1], new IdealPads(1));
        Comparison forServer = Comparison.OfServer(server, [1]), forClient = Comparison.OfClient(client);
        forServer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => forServer.Write(new byte[forServer.Due!.Value.Bytes]));
        Assert.Throws<ObjectDisposedException>(() => forServer.CopyResults(new ulong[1]));
        forClient.Dispose();
        Assert.Throws<ObjectDisposedException>(() => forClient.Read(new byte[forClient.Due!.Value.Bytes]));
    }

    private static void AssertRight(Operation operation, int[] points) =>
        AssertRight(ComparisonPlan.Of(operation), 500, points);

    private static void AssertRight(ComparisonPlan plan, int items, int[] points)
    {
        (ulong[] client, ulong[] server, ulong[]? caps) = Inputs(plan.Operation, items, points);
        AssertRight(plan, BothParties.Run(plan, client, server, (ulong)items, caps), client, server, caps);
    }

    private static void AssertRight(
        ComparisonPlan plan, Outcome outcome, ulong[] client, ulong[] server, ulong[]? caps)
    {
        Operation operation = plan.Operation;
        int items = outcome.Client.Length;
        ulong[] sums = outcome.Sums(operation.ResultBits);
        var operands = new ulong[operation.Operands];
        for (int i = 0; i < items; i++)
        {
            for (int operand = 0; operand < operands.Length; operand++)
            {
                operands[operand] = client[(operand * items) + i] + server[(operand * items) + i];
            }

            ulong expected = PlainResults.Of(operation, operands, caps?[i] ?? 0);
            if (IsAllowed(operation, operands, caps?[i] ?? 0) && expected != sums[i])
            {
                Assert.Fail($"{operation}: {string.Join(", ", operands)}, cap {caps?[i]}: {sums[i]}, not {expected}");
            }
        }
    }

    private static bool IsAllowed(Operation operation, ulong[] x, ulong cap)
    {
        Int128 first = PlainResults.Signed(x[0], operation.OperandBits), half = Int128.One << (operation.Bits - 1);
        return operation switch
        {
            Maximum => Int128.Abs(first - PlainResults.Signed(x[1], operation.OperandBits)) < half,
            Clip => first - cap >= -half,
            SignedShift => Int128.Abs(first) < half / 2,
            _ => true,
        };
    }

    private static Outcome Run(ComparisonPlan plan, int items, ulong seed)
    {
        (ulong[] client, ulong[] server, ulong[]? caps) = Inputs(plan.Operation, items, []);
        return BothParties.Run(plan, client, server, seed, caps);
    }

    /// <summary>Half of them sums close to powers of two and their multiples, of both signs.</summary>
    private static (ulong[] Client, ulong[] Server, ulong[]? Caps) Inputs(Operation operation, int items, int[] points)
    {
        var random = new SplitMix((ulong)items);
        int count = items * operation.Operands;
        int bits = operation.OperandBits;
        ulong[] client = random.Numbers(count, bits), server = random.Numbers(count, bits);
        for (int i = 0; i < count && points.Length > 0; i += 2)
        {
            ulong sum = (1ul << points[i / 2 % points.Length]) + (random.Next() % 7) - 3;
            sum *= random.Next() % 4;
            server[i] = ((i / 4 % 2 == 0 ? sum : 0 - sum) - client[i]) & BothParties.Mask(bits);
        }

        for (int i = 0; i < items && operation is Maximum && bits > operation.Bits; i++)
        {
            // Numbers at random would hardly ever be so close to each other.
            ulong difference = (ulong)(long)PlainResults.Signed(client[i] + server[i], operation.Bits);
            server[i] = (client[items + i] + server[items + i] + difference - client[i]) & BothParties.Mask(bits);
        }

        return (client, server, operation is Clip clip ? random.Numbers(items, clip.CapBits) : null);
    }

    private sealed record UnknownOperation() : Operation(8, 8);
}
