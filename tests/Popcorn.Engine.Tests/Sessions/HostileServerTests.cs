using System.Collections.Concurrent;
using System.Numerics;
using System.Security.Cryptography;
using Google.Protobuf;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;
using Popcorn.Tests;
using PublicNetwork = Popcorn.Engine.Model.PublicNetwork;
using Shape = Popcorn.Engine.Model.Shape;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>What a server that does not keep to the protocol can learn from a client, or make it do.</summary>
public class HostileServerTests
{
    public static TheoryData<string, Func<Random, IntegerNetwork>> Networks => new()
    {
        { "conv, relu, pool, dense", SampleNetworks.ConvReluPoolDense },
        { "squares", SampleNetworks.Squares },
        { "signs", SampleNetworks.Signs },
        { "merged pools", SampleNetworks.MergedPools },
        { "clipped", SampleNetworks.Clipped },
        { "rescaled", SampleNetworks.Rescaled },
        { "shifted", SampleNetworks.Shifted },
        { "a range that a server chose", r => new SampleNetworks.Builder(r, new Shape(4, 3, 3), 0, 127)
            .Conv(2, 3, 1, 1).Relu().Dense(3).Build() },
        { "a range of negative numbers", r => new SampleNetworks.Builder(r, new Shape(9, 1, 1), -9, -3)
            .Dense(3).Build() },
    };

    /// <summary>Everything that a server sees, of two queries, is the same for inputs that differ in values.</summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public async Task Nothing_but_ciphertexts_depends_on_values(string name, Func<Random, IntegerNetwork> make)
    {
        Assert.NotEmpty(name);
        IntegerNetwork network = make(new Random(3));
        using var model = new ServedModel("net", network);
        (int least, int most) = (network.Input.Minimum, network.Input.Maximum);
        var random = new Random(5);
        Func<int, int>[] inputs =
        [
            _ => least, _ => most, _ => random.Next(least, most + 1), i => i % 2 == 0 ? least - 1 : most,
            _ => most + 1, _ => int.MaxValue, _ => int.MinValue, _ => random.Next(int.MinValue, int.MaxValue),
        ];
        List<string>? first = null;
        foreach (Func<int, int> value in inputs)
        {
            int[] input = [.. Enumerable.Range(0, network.Input.Shape.Size).Select(value)];
            (List<string> seen, InferenceResult[] results) = await ObserveAsync(model, input);
            Assert.Equal(first ??= seen, seen);
            int[] clamped = [.. input.Select(x => Math.Clamp(x, least, most))];
            Assert.All(results, r => Assert.Equal(input.Count(x => x < least || x > most), r.Clamped));
            if (!network.Layers.Any(layer => layer is RescaleLayer))
            {
                Assert.All(results, r => Assert.Equal(new PlainEvaluator(network).Run(clamped), r.Logits));
            }
        }
    }

    /// <summary>Plaintexts that no honest server sends change nothing until the logits are out.</summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public async Task Nothing_depends_on_what_the_client_decrypts(string name, Func<Random, IntegerNetwork> make)
    {
        Assert.NotEmpty(name);
        IntegerNetwork network = make(new Random(3));
        using var model = new ServedModel("net", network);
        int[] input = new int[network.Input.Shape.Size];
        (List<string> honest, _) = await ObserveAsync(model, input);
        foreach (Func<BigInteger> plaintext in (Func<BigInteger>[])
        [
            () => 0, () => BigInteger.MinusOne, () => (BigInteger.One << (TestKeys.Bits - 1)) - 1,
            () => new BigInteger(RandomNumberGenerator.GetBytes((TestKeys.Bits - 1) / 8), isUnsigned: true),
        ])
        {
            (List<string> seen, _) = await ObserveAsync(model, input, plaintext);
            Assert.Equal(honest, seen);
        }
    }

    [Fact]
    public void Clamping_is_that_of_the_library()
    {
        int[] ends = [int.MinValue, int.MinValue + 1, -129, -128, -1, 0, 1, 127, 128, int.MaxValue - 1, int.MaxValue];
        var target = new int[ends.Length];
        foreach (int least in ends)
        {
            foreach (int most in ends.Where(most => most >= least))
            {
                int outside = InputRange.Clamp(ends, target, least, most);
                Assert.Equal(ends.Select(x => Math.Clamp(x, least, most)), target);
                Assert.Equal(ends.Count(x => x < least || x > most), outside);
            }
        }
    }

    [Fact]
    public void A_message_takes_memory_for_its_bytes()
    {
        // Half a million empty layers in a megabyte.
        byte[] layers = [.. Enumerable.Range(0, 1_000_000).Select(i => (byte)(i % 2 == 0 ? 5 << 3 | 2 : 0))];
        byte[] network = [1 << 3 | 2, .. LengthOf(layers), .. layers];
        byte[] welcome = [2 << 3 | 2, .. LengthOf(network), .. network];
        long before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<PopcornException>(() => MessageCodec.Decode(welcome));
        Assert.Contains("holds more than", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);

        // As many fields that nobody knows as three bytes can number, and a name among them.
        byte[] unknown =
        [
            .. Enumerable.Range(1 << 11, 100_000).SelectMany(i =>
                (byte[])[(byte)(i << 3 | 0x80), (byte)(i >> 4 | 0x80), (byte)(i >> 11), 7]),
        ];
        byte[] hello = [1 << 3 | 2, .. LengthOf([.. unknown, 18, 1, (byte)'m']), .. unknown, 18, 1, (byte)'m'];
        before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal("m", MessageCodec.Decode(hello).Hello.Model);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);

