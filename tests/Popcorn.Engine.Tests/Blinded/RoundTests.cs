using System.Numerics;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Blinded;

/// <summary>Single rounds with both parties in one process, on edge values.</summary>
public sealed class RoundTests : IDisposable
{
    private readonly Rerandomizer _server = new(TestKeys.Key.PublicKey, 4);
    private readonly Encryptor _client = new(TestKeys.Key, new EncryptorOptions { WindowBits = 4 });
    private readonly Decryptor _decryptor = new(TestKeys.Key);
    private readonly CiphertextBatchPool _serverPool = new(TestKeys.Key.PublicKey);
    private readonly CiphertextBatchPool _clientPool = new(TestKeys.Key.PublicKey);
    private readonly List<CiphertextBatch> _batches = [];

    private enum Kind
    {
        Compare,
        Clip,
        Sign,
        Square,
        Rescale,
        Split,
    }

    public static TheoryData<int> Bounds => [1, 2, 8, 21, 63, 64, 65, 100];

    public void Dispose()
    {
        _batches.ForEach(b => b.Dispose());
        _serverPool.Dispose();
        _clientPool.Dispose();
        _server.Dispose();
        _client.Dispose();
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Relu_of_edge_values(int boundBits)
    {
        BigInteger[] x = EdgeValues(boundBits);
        BigInteger[] expected = [.. x.Select(v => BigInteger.Max(v, 0))];
        Assert.Equal(expected, Run(Kind.Compare, boundBits, x, null));
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Maximum_of_edge_values(int boundBits)
    {
        BigInteger[] edges = EdgeValues(boundBits);
        BigInteger[] left = [.. edges.SelectMany(_ => edges)];
        BigInteger[] right = [.. edges.SelectMany(e => Enumerable.Repeat(e, edges.Length))];
        BigInteger[] expected = [.. left.Zip(right, BigInteger.Max)];
        Assert.Equal(expected, Run(Kind.Compare, boundBits + 1, left, right));
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Sign_of_edge_values(int boundBits)
    {
        BigInteger[] x = EdgeValues(boundBits);
        BigInteger[] expected = [.. x.Select(v => v.Sign >= 0 ? BigInteger.One : 0)];
        Assert.Equal(expected, Run(Kind.Sign, boundBits, x, null));
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Clip_of_edge_values(int boundBits)
    {
        BigInteger[] edges = EdgeValues(boundBits);
        BigInteger bound = BigInteger.One << boundBits;
        BigInteger[] caps = [0, 1, 2, bound >> 1, bound - 1, bound];
        BigInteger[] x = [.. caps.SelectMany(_ => edges)];
        BigInteger[] c = [.. caps.SelectMany(cap => Enumerable.Repeat(cap, edges.Length))];
        BigInteger[] expected = [.. x.Zip(c, (v, cap) => BigInteger.Min(BigInteger.Max(v, 0), cap))];

        // Signs and order are random: often enough for each of the eight ways.
        for (int run = 0; run < 4; run++)
        {
            Assert.Equal(expected, Run(Kind.Clip, boundBits, x, c));
        }
    }

    [Fact]
    public void Which_carrier_of_a_clip_is_which_does_not_show()
    {
        // x is small and the cap is large: so is one carrier of two, on average, and it is as often the first.
        RoundStep step = Step(Kind.Clip, 60, 1);
        int firstIsLonger = 0;
        const int Count = 200;
        for (int i = 0; i < Count; i++)
        {
            using ServerRound round = Begin(Kind.Clip, 60, [0], [BigInteger.One << 60]);
            BigInteger plaintext = Open(round.Challenge(0))[0];
            BigInteger half = BigInteger.One << (step.Layout.Fields.SignedBits - 1);
            BigInteger first = plaintext % (2 * half) - half;
            BigInteger second = (plaintext >> step.Layout.Fields.SignedBits) % (2 * half) - half;
            firstIsLonger += BigInteger.Abs(first) > BigInteger.Abs(second) ? 1 : 0;
        }

        Assert.InRange(firstIsLonger, Count / 2 - 50, Count / 2 + 50);
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Square_of_edge_values(int boundBits)
    {
        BigInteger[] x = EdgeValues(boundBits);
        BigInteger[] expected = [.. x.Select(v => v * v)];
        Assert.Equal(expected, Run(Kind.Square, boundBits, x, null));
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Rescaling_of_edge_values_rounds_up_or_down(int boundBits)
    {
        BigInteger[] x = EdgeValues(boundBits);
        foreach (int shift in (int[])[1, 3, boundBits, boundBits + 1, boundBits + 41, boundBits + 42, boundBits + 200])
        {
            BigInteger[] result = Run(Kind.Rescale, boundBits, x, null, shift);
            Assert.All(x.Zip(result), pair => Assert.InRange(
                pair.Second, pair.First >> shift, -(-pair.First >> shift)));
        }
    }

    [Fact]
    public void Rescaling_rounds_up_as_often_as_the_dropped_fraction_says()
    {
        // 3 / 8 = 0.375, −3 / 8 = −1 + 0.625.
        const int Count = 1000;
        BigInteger[] x = [.. Enumerable.Range(0, Count).Select(i => (BigInteger)(i % 2 == 0 ? 3 : -3))];
        BigInteger[] result = Run(Kind.Rescale, 8, x, null, 3);

        // More than six standard deviations.
        Assert.InRange(result.Where((_, i) => i % 2 == 0).Count(r => r == 1), 188 - 72, 188 + 72);
        Assert.InRange(result.Where((_, i) => i % 2 == 1).Count(r => r == 0), 312 - 72, 312 + 72);
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void Shifts_of_edge_values_are_exact(int boundBits)
    {
        foreach (int shift in (int[])[1, 3, boundBits, boundBits + 1, boundBits + 41, boundBits + 42, boundBits + 200])
        {
            BigInteger power = BigInteger.One << shift;
            BigInteger bound = BigInteger.One << boundBits;
            AssertShifts(boundBits, shift, [
                .. EdgeValues(boundBits),
                .. new[] { power - 1, power, -power, -power - 1 }.Where(x => BigInteger.Abs(x) < bound),
            ]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Shifts_of_all_remainders_are_exact(int shift)
    {
        // Often enough for a mask of each remainder, too.
        BigInteger[] all = [.. Enumerable.Range(-15, 31).Select(x => (BigInteger)x)];
        AssertShifts(4, shift, [.. Enumerable.Repeat(all, 10).SelectMany(x => x)]);
    }

    [Fact]
    public void Challenges_are_fresh_every_time()
    {
        using ServerRound first = Begin(Kind.Compare, 8, [1, 2, 3], null);
        using ServerRound second = Begin(Kind.Compare, 8, [1, 2, 3], null);
        Assert.NotEqual(first.Challenge(0), second.Challenge(0));

        // Even of one round: the same plaintexts, re-randomised anew.
        byte[] once = first.Challenge(0);
        byte[] again = first.Challenge(0);
        Assert.NotEqual(once, again);
        Assert.Equal(Open(once), Open(again));
    }

    [Fact]
    public void The_client_sees_only_blinded_fields()
    {
        // For x = 0 alone: the sign that shows is a coin, the masked value never the same.
        RoundStep step = Step(Kind.Compare, 8, 1);
        int positive = 0;
        var masked = new HashSet<BigInteger>();
        const int Count = 200;
        for (int i = 0; i < Count; i++)
        {
            using ServerRound round = Begin(Kind.Compare, 8, [0], null);
            BigInteger plaintext = Open(round.Challenge(0))[0];
            positive += (plaintext >> (step.Layout.Fields.SignedBits - 1)).IsEven ? 0 : 1;
            masked.Add(plaintext >> step.Layout.Fields.SignedBits);
        }

        Assert.InRange(positive, Count / 2 - 50, Count / 2 + 50);
        Assert.Equal(Count, masked.Count);
    }

    [Theory]
    [InlineData(nameof(LayerKind.Relu))]
    [InlineData(nameof(LayerKind.Sign))]
    [InlineData(nameof(LayerKind.Square))]
    public async Task Items_travel_in_a_fresh_order_each_time(string kind)
    {
        // So many that chance does not make two orders look the same, where an item shows one bit.
        const int Items = 60;
        var shape = new Shape(Items, 1, 1);
        Layer layer = kind switch
        {
            nameof(LayerKind.Relu) => new ReluLayer("any", 0, shape),
            nameof(LayerKind.Sign) => new SignLayer("any", 0, shape),
            _ => new SquareLayer("any", 0, shape),
        };
        var network = new IntegerNetwork(new InputDescription(shape, -100, 100, 1), [layer], 1);
        using var model = new BlindedServerModel(network, PublicNetwork.From(network), 16);
        BlindedPlan plan = model.PlanFor(TestKeys.Bits);
        BigInteger[] x = [.. Enumerable.Range(-Items / 2, Items).Select(i => (BigInteger)i)];
        BigInteger[] expected = [.. x.Select(v => kind switch
        {
            nameof(LayerKind.Relu) => BigInteger.Max(v, 0),
            nameof(LayerKind.Sign) => v.Sign >= 0 ? 1 : 0,
            _ => v * v,
        })];
        var orders = new List<string>();
        for (int run = 0; run < 3; run++)
        {
            using var query = new BlindedServerQuery(
                model, plan, _server, new CiphertextBatchPool(_server.Key), threads: 1);
            var exchange = new PlayedClient(plan, Encrypt(x), Client());
            await query.PrepareAsync(exchange);
            await query.RunAsync(exchange);
            Assert.Equal(expected, exchange.Logits);
            orders.Add(exchange.Order);
        }

        // What the answers held, in the order of travel: three different orders.
        Assert.Equal(3, orders.Distinct().Count());
    }

    [Fact]
    public void Answers_are_fresh_encryptions()
    {
        RoundStep step = Step(Kind.Sign, 8, 3);
        using ServerRound round = Begin(Kind.Sign, 8, [1, 2, 3], null);
        byte[] challenge = round.Challenge(0);
        ClientContext client = Client();
        byte[] once = step.Answer(client, 0, challenge);
        byte[] again = step.Answer(client, 0, challenge);
        int size = TestKeys.Key.PublicKey.CiphertextBytes;
        Assert.Equal(6, once.Chunk(size).Concat(again.Chunk(size)).Select(Convert.ToHexString).Distinct().Count());
    }

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        using ServerRound round = Begin(Kind.Compare, 8, [1, 2, 3], null);
        byte[] challenge = round.Challenge(0);
        ClientContext client = Client();
        byte[] answer = round.Step.Answer(client, 0, challenge);
        Assert.Throws<PopcornException>(() => round.Step.Answer(client, 0, challenge.AsSpan(1)));
        Assert.Throws<PopcornException>(() => round.Absorb(0, answer.AsSpan(1)));
        Assert.Throws<PopcornException>(() => round.Absorb(0, []));
    }

    [Fact]
    public void Bad_ciphertexts_are_refused()
    {
        using ServerRound round = Begin(Kind.Compare, 8, [1, 2, 3], null);
        ClientContext client = Client();
        byte[] answer = round.Step.Answer(client, 0, round.Challenge(0));
        int size = TestKeys.Key.PublicKey.CiphertextBytes;
        foreach (byte filling in (byte[])[0, 255])
        {
            byte[] bad = [.. answer];
            bad.AsSpan(size, size).Fill(filling);
            Assert.Throws<PaillierException>(() => round.Absorb(0, bad));
        }
    }

    private static BigInteger[] EdgeValues(int boundBits)
    {
        BigInteger bound = (BigInteger.One << boundBits) - 1;
        return [.. new HashSet<BigInteger> { 0, 1, -1, bound, -bound, bound - 1, 1 - bound, bound / 2, -(bound / 3) }];
    }

    private static RoundStep Step(Kind kind, int boundBits, int items, int shift = 0)
    {
        var place = new StepPlace(1, 0, "test");
        var sizes = new StepSizes(TestKeys.Bits, Images: 1, ChunkCiphertexts: 16);
        var shape = new Shape(items, 1, 1);
        RoundStep step = kind switch
        {
            Kind.Compare => (RoundStep)CompareStep.Of(
                Tournament.AgainstZero(items), place, sizes, shape, boundBits).Single(),
            Kind.Clip => new ClipStep(place, sizes, items, boundBits),
            Kind.Sign => new SignStep(place, sizes, items, boundBits),
            Kind.Square => new SquareStep(place, sizes, items, boundBits),
            Kind.Rescale => new RescaleStep(place, sizes, items, boundBits, shift),
            Kind.Split => new SplitStep(place, sizes, items, boundBits, shift),
        };

        // Small chunks, so that several are needed.
        return step with { Chunks = new Chunking(items, 2 * step.Layout.ItemsPerCiphertext) };
    }

    private BigInteger[] Run(
        Kind kind, int boundBits, BigInteger[] left, BigInteger[]? right, int shift = 0)
    {
        using ServerRound round = Begin(kind, boundBits, left, right, shift);
        Play(round);
        return _decryptor.DecryptSigned(round.Results);
    }

    private void Play(ServerRound round)
    {
        ClientContext client = Client();
        byte[][] challenges = [.. Enumerable.Range(0, round.Step.Chunks.Count).Select(round.Challenge)];
        for (int chunk = 0; chunk < round.Step.Chunks.Count; chunk++)
        {
            round.Absorb(chunk, round.Step.Answer(client, chunk, challenges[chunk]));
        }
    }

    /// <summary>Both rounds of a shift, and what the first leaves to the second.</summary>
    private void AssertShifts(int boundBits, int shift, BigInteger[] x)
    {
        using ServerRound round = Begin(Kind.Split, boundBits, x, null, shift);
        Play(round);
        var step = (SplitStep)round.Step;
        BigInteger power = BigInteger.One << shift;
        BigInteger[] quotients = _decryptor.DecryptSigned(((SplitRound)round).Quotients);
        BigInteger[] differences = _decryptor.DecryptSigned(round.Results);
        BigInteger[] bits = Run(Kind.Sign, step.Dropped, differences, null);
        for (int i = 0; i < x.Length; i++)
        {
            Assert.True(BigInteger.Abs(differences[i]) < BigInteger.One << step.Dropped);
            Assert.True(((x[i] - differences[i]) % power).IsZero);
            Assert.Equal(x[i] >> shift, quotients[i] + bits[i]);
        }
    }

    private ServerRound Begin(
        Kind kind, int boundBits, BigInteger[] left, BigInteger[]? right, int shift = 0)
    {
        var context = new ServerContext(_server, _serverPool, default, new ProductCounter());
        RoundStep step = Step(kind, boundBits, left.Length, shift);
        using var random = new SecretRandom();
        ServerRound round = step switch
        {
            CompareStep compare => new CompareRound(
                compare, context, Encrypt(left), right is null ? null : Encrypt(right), random),
            ClipStep clip => new ClipRound(clip, context, Encrypt(left), right!, random),
            SplitStep split => new SplitRound(split, context, Encrypt(left), random),
            SignStep sign => new SignRound(sign, context, Encrypt(left), random),
            RescaleStep rescale => new RescaleRound(rescale, context, Encrypt(left), random),
            SquareStep square => new SquareRound(square, context, Encrypt(left), random),
            _ => throw new NotSupportedException(step.Name),
        };
        round.Prepare();
        return round;
    }

    private CiphertextBatch Encrypt(BigInteger[] values)
    {
        var batch = new CiphertextBatch(TestKeys.Key.PublicKey, values.Length);
        _batches.Add(batch);
        _client.Encrypt(values, batch);
        return batch;
    }

    private BigInteger[] Open(byte[] ciphertexts)
    {
        using var batch = new CiphertextBatch(
            TestKeys.Key.PublicKey, ciphertexts.Length / TestKeys.Key.PublicKey.CiphertextBytes);
        batch.Import(ciphertexts, 0, batch.Count);
        return _decryptor.DecryptSigned(batch);
    }

    private ClientContext Client() => new(_client, _decryptor, _clientPool, default);
}
