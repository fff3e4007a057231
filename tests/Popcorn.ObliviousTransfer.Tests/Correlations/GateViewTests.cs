using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Tests.Correlations;

/// <summary>
/// What the parties see of each gate, over every outcome of its random transfers: for all inputs each possible view
/// comes equally often. And that the same finds what is wrong with gates that are nearly right.
/// </summary>
public sealed class GateViewTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 1)]
    [InlineData(1, 2)]
    public void Tables_tell_nothing_else(int choiceBits, int width)
    {
        foreach (bool known in new[] { true, false })
        {
            Circuit circuit = Table(choiceBits, width, known);
            int random = (width << choiceBits) + choiceBits;
            for (int inputs = 0; inputs < 1 << (2 * choiceBits); inputs++)
            {
                int client = inputs >> choiceBits, server = inputs & ((1 << choiceBits) - 1);
                using CircuitRun run = Run(circuit, random, party => party == Party.Server ? server : client);
                AssertUniform(run);

                // A is the complement of the client's bits.
                int number = ~client & ((1 << choiceBits) - 1);
                int expected = (number < server ? 1 : 0) | (width > 1 && number == server ? 2 : 0);
                Assert.All(SumsOf(run, circuit.Result, isXor: true), sum => Assert.Equal((ulong)expected, sum));
            }
        }
    }

    /// <summary>
    /// The server's number is 2, so the answers (less, equal) for 0 to 3 are 1, 1, 2, 0; its pads are 0, 1, 2, 3. Then
    /// its share is 1, and it sends 1, 1, 2.
    /// </summary>
    [Fact]
    public void A_table_is_as_by_hand()
    {
        for (int client = 0; client < 4; client++)
        {
            // A choice that needs no correction.
            int item = 0b11100100 | (~client & 3) << 8;
            using CircuitRun run = Run(Table(2, 2, known: true), 10, party => party == Party.Server ? 2 : client);
            var numbers = new ulong[1 << 10];
            PlaneTranspose.FromPlanes(run.Messages(Party.Server).Single(), numbers);
            Assert.Equal(0ul, numbers[item]);
            PlaneTranspose.FromPlanes(run.Messages(Party.Client).Single(), numbers);
            Assert.Equal(0b100101ul, numbers[item]);
            PlaneTranspose.FromPlanes(run.Share(Party.Server, new Wire(0, 0, 2)), numbers);
            Assert.Equal(1ul, numbers[item]);
        }
    }

    /// <summary>With the server's share always 0, and so entry 0 to be sent, the client reads the answer.</summary>
    [Fact]
    public void A_table_with_a_constant_share_is_found()
    {
        Circuit circuit = Table(2, 1, known: true);
        List<bool> uniform = [];
        for (int server = 0; server < 4; server++)
        {
            using CircuitRun run = Run(circuit, 6, party => party == Party.Server ? server : 1);
            BitPlanes share = run.Share(Party.Server, circuit.Result), table = run.Messages(Party.Client).Single();
            PlaneArithmetic.Xor(table, share, table);
            uniform.Add(Uniformity.IsExact([.. run.View(Party.Client), share]));
        }

        Assert.DoesNotContain(true, uniform);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Ands_tell_nothing_else(int width)
    {
        var circuit = new Circuit(1 + width, true, c => c.Add(new AndGate(
            Input(0), [.. Enumerable.Range(1, width).Select(i => (Input(i), (Wire?)null))])));
        for (int inputs = 0; inputs < 1 << (2 * (1 + width)); inputs++)
        {
            int client = inputs >> (1 + width), server = inputs & ((2 << width) - 1), both = client ^ server;
            int random = 2 * ((2 * width) + 1);
            using CircuitRun run = Run(circuit, random, party => party == Party.Server ? server : client);
            AssertUniform(run);
            Assert.All(
                SumsOf(run, circuit.Result, isXor: true),
                product => Assert.Equal((ulong)((both & 1) == 1 ? both >> 1 : 0), product));
        }
    }

    [Fact]
    public void A_triple_used_twice_is_found()
    {
        var circuit = new Circuit(4, true, c =>
        {
            c.Add(new AndGate(Input(0), (Input(1), null)));
            return c.Add(new AndGate(Input(2), (Input(3), null)));
        });
        foreach ((int repeatAfter, bool expected) in new[] { (64, true), (6, false) })
        {
            using var run = new CircuitRun(
                circuit,
                1 << 12,
                new EnumeratedPads(Party.Server, repeatAfter),
                new EnumeratedPads(Party.Client, repeatAfter),
                (party, planes) => Set(planes, party == Party.Server ? 5 : 3));
            foreach (Party party in Enum.GetValues<Party>())
            {
                Assert.Equal(
                    expected, Uniformity.IsExact([run.View(party).First().Slice(0, 3), .. run.Messages(party)]));
            }
        }
    }

    [Fact]
    public void Products_tell_nothing_else()
    {
        foreach (ProductBit kind in Enum.GetValues<ProductBit>())
        {
            var circuit = new Circuit(3, true, c => c.Add(new ProductGate(Input(0), kind, Input(1, 2), 2)));
            for (int inputs = 0; inputs < 16; inputs++)
            {
                int server = inputs & 7, client = inputs >> 3;
                int bit = kind == ProductBit.Shared ? client ^ (server & 1) : client;
                using CircuitRun run = Run(circuit, 5, party => party == Party.Server ? server : client);
                Assert.True(Uniformity.IsExact(run.View(Party.Server)));

                // A corrected choice is the bit itself, which the client knows.
                BitPlanes ticket = run.View(Party.Client).First();
                IEnumerable<BitPlanes> seen = run.Messages(Party.Client);
                Assert.True(Uniformity.IsExact(
                    seen.Prepend(kind == ProductBit.ClientInput ? ticket.Slice(1, 2) : ticket)));
                Assert.All(
                    SumsOf(run, circuit.Result), product => Assert.Equal((ulong)(bit * (server >> 1)), product));
            }
        }
    }

    /// <summary>As many views as there are random choices, each of them once, whatever the inputs are.</summary>
    [Fact]
    public void Multiplexers_tell_nothing_else()
    {
        // The share that the client wants, the number, what is added, the bit.
        foreach (bool hasAddend in new[] { false, true })
        {
            var circuit = new Circuit(7, true, c => c.Add(new MultiplexerGate(
                Input(6), Input(2, 2), hasAddend ? Input(4, 2) : null, Input(0, 2))));
            for (int inputs = 0; inputs < (hasAddend ? 1024 : 64); inputs++)
            {
                int client = inputs & 1 | (inputs >> 1 & 3) << 1 | (inputs >> 6 & 3) << 3;
                int server = inputs >> 3 & 1 | (inputs >> 4 & 3) << 1 | (inputs >> 8 & 3) << 3;
                using var run = new CircuitRun(
                    circuit,
                    1 << 12,
                    new EnumeratedPads(Party.Server),
                    new EnumeratedPads(Party.Client),
                    (party, planes) => LoadMultiplexer(planes, party == Party.Server ? server : client, party));
                Assert.True(Uniformity.IsExact(run.View(Party.Server)));
                Assert.True(Uniformity.IsExact(
                    [.. run.View(Party.Client), run.Share(Party.Client, Input(0, 2))]));

                int number = (server >> 1 & 3) + (client >> 1 & 3), bit = (server ^ client) & 1;
                int expected = ((number * bit) + (hasAddend ? (server >> 3) + (client >> 3) : 0)) & 3;
                Assert.All(
                    SumsOf(run, circuit.Result, Input(0, 2)), sum => Assert.Equal((ulong)expected, sum));
            }
        }

        static void LoadMultiplexer(BitPlanes planes, int values, Party party)
        {
            Set(planes.Slice(6, 1), values);
            Set(planes.Slice(2, 2), values >> 1);
            Set(planes.Slice(4, 2), values >> 3);
            if (party == Party.Client)
            {
                EnumeratedPads.CopyBits(10, planes.Slice(0, 2));
            }
        }
    }

    [Fact]
    public void Refreshed_bits_tell_nothing_else()
    {
        var circuit = new Circuit(3, true, c => c.Add(new BitRefreshGate(Input(2), Input(0, 2))));
        for (int inputs = 0; inputs < 4; inputs++)
        {
            using var run = new CircuitRun(
                circuit,
                1 << 7,
                new EnumeratedPads(Party.Server),
                new EnumeratedPads(Party.Client),
                (party, planes) =>
                {
                    Set(planes.Slice(2, 1), party == Party.Server ? inputs & 1 : inputs >> 1);
                    EnumeratedPads.CopyBits(5, planes.Slice(0, party == Party.Client ? 2 : 0));
                });
            Assert.True(Uniformity.IsExact(run.View(Party.Server)));
            Assert.True(Uniformity.IsExact([.. run.View(Party.Client), run.Share(Party.Client, Input(0, 2))]));
            Assert.All(
                SumsOf(run, circuit.Result, Input(0, 2)),
                sum => Assert.Equal((ulong)((inputs ^ (inputs >> 1)) & 1), sum));
        }
    }

    /// <summary>A share from a smaller ring tells 0 from 20: the server sees 20 less something below 8.</summary>
    [Fact]
    public void A_share_of_too_few_bits_is_found()
    {
        var circuit = new Circuit(10, true, c => c.Add(new NumberRefreshGate(Input(5, 5), Input(0, 5))));
        foreach ((int bits, bool expected) in new[] { (5, true), (3, false) })
        {
            foreach (int x in new[] { 0, 20 })
            {
                using var run = new CircuitRun(
                    circuit,
                    1 << 5,
                    new EnumeratedPads(Party.Server),
                    new EnumeratedPads(Party.Client),
                    (party, planes) =>
                    {
                        Set(planes.Slice(5, 5), party == Party.Client ? x : 0);
                        EnumeratedPads.CopyBits(0, planes.Slice(0, party == Party.Client ? bits : 0));
                    });
                Assert.Equal(expected, Uniformity.IsExact(run.View(Party.Server)));
            }
        }
    }

    /// <summary>Here the server's random factor is real, and so is the chance to fail: less than 2^-60.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Squares_tell_nothing_else(bool known)
    {
        var circuit = new Circuit(3, known, c => c.Add(new SquareGate(Input(0, 3), known)));
        for (int inputs = 0; inputs < 64; inputs += 9)
        {
            using var run = new CircuitRun(
                circuit,
                1 << 14,
                new IdealPads((ulong)inputs).Server,
                new IdealPads((ulong)inputs).Client,
                (party, planes) => Set(planes, party == Party.Server ? inputs & 7 : inputs >> 3));
            Assert.InRange(Uniformity.ChiSquare(run.View(Party.Client)), -9, 15);
            Assert.InRange(Uniformity.ChiSquare(run.View(Party.Server)), -9, 15);
        }
    }

    private static Circuit Table(int choiceBits, int width, bool known) => new(choiceBits, known, c => c.Add(
        new TableGate(
            Input(0, choiceBits),
            [.. new[] { false, true }[..width].Select(equal => new TableBit(Input(0, choiceBits), equal))],
            known)));

    private static Wire Input(int first, int count = 1) => new(Wire.Input, first, count);

    private static CircuitRun Run(Circuit circuit, int randomBits, Func<Party, int> inputs) => new(
        circuit,
        1 << randomBits,
        new EnumeratedPads(Party.Server),
        new EnumeratedPads(Party.Client),
        (party, planes) => Set(planes, inputs(party)));

    private static void Set(BitPlanes planes, int value)
    {
        for (int plane = 0; plane < planes.Count; plane++)
        {
            planes[plane].Fill(0ul - (ulong)(value >> plane & 1));
        }
    }

    private static void AssertUniform(CircuitRun run)
    {
        Assert.True(Uniformity.IsExact(run.View(Party.Server)), "the server's view");
        Assert.True(Uniformity.IsExact(run.View(Party.Client)), "the client's view");
    }

    private static ulong[] SumsOf(CircuitRun run, Wire result, Wire? ofClient = null, bool isXor = false)
    {
        BitPlanes server = run.Share(Party.Server, result), client = run.Share(Party.Client, ofClient ?? result);
        ulong[] left = new ulong[server.Items], right = new ulong[server.Items];
        PlaneTranspose.FromPlanes(server, left);
        PlaneTranspose.FromPlanes(client, right);
        return [.. left.Zip(right, (x, y) => (isXor ? x ^ y : x + y) & ((1ul << result.Count) - 1))];
    }
}