        static byte[] LengthOf(byte[] content)
        {
            int length = content.Length;
            return [(byte)(length | 0x80), (byte)(length >> 7 | 0x80), (byte)(length >> 14)];
        }
    }

    [Theory]
    [InlineData("traffic", "MiB of messages", "MaxTraffic")]
    [InlineData("rounds", "round trips", "MaxRounds")]
    [InlineData("memory", "MiB of memory", "MaxMemory")]
    public async Task A_model_beyond_the_clients_limits_is_refused_before_it_agrees(
        string which, string what, string name)
    {
        ClientLimits limits = which switch
        {
            "traffic" => new ClientLimits { MaxTraffic = 1000 },
            "rounds" => new ClientLimits { MaxRounds = 2 },
            _ => new ClientLimits { MaxMemory = 1000 },
        };
        PopcornException error = await RefusesAsync(new ClientOptions { Limits = limits });
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_network_that_the_caller_refuses_goes_no_further()
    {
        PublicNetwork? told = null;
        PopcornException error = await RefusesAsync(new ClientOptions
        {
            CheckNetwork = network =>
            {
                told = network;
                throw new PopcornException("Not this one.");
            },
        });
        Assert.Equal("Not this one.", error.Message);
        Assert.NotNull(told);
    }

    [Fact]
    public async Task A_server_that_does_not_get_ready_is_left()
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        await using IMessageChannel silent = server;
        var options = new ClientOptions { OpenTimeout = TimeSpan.FromMilliseconds(50) };
        var error = await Assert.ThrowsAsync<PopcornException>(
            () => ClientSession.OpenAsync(client, TestKeys.Key, "net", options, default));
        Assert.Contains("Opening the session took longer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_dribbles_is_left()
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = TestServer.ServeAsync(model, server);

        // Each message is well within the time that the client waits for one.
        var slow = new FrameFilter(client, async (frame, isUp) =>
        {
            await Task.Delay(!isUp && frame.BodyCase == Frame.BodyOneofCase.Chunk ? 200 : 0);
            return frame;
        });
        var options = new ClientOptions
        {
            IdleTimeout = Eventually.Patience,
            QueryTimeout = TimeSpan.FromMilliseconds(300),
        };
        await using ClientSession session =
            await ClientSession.OpenAsync(slow, TestKeys.Key, "net", options, default);
        var error = await Assert.ThrowsAsync<PopcornException>(
            () => session.InferAsync(new int[network.Input.Shape.Size], null, default));
        Assert.Contains("The query took longer", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<PopcornException>(() => serving);
    }

    private static async Task<PopcornException> RefusesAsync(ClientOptions options)
    {
        using var model = new ServedModel("net", SampleNetworks.ConvReluPoolDense(new Random(3)));
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = TestServer.ServeAsync(model, server);
        var kinds = new ConcurrentQueue<Frame.BodyOneofCase>();
        var tap = new FrameFilter(client, (frame, isUp) =>
        {
            if (isUp)
            {
                kinds.Enqueue(frame.BodyCase);
            }
        });
        var error = await Assert.ThrowsAsync<PopcornException>(
            () => ClientSession.OpenAsync(tap, TestKeys.Key, "net", options, default));
        await Assert.ThrowsAsync<PopcornException>(() => serving);
        Assert.Equal([Frame.BodyOneofCase.Hello, Frame.BodyOneofCase.Failure], kinds);
        Assert.DoesNotContain('\n', error.Message);
        return error;
    }

    /// <summary>What a server sees of a session of two queries: every message's kind, place and size, and the end.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="input">The input of both queries.</param>
    /// <param name="plaintext">What the server sends in place of what it should; null: an honest server.</param>
    private static async Task<(List<string> Seen, InferenceResult[] Results)> ObserveAsync(
        ServedModel model, int[] input, Func<BigInteger>? plaintext = null)
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = TestServer.ServeAsync(model, server);
        var up = new ConcurrentQueue<string>();
        var down = new ConcurrentQueue<string>();
        using var forger = new Encryptor(TestKeys.Key.PublicKey);
        var tap = new FrameFilter(client, (frame, isUp) =>
        {
            Chunk? chunk = frame.Chunk;
            (isUp ? up : down).Enqueue(
                $"{frame.BodyCase} {chunk?.Step} {chunk?.First} {chunk?.Payload.Length} {frame.Query?.Number} "
                + $"{frame.Failure?.Message} {frame.CalculateSize()}");
            return Task.FromResult<Frame?>(plaintext is null || isUp || chunk is null ? frame : Forged(chunk));
        });
        InferenceResult[] results;
        await using (ClientSession session = await ClientSession.OpenAsync(
            tap, TestKeys.Key, "net", new ClientOptions(), default))
        {
            results =
            [
                await session.InferAsync(input, null, default), await session.InferAsync(input, null, default),
            ];
        }

        await serving; // It ended in good order.
        return ([.. up, .. down], results);

        Frame Forged(Chunk chunk)
        {
            int bytes = TestKeys.Key.PublicKey.CiphertextBytes;
            using var batch = new CiphertextBatch(TestKeys.Key.PublicKey, chunk.Payload.Length / bytes);
            BigInteger[] values = [.. Enumerable.Range(0, batch.Count).Select(_ => plaintext())];
            forger.Encrypt(values, batch);
            var payload = new byte[chunk.Payload.Length];
            batch.Export(0, batch.Count, payload);
            return new Frame { Chunk = new Chunk(chunk) { Payload = ByteString.CopyFrom(payload) } };
        }
    }
}
