using System.Collections.Concurrent;
using System.Numerics;
using Google.Protobuf;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Model;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;
using Popcorn.Tests;
using PublicNetwork = Popcorn.Engine.Model.PublicNetwork;
using Shape = Popcorn.Engine.Model.Shape;

namespace Popcorn.Engine.Tests.Sessions;

public class SessionTests
{
    private static readonly ServerOptions Options = TestServer.Options;

    public static TheoryData<string, Func<Random, IntegerNetwork>> Networks => new()
    {
        { "conv, relu, pool, dense", SampleNetworks.ConvReluPoolDense },
        { "squares", SampleNetworks.Squares },
        { "signs", SampleNetworks.Signs },
        { "merged pools", SampleNetworks.MergedPools },
        { "groups and averages", SampleNetworks.GroupsAndAverages },
        { "residual", SampleNetworks.Residual },
        { "branches side by side", SampleNetworks.Branches },
        { "clipped", SampleNetworks.Clipped },
        { "shifted", SampleNetworks.Shifted },
        { "a pool that compares nothing", r => new SampleNetworks.Builder(r, new Shape(2, 3, 3))
            .MaxPool(1, 2, 0, false, false).Dense(2).Build() },
        { "more chunks than may be in flight", r => new SampleNetworks.Builder(r, new Shape(60, 1, 1))
            .Dense(700, limit: 1).Relu().Dense(2, limit: 1).Build() },
        { "a network that ends in relu", r => new SampleNetworks.Builder(r, new Shape(3, 1, 1))
            .Dense(4).Relu().Build() },
        { "more logits than one ciphertext holds", r => new SampleNetworks.Builder(r, new Shape(3, 1, 1))
            .Dense(150).Build() },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public async Task Logits_equal_the_plain_networks(string name, Func<Random, IntegerNetwork> make)
    {
        Assert.NotEmpty(name);
        IntegerNetwork network = make(new Random(3));
        using var model = new ServedModel("net", network);
        var plain = new PlainEvaluator(network);
        var random = new Random(4);
        var reports = new ConcurrentQueue<QueryReport>();

        await WithSession(model, Options with { QueryDone = reports.Enqueue }, async client =>
        {
            foreach (int fill in (int[])[-1, 0, 255, -1])
            {
                int[] input = [.. Enumerable.Range(0, network.Input.Shape.Size)
                    .Select(_ => fill < 0 ? random.Next(256) : fill)];
                InferenceResult result = await client.InferAsync(input, null, default);
                BigInteger[] expected = plain.Run(input);
                Assert.Equal(expected, result.Logits);
                Assert.Equal(PlainEvaluator.Label(expected), result.Label);
                Assert.Equal(client.Plan.Rounds, result.Rounds);
            }
        });

        Assert.Equal(4, reports.Count);
        AssertPredicted(model, reports);
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public async Task Images_of_one_query_keep_apart(string name, Func<Random, IntegerNetwork> make)
    {
        Assert.NotEmpty(name);
        IntegerNetwork network = make(new Random(5));
        using var model = new ServedModel("net", network);
        var plain = new PlainEvaluator(network);
        var random = new Random(6);
        var reports = new ConcurrentQueue<QueryReport>();
        int[][] images = [.. Enumerable.Range(0, 3).Select(_ =>
            Enumerable.Range(0, network.Input.Shape.Size).Select(_ => random.Next(256)).ToArray())];

        await WithSession(model, Options with { QueryDone = reports.Enqueue }, async client =>
        {
            IReadOnlyList<InferenceResult> results =
                await client.InferAsync([.. images.Select(i => (ReadOnlyMemory<int>)i)], null, default);
            Assert.Equal(images.Select(i => plain.Run(i)), results.Select(r => r.Logits));
            Assert.All(results, r => Assert.Equal((client.Plan.Rounds, images.Length), (r.Rounds, r.Images)));

            // A single image after it.
            Assert.Equal(plain.Run(images[1]), (await client.InferAsync(images[1], null, default)).Logits);
        });

        Assert.Equal([images.Length, 1], reports.Select(r => r.Images));
        AssertPredicted(model, reports);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(512)]
    public async Task Chunks_are_as_long_as_the_server_says(int chunkCiphertexts)
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network, FamilyRegistry.Create(chunkCiphertexts));
        int[] input = new int[network.Input.Shape.Size];
        await WithSession(model, Options, async client =>
        {
            Assert.Equal(chunkCiphertexts, ((BlindedPlan)client.Plan).ChunkCiphertexts);
            Assert.All(client.Plan.Steps.OfType<RoundStep>(), step => Assert.InRange(
                step.Layout.Ciphertexts(step.Chunks.PerChunk), 1, chunkCiphertexts));
            ReadOnlyMemory<int>[] images = [input, input];
            Assert.All(
                await client.InferAsync(images, null, default),
                result => Assert.Equal(new PlainEvaluator(network).Run(input), result.Logits));
        });
    }

