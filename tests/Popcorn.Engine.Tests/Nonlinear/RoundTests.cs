using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Nonlinear;
using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Nonlinear;

/// <summary>Single rounds with both parties in one process, on edge values.</summary>
public sealed class RoundTests : IDisposable
{
    private readonly Encryptor _server = new(TestKeys.Key.PublicKey, new EncryptorOptions { WindowBits = 4 });
    private readonly Encryptor _client = new(TestKeys.Key, new EncryptorOptions { WindowBits = 4 });
    private readonly Decryptor _decryptor = new(TestKeys.Key);
    private readonly CiphertextBatchPool _serverPool = new(TestKeys.Key.PublicKey);
    private readonly CiphertextBatchPool _clientPool = new(TestKeys.Key.PublicKey);
    private readonly List<CiphertextBatch> _batches = [];

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
    public void ReluOfEdgeValues(int boundBits)
    {
        BigInteger[] x = EdgeValues(boundBits);
        BigInteger[] expected = [.. x.Select(v => BigInteger.Max(v, 0))];
        Assert.Equal(expected, Run(RoundKind.Compare, boundBits, x, null));
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void MaximumOfEdgeValues(int boundBits)
    {
        BigInteger[] edges = EdgeValues(boundBits);
        BigInteger[] left = [.. edges.SelectMany(_ => edges)];
        BigInteger[] right = [.. edges.SelectMany(e => Enumerable.Repeat(e, edges.Length))];
        BigInteger[] expected = [.. left.Zip(right, BigInteger.Max)];
        Assert.Equal(expected, Run(RoundKind.Compare, boundBits + 1, left, right));
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void SignOfEdgeValues(int boundBits)
    {
        BigInteger[] x = EdgeValues(boundBits);
        BigInteger[] expected = [.. x.Select(v => v.Sign >= 0 ? BigInteger.One : 0)];
        Assert.Equal(expected, Run(RoundKind.Sign, boundBits, x, null));
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void ClipOfEdgeValues(int boundBits)
    {
        BigInteger[] edges = EdgeValues(boundBits);
        BigInteger[] caps = [0, 1, 2, BigInteger.One << (boundBits - 1), (BigInteger.One << boundBits) - 1, BigInteger.One << boundBits];
        BigInteger[] x = [.. caps.SelectMany(_ => edges)];
        BigInteger[] c = [.. caps.SelectMany(cap => Enumerable.Repeat(cap, edges.Length))];
        BigInteger[] expected = [.. x.Zip(c, (v, cap) => BigInteger.Min(BigInteger.Max(v, 0), cap))];

        // Signs and order are random: often enough for each of the eight ways.
        for (int run = 0; run < 4; run++)
        {
            Assert.Equal(expected, Run(RoundKind.Clip, boundBits, x, c));
        }
    }

    [Fact]
    public void WhichCarrierOfAClipIsWhichDoesNotShow()
    {
        // x is small and the cap is large: so is one carrier of two, on average, and it is as often the first.
        RoundStep step = Step(RoundKind.Clip, 60, 1);
        int firstIsLonger = 0;
        const int Count = 200;
        for (int i = 0; i < Count; i++)
        {
            using ServerRound round = Begin(RoundKind.Clip, 60, [0], [BigInteger.One << 60]);
            BigInteger plaintext = Open(round.Challenge(0))[0];
            BigInteger half = BigInteger.One << (step.Layout.SignedBits - 1);
            BigInteger first = plaintext % (2 * half) - half;
            BigInteger second = (plaintext >> step.Layout.SignedBits) % (2 * half) - half;
            firstIsLonger += BigInteger.Abs(first) > BigInteger.Abs(second) ? 1 : 0;
        }

        Assert.InRange(firstIsLonger, Count / 2 - 50, Count / 2 + 50);
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void SquareOfEdgeValues(int boundBits)
    {
        BigInteger[] x = EdgeValues(boundBits);
        BigInteger[] expected = [.. x.Select(v => v * v)];
        Assert.Equal(expected, Run(RoundKind.Square, boundBits, x, null));
    }

    [Theory]
    [MemberData(nameof(Bounds))]
    public void RescalingOfEdgeValuesRoundsUpOrDown(int boundBits)
    {
        BigInteger[] x = EdgeValues(boundBits);
        foreach (int shift in (int[])[1, 3, boundBits, boundBits + 1, boundBits + 41, boundBits + 42, boundBits + 200])
        {
            BigInteger[] result = Run(RoundKind.Rescale, boundBits, x, null, shift);
            Assert.All(x.Zip(result), pair => Assert.InRange(
                pair.Second, pair.First >> shift, -(-pair.First >> shift)));
        }
    }

    [Fact]
    public void RescalingRoundsUpAsOftenAsTheDroppedFractionSays()
    {
        // 3 / 8 = 0.375, −3 / 8 = −1 + 0.625.
        const int Count = 400;
        BigInteger[] x = [.. Enumerable.Range(0, Count).Select(i => (BigInteger)(i % 2 == 0 ? 3 : -3))];
        BigInteger[] result = Run(RoundKind.Rescale, 8, x, null, 3);
        Assert.InRange(result.Where((_, i) => i % 2 == 0).Count(r => r == 1), 75 - 35, 75 + 35);
        Assert.InRange(result.Where((_, i) => i % 2 == 1).Count(r => r == 0), 125 - 35, 125 + 35);
    }

    [Fact]
    public void ChallengesAreFreshEveryTime()
    {
        using ServerRound first = Begin(RoundKind.Compare, 8, [1, 2, 3], null);
        using ServerRound second = Begin(RoundKind.Compare, 8, [1, 2, 3], null);
        Assert.NotEqual(first.Challenge(0), second.Challenge(0));

        // Even of one round: the same plaintexts, re-randomised anew.
        byte[] once = first.Challenge(0);
        byte[] again = first.Challenge(0);
        Assert.NotEqual(once, again);
        Assert.Equal(Open(once), Open(again));
    }

    [Fact]
    public void TheClientSeesOnlyBlindedFields()
    {
        // For x = 0 alone: the sign that shows is a coin, the masked value never the same.
        RoundStep step = Step(RoundKind.Compare, 8, 1);
        int positive = 0;
        var masked = new HashSet<BigInteger>();
        const int Count = 200;
        for (int i = 0; i < Count; i++)
        {
            using ServerRound round = Begin(RoundKind.Compare, 8, [0], null);
            BigInteger plaintext = Open(round.Challenge(0))[0];
            positive += (plaintext >> (step.Layout.SignedBits - 1)).IsEven ? 0 : 1;
            masked.Add(plaintext >> step.Layout.SignedBits);
        }

        Assert.InRange(positive, Count / 2 - 50, Count / 2 + 50);
        Assert.Equal(Count, masked.Count);
    }

    [Theory]
    [InlineData(LayerKind.Relu)]
    [InlineData(LayerKind.Sign)]
    [InlineData(LayerKind.Square)]
    public async Task ItemsTravelInAFreshOrderEachTime(LayerKind kind)
    {
        var layer = new PublicLayer(kind, 0, new Shape(30, 1, 1), null, 0, 20);
        var network = new PublicNetwork(new InputDescription(layer.Output, -100, 100, 1), [layer]);
        Plan plan = Plan.Create(network, TestKeys.Bits);
        BigInteger[] x = [.. Enumerable.Range(-15, 30).Select(i => (BigInteger)i)];
        var context = new ServerContext(_server, _serverPool, default, new ProductCounter());
        using var random = new SecretRandom();
        var exchange = new RecordingExchange(this);
        for (int run = 0; run < 3; run++)
        {
            using CiphertextBatch result =
                await NonlinearLayer.For(plan, 0, new ReluLayer("any", 0, layer.Output)).RunAsync(context, Encrypt(x), random, exchange);
            Assert.Equal(
                x.Select(v => kind switch
                {
                    LayerKind.Relu => BigInteger.Max(v, 0),
                    LayerKind.Sign => v.Sign >= 0 ? 1 : 0,
                    _ => v * v,
                }),
                _decryptor.DecryptSigned(result));
        }

        // What travelled, in the order of travel: three different orders, none of them the layer's own.
        string own = string.Join(',', x.Select(v => kind == LayerKind.Relu ? BigInteger.Max(v, 0) : v * v));
        Assert.Equal(3, exchange.Orders.Distinct().Count());
        Assert.DoesNotContain(own, exchange.Orders);
    }

    [Fact]
    public void AnswersAreFreshEncryptions()
    {
        RoundStep step = Step(RoundKind.Sign, 8, 3);
        using ServerRound round = Begin(RoundKind.Sign, 8, [1, 2, 3], null);
        byte[] challenge = round.Challenge(0);
        var client = new ClientRound(_client, _decryptor, _clientPool, default);
        byte[] once = client.Answer(step, 0, challenge);
        byte[] again = client.Answer(step, 0, challenge);
        int size = TestKeys.Key.PublicKey.CiphertextBytes;
        Assert.Equal(6, once.Chunk(size).Concat(again.Chunk(size)).Select(Convert.ToHexString).Distinct().Count());
    }

    [Fact]
    public void WrongLengthsAreRefused()
    {
        using ServerRound round = Begin(RoundKind.Compare, 8, [1, 2, 3], null);
        byte[] challenge = round.Challenge(0);
        var client = new ClientRound(_client, _decryptor, _clientPool, default);
        byte[] answer = client.Answer(round.Step, 0, challenge);
        Assert.Throws<PopcornException>(() => client.Answer(round.Step, 0, challenge.AsSpan(1)));
        Assert.Throws<PopcornException>(() => round.Absorb(0, answer.AsSpan(1)));
        Assert.Throws<PopcornException>(() => round.Absorb(0, []));
    }

    [Fact]
    public void BadCiphertextsAreRefused()
    {
        using ServerRound round = Begin(RoundKind.Compare, 8, [1, 2, 3], null);
        var client = new ClientRound(_client, _decryptor, _clientPool, default);
        byte[] answer = client.Answer(round.Step, 0, round.Challenge(0));
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

    private static RoundStep Step(RoundKind kind, int boundBits, int items, int shift = 0)
    {
        (int signedBits, int maskedBits, int signedFields) = Plan.FieldsOf(kind, boundBits);
        SlotLayout layout = SlotLayout.Fit(signedBits, maskedBits, TestKeys.Bits, signedFields)!;

        // Small chunks, so that several are needed.
        return new RoundStep(1, 0, "test", kind, 0, items, 2 * layout.ItemsPerCiphertext, boundBits, layout, shift);
    }

    private BigInteger[] Run(
        RoundKind kind, int boundBits, BigInteger[] left, BigInteger[]? right, int shift = 0)
    {
        using ServerRound round = Begin(kind, boundBits, left, right, shift);
        var client = new ClientRound(_client, _decryptor, _clientPool, default);
        byte[][] challenges = [.. Enumerable.Range(0, round.Step.Chunks).Select(round.Challenge)];
        for (int chunk = 0; chunk < round.Step.Chunks; chunk++)
        {
            round.Absorb(chunk, client.Answer(round.Step, chunk, challenges[chunk]));
        }

        return _decryptor.DecryptSigned(round.Results);
    }

    private ServerRound Begin(
        RoundKind kind, int boundBits, BigInteger[] left, BigInteger[]? right, int shift = 0)
    {
        var context = new ServerContext(_server, _serverPool, default, new ProductCounter());
        RoundStep step = Step(kind, boundBits, left.Length, shift);
        using var random = new SecretRandom();
        ServerRound round = kind switch
        {
            RoundKind.Compare => new CompareRound(
                step, context, Encrypt(left), right is null ? null : Encrypt(right), random),
            RoundKind.Clip => new ClipRound(step, context, Encrypt(left), right!, random),
            RoundKind.Sign => new SignRound(step, context, Encrypt(left), random),
            RoundKind.Rescale => new RescaleRound(step, context, Encrypt(left), random),
            _ => new SquareRound(step, context, Encrypt(left), random),
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

    /// <summary>Plays the client, and notes the results in the order in which items travelled.</summary>
    private sealed class RecordingExchange(RoundTests test) : IRoundExchange
    {
        public List<string> Orders { get; } = [];

        public Task RunAsync(ServerRound round)
        {
            round.Prepare();
            var client = new ClientRound(test._client, test._decryptor, test._clientPool, default);
            for (int chunk = 0; chunk < round.Step.Chunks; chunk++)
            {
                round.Absorb(chunk, client.Answer(round.Step, chunk, round.Challenge(chunk)));
            }

            Orders.Add(string.Join(',', test._decryptor.DecryptSigned(round.Results)));
            return Task.CompletedTask;
        }
    }
}