    [Fact]
    public async Task More_images_than_the_server_has_memory_for_are_refused()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        long MemoryOf(int images) =>
            QueryMemory.Of(model.PlanFor(TestKeys.Bits, images), model.In(model.Families[0]));
        const int TooMany = 500;
        Assert.InRange(MemoryOf(TooMany), 1 << 20, long.MaxValue);
        ReadOnlyMemory<int>[] images = [.. Enumerable.Repeat<ReadOnlyMemory<int>>(new int[16], TooMany)];

        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        ServerOptions options = Options with { Resources = new ServerResources(2 * MemoryOf(TooMany) - 2) };
        Task serving = Serve(model, options, server);
        await using ClientSession session = await Open(client);
        await session.InferAsync(images[..2], null, default);
        await Refuses(() => session.InferAsync(images, null, default), "send fewer images at once");
        await Refuses(() => serving, $"{TooMany} images would take");
        Assert.Equal(0, options.Resources.Memory.Reserved - options.Resources.Use.TableBytes);
    }

    /// <summary>
    /// One oblivious inference on a random input gives the plain network's logits, bit for bit unless an error is
    /// stated.
    /// </summary>
    internal static async Task AssertAgreesAsync(IntegerNetwork network, Random random, double error = 0)
    {
        using var model = new ServedModel("net", network);
        int[] input = RandomNetworks.Input(network, random);
        await WithSession(model, Options, async client =>
        {
            InferenceResult result = await client.InferAsync(input, null, default);
            Assert.All(
                new PlainEvaluator(network).Run(input).Zip(result.Logits),
                pair => Assert.InRange((double)BigInteger.Abs(pair.First - pair.Second), 0, error));
        });
    }

    [Fact]
    public async Task Random_networks_agree()
    {
        int seeds = SharedData.SlowTests ? 400 : 60, compared = 0;
        for (int seed = 0; seed < seeds; seed++)
        {
            IntegerNetwork network = RandomNetworks.Create(seed, exact: true);
            using var model = new ServedModel("net", network);
            try
            {
                model.PlanFor(TestKeys.Bits);
            }
            catch (PopcornException)
            {
                continue; // its values outgrow the small key
            }

            int[] input = RandomNetworks.Input(network, new Random(seed));
            await WithSession(model, Options, async client =>
            {
                InferenceResult result = await client.InferAsync(input, null, default);
                Assert.Equal(new PlainEvaluator(network).Run(input), result.Logits);
            });
            compared++;
        }

        Assert.True(compared >= seeds / 2, $"Only {compared} networks fit the key.");
    }

    [Fact]
    public async Task Rescaled_logits_are_off_by_one_at_most()
    {
        IntegerNetwork network = SampleNetworks.Rescaled(new Random(3));
        using var model = new ServedModel("net", network);
        var plain = new PlainEvaluator(network);
        var random = new Random(4);
        await WithSession(model, Options, async client =>
        {
            for (int run = 0; run < 4; run++)
            {
                int[] input = [.. Enumerable.Range(0, network.Input.Shape.Size).Select(_ => random.Next(256))];
                InferenceResult result = await client.InferAsync(input, null, default);
                Assert.All(
                    plain.Run(input).Zip(result.Logits),
                    pair => Assert.InRange(pair.Second, pair.First - 1, pair.First + 1));
            }
        });
    }

    [Fact]
    public async Task Sessions_run_side_by_side()
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network);
        var plain = new PlainEvaluator(network);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => WithSession(model, Options, async client =>
        {
            int[] input = [.. Enumerable.Range(0, network.Input.Shape.Size).Select(j => (i * 50 + j) % 256)];
            InferenceResult result = await client.InferAsync(input, null, default);
            Assert.Equal(plain.Run(input), result.Logits);
        })));
    }

    [Fact]
    public async Task Two_runs_send_different_bytes_and_give_the_same_result()
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network);
        var transcripts = new List<HashSet<string>>();
        for (int run = 0; run < 2; run++)
        {
            (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
            var ciphertexts = new HashSet<string>();
            var tap = new FrameFilter(client, (frame, _) =>
            {
                foreach (byte[] c in (frame.Chunk?.Payload.ToByteArray() ?? [])
                    .Chunk(TestKeys.Key.PublicKey.CiphertextBytes))
                {
                    Assert.True(ciphertexts.Add(Convert.ToHexString(c)));
                }
            });
            Task serving = Serve(model, Options, server);
            await using (ClientSession session = await Open(tap))
            {
                await session.InferAsync(new int[network.Input.Shape.Size], null, default);
            }

            await serving;
            transcripts.Add(ciphertexts);
        }

        // 84 equal input values, and yet no ciphertext occurs twice, in a run or between two.
        Assert.True(transcripts[0].Count > 84);
        Assert.Equal(transcripts[0].Count, transcripts[1].Count);
        Assert.Empty(transcripts[0].Intersect(transcripts[1]));
    }

    [Fact]
    public async Task Progress_reaches_the_end_of_every_step()
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network);
        var server = new Recorder();
        var client = new Recorder();
        int steps = 0;
        await WithSession(model, Options with { Progress = server }, async session =>
        {
            steps = session.Plan.Steps.Count;
            await session.InferAsync(new int[network.Input.Shape.Size], client, default);
        });

        foreach (Recorder recorder in (Recorder[])[server, client])
        {
            Assert.All(recorder.Seen.GroupBy(p => p.Step), g => Assert.Equal(g.Last().Total, g.Last().Done));
            Assert.All(recorder.Seen, p => Assert.Equal(steps, p.Steps));
        }
    }

    [Fact]
    public async Task Inputs_of_another_size_are_refused_and_the_session_goes_on()
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network);
        await WithSession(model, Options, async session =>
        {
            await Refuses(() => session.InferAsync(new int[5], null, default), "takes 84");
            await session.InferAsync(new int[84], null, default);
        });
    }

    [Fact]
    public async Task An_unknown_model_is_named()
    {
        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(3)));
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, Options, server);
        await Refuses(
            () => ClientSession.OpenAsync(client, TestKeys.Key, "nest", new ClientOptions(), default),
            "No model 'nest' here; this server has net");
        await Assert.ThrowsAsync<PopcornException>(() => serving);
    }

    [Fact]
    public async Task Small_keys_are_refused()
    {
        foreach (Family family in FamilyRegistry.All)
        {
            using var model = new ServedModel("net", SampleNetworks.Signs(new Random(3)), [family]);
            foreach (ServerOptions strict in (ServerOptions[])
                [Options with { MinimumKeyBits = 2048 }, Options with { KeyOptions = null }])
            {
                (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
                Task serving = Serve(model, strict, server);
                await Assert.ThrowsAsync<PopcornException>(() => Open(client));
                await Assert.ThrowsAsync<PopcornException>(() => serving);
            }
        }
    }

    /// <summary>Of the blinded family: the other has no ring for such values, and has said so to whoever serves them.
    /// </summary>
    [Fact]
    public async Task A_bound_too_large_for_the_key_is_refused_before_anything_is_sent()
    {
        IntegerNetwork deep = new SampleNetworks.Builder(new Random(1), new Shape(4, 1, 1))
            .Dense(4).Square().Dense(4).Square().Dense(4).Square().Dense(4).Square().Dense(4).Square()
            .Dense(4).Square()
            .Dense(2).Build();
        using var model = new ServedModel("net", deep, [new BlindedFamily()]);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, Options, server);
        await Refuses(() => Open(client), "larger key");
        await Assert.ThrowsAsync<PopcornException>(() => serving);
    }

    [Theory]
    [InlineData("query first", "before Hello")]
    [InlineData("nothing", "before Hello")]
    [InlineData("version", "version 9")]
    [InlineData("no family", "update one")]
    [InlineData("another family", "update one")]
    [InlineData("no key", "key")]
    [InlineData("garbage key", "key")]
    [InlineData("cut key", "key")]
    [InlineData("key without proof", "proof")]
    [InlineData("cut proof", "proof")]
    [InlineData("proof and more", "proof")]
    [InlineData("wrong proof", "proof")]
    public async Task Bad_beginnings_are_refused(string beginning, string says)
    {
        Frame frame = beginning switch
        {
            "query first" => new Frame { Query = new Query() },
            "nothing" => new Frame(),
            "version" => new Frame { Hello = new Hello { Version = 9, Model = "net" } },
            "no family" => new Frame { Hello = new Hello { Version = WireLimits.Version, Model = "net" } },
            "another family" => Hello(ByteString.Empty, family: "other"),
            "no key" => Hello(ByteString.Empty),
            "garbage key" => Hello(ByteString.CopyFrom(new byte[200])),
            "cut key" => Hello(ByteString.CopyFrom(KeyBytes().Span[..50])),
            "key without proof" => Hello(ByteString.CopyFrom(TestKeys.Key.PublicKey.Export())),
            "cut proof" => Hello(ByteString.CopyFrom(KeyBytes().Span[..^1])),
            "proof and more" => Hello(ByteString.CopyFrom([.. KeyBytes().Span, 0])),
            "wrong proof" => Hello(ByteString.CopyFrom([.. KeyBytes().Span[..^1], (byte)(KeyBytes()[^1] ^ 1)])),
            _ => throw new ArgumentException(beginning),
        };
        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(3)));
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, Options, server);
        await client.SendAsync(frame.ToByteArray(), default);
        var error = await Assert.ThrowsAsync<PopcornException>(() => serving);
        Assert.Contains(says, error.Message, StringComparison.OrdinalIgnoreCase);
        Frame answer = Frame.Parser.ParseFrom(await client.ReceiveAsync(default));
        Assert.Contains(says, answer.Failure.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Garbage_is_refused()
    {
        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(3)));
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, Options, server);
        await client.SendAsync(new byte[] { 0xff, 0xff, 0xff }, default);
        await Refuses(() => serving, "not of the Popcorn protocol");
        await Assert.ThrowsAsync<PopcornException>(
            async () => await client.SendAsync(new byte[WireLimits.MaxMessageBytes + 1], default));
    }

    [Fact]
    public async Task A_session_that_is_stopped_because_its_connection_failed_says_how_it_failed()
    {
        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(3)));
        var channel = new Failed("The client sent text.");
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();
        var session = new ServerSession(new ServedModels(model), Options);
        await Refuses(() => session.RunAsync(channel, stopped.Token), "sent text");
        Assert.Contains("sent text", Frame.Parser.ParseFrom(channel.Sent).Failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_different_plan_is_refused()
    {
        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(3)));
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, Options, server);
        await client.SendAsync(Hello(KeyBytes()).ToByteArray(), default);
        Frame welcome = Frame.Parser.ParseFrom(await client.ReceiveAsync(default));
        byte[] hash = welcome.Welcome.PlanHash.ToByteArray();
        hash[0] ^= 1;
        await client.SendAsync(
            new Frame { Accept = new Accept { PlanHash = ByteString.CopyFrom(hash) } }.ToByteArray(), default);
        await Refuses(() => serving, "different plans");
    }

    [Fact]
    public async Task A_server_with_a_different_plan_is_refused()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task<ClientSession> opening = Open(client);
        await server.ReceiveAsync(default);
        var welcome = new Welcome
        {
            Network = PublicNetworkCodec.Encode(PublicNetwork.From(network)),
            PlanHash = ByteString.CopyFrom(new byte[32]),
            Family = "blinded",
            Terms = ByteString.CopyFrom(16, 0, 0, 0),
        };
        await server.SendAsync(new Frame { Welcome = welcome }.ToByteArray(), default);
        await Refuses(() => opening, "different plans");
        Frame told = Frame.Parser.ParseFrom(await server.ReceiveAsync(default));
        Assert.Equal(Frame.BodyOneofCase.Failure, told.BodyCase);
    }

    [Theory]
    [InlineData("cut", "bytes instead of")]
    [InlineData("empty", "bytes instead of")]
    [InlineData("zeros", "ciphertext")]
    [InlineData("too large", "ciphertext")]
    [InlineData("wrong step", "was due")]
    [InlineData("wrong item", "was due")]
    [InlineData("leaves", "closed")]
    public async Task Bad_chunks_end_the_session_and_only_it(string fault, string says)
    {
        Func<Chunk, Chunk?> spoil = fault switch
        {
            "cut" => c => new Chunk(c) { Payload = ByteString.CopyFrom(c.Payload.Span[1..]) },
            "empty" => c => new Chunk(c) { Payload = ByteString.Empty },
            "zeros" => c => new Chunk(c) { Payload = Filled(c, 0) },
            "too large" => c => new Chunk(c) { Payload = Filled(c, 255) },
            "wrong step" => c => new Chunk(c) { Step = c.Step + 1 },
            "wrong item" => c => new Chunk(c) { First = c.First + 1 },
            _ => _ => null,
        };
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        foreach (uint step in (uint[])[0, 2])
        {
            (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
            Task serving = Serve(model, Options, server);
            await using ClientSession session = await Open(new FrameFilter(client, (frame, isOut) =>
                Task.FromResult(isOut && frame.Chunk?.Step == step ? Spoilt(frame.Chunk) : frame)));
            await Assert.ThrowsAnyAsync<PopcornException>(
                () => session.InferAsync(new int[network.Input.Shape.Size], null, default));
            await Refuses(() => serving, says);
        }

        await WithSession(model, Options, session =>
            session.InferAsync(new int[network.Input.Shape.Size], null, default));

        Frame? Spoilt(Chunk chunk) => spoil(chunk) is Chunk spoilt ? new Frame { Chunk = spoilt } : null;
    }

    [Fact]
    public async Task A_silent_client_is_let_go()
    {
        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(3)));
        TimeSpan soon = TimeSpan.FromMilliseconds(50);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        await using (client)
        {
            Task serving = Serve(model, Options with { HandshakeTimeout = soon }, server);
            await Refuses(() => serving, "introduce itself");
        }

        (client, server) = MemoryChannel.CreatePair();
        await using (client)
        {
            Task serving = Serve(model, Options with { HandshakeTimeout = TimeSpan.FromSeconds(1) }, server);
            await client.SendAsync(Hello(KeyBytes()).ToByteArray(), default);
            await Refuses(() => serving, "introduce itself");
        }

        (client, server) = MemoryChannel.CreatePair();
        Task idle = Serve(model, Options with { IdleTimeout = soon }, server);
        await using (await Open(client))
        {
            await Refuses(() => idle, "silent");
        }
    }

    [Fact]
    public async Task A_query_without_progress_ends_and_gives_its_memory_back()
    {
        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(3)));
        ServerOptions options = Options with
        {
            StallTimeout = TimeSpan.FromMilliseconds(50),
            Resources = new ServerResources(),
        };
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, options, server);
        await using ClientSession session = await Open(client);
        await client.SendAsync(new Frame { Query = new Query { Images = 1 } }.ToByteArray(), default);
        var error = await Assert.ThrowsAsync<PopcornException>(() => serving);
        Assert.Equal(Refusal.Stalled, error.Refusal);
        ResourceUse use = options.Resources.Use;
        Assert.Equal((use.TableBytes, 0, 0), (use.MemoryReserved, use.Computing, use.ComputeWaiting));
    }

    [Fact]
    public async Task A_query_is_done_when_its_last_message_is_out_even_if_the_client_leaves_at_once()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        using var left = new CancellationTokenSource();
        var reports = new ConcurrentQueue<QueryReport>();
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        var channel = new Leaving(server, model.PlanFor(TestKeys.Bits).Steps.Count - 1, left);
        Task serving = Task.Run(() => new ServerSession(Models(model), Options with { QueryDone = reports.Enqueue })
            .RunAsync(channel, left.Token));
        await using ClientSession session = await Open(client);
        await session.InferAsync(new int[network.Input.Shape.Size], null, default);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => serving);
        Assert.Single(reports);
    }

    [Fact]
    public async Task Sessions_of_one_key_share_its_tables()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        using var resources = new ServerResources();
        ServerOptions options = Options with { Resources = resources };
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => WithSession(model, options, async session =>
        {
            await session.InferAsync(new int[network.Input.Shape.Size], null, default);
            Assert.Equal(1, resources.Use.Tables);
        })));
        Assert.Equal(resources.Use.TableBytes, resources.Memory.Reserved);

        // What is reserved is what they take.
        int window = TableSize.ForServer(model.PlanFor(TestKeys.Bits), TestKeys.Bits);
        using var tables = new Rerandomizer(TestKeys.Key.PublicKey, window);
        Assert.Equal(tables.TableBytes, resources.Use.TableBytes);
    }

    [Fact]
    public async Task A_server_that_shuts_down_says_so()
    {
        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(3)));
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        using var stop = new CancellationTokenSource();
        Task serving = new ServerSession(Models(model), Options).RunAsync(server, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => serving);
        await Refuses(() => Open(client), "shutting down");
    }

    [Fact]
    public async Task A_server_that_is_to_stop_finishes_its_query_first()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        using var stopping = new CancellationTokenSource();
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, Options with { Stopping = stopping.Token }, server);
        await using ClientSession session = await Open(client);
        int[] image = [.. Enumerable.Range(0, 16)];
        InferenceResult result = await session.InferAsync(image, new Canceller(stopping), default);
        Assert.True(stopping.IsCancellationRequested);
        Assert.Equal(new PlainEvaluator(network).Run(image), result.Logits);
        await Refuses(() => session.InferAsync(image, null, default), "shutting down");
        PopcornException end = await Assert.ThrowsAsync<PopcornException>(() => serving);
        Assert.True(end.IsTransient);
    }

    [Fact]
    public async Task A_server_that_is_to_stop_begins_no_query_that_is_there_already()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        using var stopping = new CancellationTokenSource();
        using var isThere = new ManualResetEventSlim();
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        int asked = 0;
        var watched = new FrameFilter(client, (frame, isOut) =>
        {
            asked += isOut && frame.Query is not null ? 1 : 0;
            if (asked == 2 && isOut && frame.Chunk is not null)
            {
                isThere.Set(); // what asks for the query went before
            }
        });
        ServerOptions options = Options with
        {
            Stopping = stopping.Token,
            QueryDone = _ =>
            {
                stopping.Cancel();
                Assert.True(isThere.Wait(Eventually.Patience));
            },
        };
        Task serving = Serve(model, options, new Eager(server));
        await using ClientSession session = await Open(watched);
        int[] image = [.. Enumerable.Range(0, 16)];
        InferenceResult result = await session.InferAsync(image, null, default);
        Assert.Equal(new PlainEvaluator(network).Run(image), result.Logits);
        await Refuses(() => session.InferAsync(image, null, default), "shutting down");
        await Assert.ThrowsAsync<PopcornException>(() => serving);
    }

    [Fact]
    public async Task A_server_that_describes_nothing_is_refused()
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task<ClientSession> opening = Open(client);
        await server.ReceiveAsync(default);
        await server.SendAsync(new Frame { Welcome = new Welcome() }.ToByteArray(), default);
        await Refuses(() => opening, "did not describe");
    }

    [Fact]
    public async Task A_session_that_was_cancelled_stays_closed()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, Options, server);
        await using ClientSession session = await Open(client);
        Assert.True(session.IsUsable);
        using var stopped = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => session.InferAsync(new int[16], new Canceller(stopped), stopped.Token));
        Assert.False(session.IsUsable);
        PopcornException after = await Assert.ThrowsAsync<PopcornException>(
            () => session.InferAsync(new int[16], null, default));
        Assert.Equal(PopcornError.SessionEnded, after.Error);
        Assert.Contains("was cancelled; open a new session", after.Message, StringComparison.Ordinal);
        PopcornException told = await Assert.ThrowsAsync<PopcornException>(() => serving);
        Assert.Equal(PopcornError.Cancelled, told.Error);
    }

    [Fact]
    public async Task What_does_not_begin_changes_nothing()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        await WithSession(model, Options, async session =>
        {
            var cancelled = new CancellationToken(canceled: true);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => session.InferAsync(new int[16], null, cancelled));
            await Refuses(() => session.InferAsync(new int[15], null, default), "15 values");
            await Refuses(() => session.InferAsync([], null, default), "no image");
            await Refuses(() => session.PrepareAsync(0), "one image at least");
            await session.InferAsync(new int[16], null, default);
        });
    }

    [Fact]
    public async Task Calls_of_several_threads_take_turns()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        var evaluator = new PlainEvaluator(network);
        await WithSession(model, Options, session => Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            await Task.Yield();
            int[] image = [.. Enumerable.Range(i, network.Input.Shape.Size)];
            Assert.Equal(evaluator.Run(image), (await session.InferAsync(image, null, default)).Logits);
        })));
    }

    [Fact]
    public async Task Nothing_is_computed_on_the_callers_thread()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, Options, server);
        var senders = new ConcurrentBag<int>();
        var watched = new FrameFilter(client, (_, _) => senders.Add(Environment.CurrentManagedThreadId));
        int caller = 0;
        await RunOnThreadAsync(() =>
        {
            caller = Environment.CurrentManagedThreadId;
            ClientSession session = Open(watched).GetAwaiter().GetResult();
            session.InferAsync(new int[16], null, default).GetAwaiter().GetResult();
            session.DisposeAsync().AsTask().GetAwaiter().GetResult();
        });
        await serving;
        Assert.NotEmpty(senders);
        Assert.DoesNotContain(caller, senders);

        static Task RunOnThreadAsync(Action action)
        {
            var done = new TaskCompletionSource();
            new Thread(() =>
            {
                try
                {
                    action();
                    done.SetResult();
                }
                catch (Exception e)
                {
                    done.SetException(e);
                }
            }).Start();
            return done.Task;
        }
    }

    [Fact]
    public async Task Programs_are_told_what_kind_of_error_it_is()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        Assert.Equal((PopcornError.Refused, false), await ErrorOf(Options, "another"));
        Assert.Equal((PopcornError.Refused, false), await ErrorOf(Options with { MinimumKeyBits = 4096 }));
        using var small = new ServerResources(memoryBytes: 1 << 10);
        Assert.Equal((PopcornError.TooLarge, false), await ErrorOf(Options with { Resources = small }));

        async Task<(PopcornError, bool)> ErrorOf(ServerOptions options, string name = "net")
        {
            (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
            Task serving = Serve(model, options, server);
            PopcornException e = await Assert.ThrowsAsync<PopcornException>(() => ClientSession.OpenAsync(
                client, TestKeys.Key, name, new ClientOptions(), default));
            PopcornException own = await Assert.ThrowsAsync<PopcornException>(() => serving);
            Assert.Equal(own.Error, e.Error);
            return (e.Error, e.IsTransient);
        }
    }

    /// <summary>Linear layers exactly, which other tests show; rounds, whose factors are random, nearly.</summary>
    private static void AssertPredicted(ServedModel model, IEnumerable<QueryReport> reports)
    {
        var anyTimes = new OperationTimes(1, 1, 1, 1, 1, 1, 1);
        foreach (QueryReport report in reports)
        {
            Prediction predicted = model.Inspect(
                new InspectionConditions(TestKeys.Bits, anyTimes, Cores: 1), report.Images).Predicted;
            Assert.InRange(report.Products, predicted.Products * 0.85 - 50, predicted.Products * 1.15 + 50);
            Assert.InRange(report.BytesUp, predicted.BytesUp * 0.99 - 100, predicted.BytesUp * 1.01 + 100);
            Assert.InRange(report.BytesDown, predicted.BytesDown * 0.99 - 100, predicted.BytesDown * 1.01 + 100);
        }
    }

    private static async Task WithSession(ServedModel model, ServerOptions options, Func<ClientSession, Task> use)
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, options, server);
        try
        {
            await using ClientSession session = await Open(client);
            await use(session);
        }
        finally
        {
            // Where both fail, the server's error tells more.
            await serving;
        }
    }

    private static Task Serve(ServedModel model, ServerOptions options, IMessageChannel channel) =>
        TestServer.ServeAsync(model, channel, options);

    private static ServedModels Models(ServedModel model) => new(model);

    /// <summary>Cancels as soon as there is progress.</summary>
    private sealed class Canceller(CancellationTokenSource source) : IProgress<SessionProgress>
    {
        public void Report(SessionProgress value) => source.Cancel();
    }

    private static Task<ClientSession> Open(IMessageChannel channel) =>
        ClientSession.OpenAsync(channel, TestKeys.Key, "net", new ClientOptions(), default);

    private static async Task Refuses(Func<Task> action, string says)
    {
        var error = await Assert.ThrowsAsync<PopcornException>(action);
        Assert.Contains(says, error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static ByteString KeyBytes() =>
        ByteString.CopyFrom([.. TestKeys.Key.PublicKey.Export(), .. TestKeys.Key.ProveModulus()]);

    private static Frame Hello(ByteString key, string family = "blinded") => new()
    {
        Hello = new Hello
        {
            Version = WireLimits.Version,
            Model = "net",
            Offers = { new Offer { Family = family, Opening = key } },
        },
    };

    private static ByteString Filled(Chunk chunk, byte value)
    {
        byte[] bytes = chunk.Payload.ToByteArray();
        bytes.AsSpan(0, TestKeys.Key.PublicKey.CiphertextBytes).Fill(value);
        return ByteString.CopyFrom(bytes);
    }

    private sealed class Recorder : IProgress<SessionProgress>
    {
        public List<SessionProgress> Seen { get; } = [];

        public void Report(SessionProgress value) => Seen.Add(value);
    }

    /// <summary>Gives what has come even to those who want nothing any more, as a socket's does.</summary>
    private sealed class Eager(IMessageChannel inner) : IMessageChannel
    {
        public ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken) =>
            inner.SendAsync(message, cancellationToken);

        public ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken) =>
            inner.ReceiveAsync(cancellationToken.IsCancellationRequested ? CancellationToken.None : cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    /// <summary>A server's channel; the client is gone as soon as it has the message of a step.</summary>
    private sealed class Leaving(IMessageChannel inner, int step, CancellationTokenSource left) : IMessageChannel
    {
        public async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
        {
            await inner.SendAsync(message, cancellationToken);
            if (Frame.Parser.ParseFrom(message.Span).Chunk?.Step == step)
            {
                await left.CancelAsync();
            }
        }

        public ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken) =>
            inner.ReceiveAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    /// <summary>A channel whose failure comes to light on the second look.</summary>
    private sealed class Failed(string how) : IMessageChannel
    {
        private bool _looked;

        public byte[] Sent { get; private set; } = [];

        public ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
        {
            Sent = message.ToArray();
            return ValueTask.CompletedTask;
        }

        public ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken)
        {
            if (!_looked)
            {
                _looked = true;
                cancellationToken.ThrowIfCancellationRequested();
            }

            throw new PopcornException(how);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
