using System.Collections.Concurrent;
using System.Numerics;
using Google.Protobuf;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Model;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Tests;
using Phase = Popcorn.Engine.Planning.Phase;

namespace Popcorn.Engine.Tests.Protocols;

/// <summary>What every family owes to those who use it, and the no-op family with them.</summary>
public class FamilyContractTests
{
    private static readonly IReadOnlyList<Family> Families = [.. FamilyRegistry.All, new NoOpFamily()];

    public static TheoryData<string> Names => [.. Families.Select(family => family.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Logits_are_the_plain_networks(string name)
    {
        int run = 0;
        for (int seed = 0; seed < 20; seed++)
        {
            IntegerNetwork network = RandomNetworks.Create(seed, exact: true);
            using ServedModel? model = ServedIfItFits(network, Named(name));
            if (model is null || Bounds.Of(network).Hull(network.Layers.Count).MagnitudeBits > 62)
            {
                continue;
            }

            run++;

            var plain = new PlainEvaluator(network);
            var random = new Random(seed);
            int[][] images = [.. Enumerable.Range(0, 3).Select(_ => RandomNetworks.Input(network, random))];
            await WithSession(model, async client =>
            {
                Assert.Equal(plain.Run(images[0]), (await client.InferAsync(images[0], null, default)).Logits);
                IReadOnlyList<InferenceResult> together =
                    await client.InferAsync([.. images.Select(i => (ReadOnlyMemory<int>)i)], null, default);
                Assert.Equal(images.Select(i => plain.Run(i)), together.Select(r => r.Logits));
            });
        }

        Assert.True(run > 2, $"Only {run} of these networks fit.");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Bytes_and_rounds_are_as_planned(string name)
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network, [Named(name)]);
        await WithSession(model, async client =>
        {
            InferenceResult result = await client.InferAsync(new int[network.Input.Shape.Size], null, default);
            StepCost planned = client.Plan.Cost;

            int frames = Tolerance(client.Plan);
            Assert.InRange(result.BytesUp, planned.BytesUp - frames, planned.BytesUp + frames);
            Assert.InRange(result.BytesDown, planned.BytesDown - frames, planned.BytesDown + frames);
            Assert.Equal(client.Plan.Rounds, result.Rounds);
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Phases_are_measured_apart_and_a_preparation_counts_for_its_query(string name)
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network, [Named(name)]);
        var reports = new ConcurrentQueue<QueryReport>();
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, server, done: reports.Enqueue);
        var uses = new List<QueryUse>();
        Plan plan;
        await using (ClientSession session = await Open(client, name))
        {
            plan = session.Plan;
            Assert.True(session.SetUpSeconds >= session.TableSeconds);
            Assert.True(session.SetUpBytes > 0);
            await session.PrepareAsync();
            await session.PrepareAsync();
            for (int run = 0; run < 3; run++)
            {
                // The third is prepared as it is asked.
                InferenceResult result = await session.InferAsync(new int[network.Input.Shape.Size], null, default);
                Assert.Equal(result.Use.Total.Seconds, result.Seconds);
                Assert.InRange(result.WorkSeconds, 0, result.Seconds);
                uses.Add(result.Use);
            }
        }

        await serving;
        Assert.Equal(3, reports.Count);
        Assert.All(uses.Zip(reports), pair => AssertPhases(plan, pair.First, pair.Second));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_plan_says_of_itself_what_matters(string name)
    {
        IntegerNetwork network = SampleNetworks.Residual(new Random(3));
        using var model = new ServedModel("net", network, [Named(name)]);
        Plan plan = model.PlanFor(TestKeys.Bits);
        Assert.Equal(plan.Hash.ToArray(), model.PlanFor(TestKeys.Bits).Hash.ToArray());
        Assert.NotEqual(plan.Hash.ToArray(), model.PlanFor(TestKeys.Bits, images: 2).Hash.ToArray());
        Assert.Equal(Enumerable.Range(0, plan.Steps.Count), plan.Steps.Select(step => step.Index));
        Assert.All(plan.Steps, step => Assert.False(string.IsNullOrWhiteSpace(step.Describe())));
        Assert.All(network.Layers.Select((_, i) => i), i => Assert.Contains(plan.Steps, step => step.Layer == i));
        Assert.True(plan.Rounds > 0);
        Assert.True(QueryMemory.Of(plan, model.In(model.Families[0])) > 0);
        Assert.Equal(
            network.Layers.Count,
            model.Inspect(new InspectionConditions(TestKeys.Bits, new OperationTimes(1, 1, 1, 1, 1, 1, 1), 1))
                .Layers.Count);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Queries_are_prepared_ahead_and_each_is_run_once(string name)
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network, [Named(name)]);
        var plain = new PlainEvaluator(network);
        var random = new Random(4);
        await WithSession(model, async client =>
        {
            bool offline = client.Plan.HasOfflineSteps;
            var seen = new Recorder();
            await client.PrepareAsync(progress: seen);
            await client.PrepareAsync();
            await client.PrepareAsync(images: 2);
            Assert.Equal(offline, seen.Steps.Count > 0);
            Assert.All(seen.Steps, step => Assert.Equal(Phase.Offline, client.Plan.Steps[step].Phase));

            // Four queries where two are prepared; the third ends the one of two images.
            for (int run = 0; run < 4; run++)
            {
                int[] input = [.. Enumerable.Range(0, network.Input.Shape.Size).Select(_ => random.Next(256))];
                var running = new Recorder();
                Assert.Equal(plain.Run(input), (await client.InferAsync(input, running, default)).Logits);
                Assert.Equal(
                    offline && run >= 2, running.Steps.Any(step => client.Plan.Steps[step].Phase == Phase.Offline));
            }
        });
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_client_prepares_no_more_than_the_server_keeps(string name)
    {
        IntegerNetwork network = SampleNetworks.Signs(new Random(3));
        using var model = new ServedModel("net", network, [Named(name)]);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, server, maxPrepared: 2);
        int[] input = new int[network.Input.Shape.Size];
        await using (ClientSession session = await Open(client, name))
        {
            Assert.Equal(2, session.MaxPrepared);
            Assert.Equal(0, session.PreparedCount);
            await session.PrepareAsync();
            await session.PrepareAsync();
            if (session.Plan.HasOfflineSteps)
            {
                Assert.Equal(2, session.PreparedCount);
                foreach (Func<Task> tooMany in (Func<Task>[])
                    [() => session.PrepareAsync(), () => session.InferAsync([input, input], null, default)])
                {
                    var error = await Assert.ThrowsAsync<PopcornException>(tooMany);
                    Assert.Contains("run one first", error.Message, StringComparison.Ordinal);
                }
            }

            // The session goes on.
            await session.InferAsync(input, null, default);
            Assert.Equal(session.Plan.HasOfflineSteps ? 1 : 0, session.PreparedCount);
            await session.PrepareAsync();
            await session.InferAsync(input, null, default);
        }

        await serving;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_server_bounds_what_a_client_prepares(string name)
    {
        IntegerNetwork network = SampleNetworks.Signs(new Random(3));
        using var model = new ServedModel("net", network, [Named(name)]);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, server, maxPrepared: 2);

        // A client that has not heard of the bound.
        var deaf = new FrameFilter(client, (frame, _) => frame.Welcome?.MaxPrepared = 9);
        await using ClientSession session = await Open(deaf, name);
        for (int i = 0; i < 2; i++)
        {
            await session.PrepareAsync();
        }

        if (session.Plan.HasOfflineSteps)
        {
            // A family whose client only sends learns of it when it next waits for the server.
            var error = await Assert.ThrowsAsync<PopcornException>(async () =>
            {
                await session.PrepareAsync();
                await session.InferAsync(new int[network.Input.Shape.Size], null, default);
            });
            Assert.Contains("run one first", error.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<PopcornException>(() => serving);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_prepared_query_holds_memory_for_its_bundle_alone(string name)
    {
        IntegerNetwork network = SampleNetworks.Signs(new Random(3));
        using var model = new ServedModel("net", network, [Named(name)]);
        using var resources = new ServerResources();
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, server, resources: resources);
        await using (ClientSession session = await Open(client, name))
        {
            long before = resources.Memory.Reserved;
            long bundle = model.In(Named(name)).BundleBytes(session.Plan);
            Assert.Equal(session.Plan.HasOfflineSteps, bundle > 0);
            Assert.True(bundle < QueryMemory.Of(session.Plan, model.In(Named(name))));
            for (int i = 1; i <= 2; i++)
            {
                await session.PrepareAsync();
                await Eventually.IsTrueAsync(
                    () => resources.Memory.Reserved == before + i * bundle, "More or less than bundles is reserved.");
            }

            await session.InferAsync(new int[network.Input.Shape.Size], null, default);
            await Eventually.IsTrueAsync(
                () => resources.Memory.Reserved == before + bundle, "What the query worked with is still reserved.");
        }

        await serving;
        Assert.Equal(resources.Use.TableBytes, resources.Memory.Reserved);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_query_is_not_run_twice(string name)
    {
        // A client that says so all the same is refused.
        IntegerNetwork network = SampleNetworks.Signs(new Random(3));
        using var model = new ServedModel("net", network, [Named(name)]);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, server);
        await using ClientSession session = await Open(client, name);
        await session.InferAsync(new int[network.Input.Shape.Size], null, default);
        await client.SendAsync(new Frame { Query = new Query { Number = 0, Images = 1 } }.ToByteArray(), default);
        var error = await Assert.ThrowsAsync<PopcornException>(() => serving);
        Assert.Contains("run once", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Spoilt_messages_end_the_session_of_both_parties(string name)
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network, [Named(name)]);
        Func<Chunk, Chunk[]>[] faults =
        [
            c => [new Chunk(c) { Payload = ByteString.CopyFrom(c.Payload.Span[1..]) }],
            c => [new Chunk(c) { Payload = ByteString.Empty }],
            c => [new Chunk(c) { Step = c.Step + 1 }],
            c => [new Chunk(c) { First = c.First + 1 }],
            c => [c, c],
            _ => [],
        ];
        foreach (Func<Chunk, Chunk[]> fault in faults)
        {
            foreach (int message in (int[])[0, 1, 2])
            {
                (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
                var spoiler = new Spoiler(client, message, fault);
                Task serving = Serve(model, server);
                Task asking = Task.Run(async () =>
                {
                    await using ClientSession session = await Open(spoiler, name);
                    await session.InferAsync(new int[network.Input.Shape.Size], null, default);
                });
                var ended = Task.WhenAll(
                    Assert.ThrowsAnyAsync<Exception>(() => asking),
                    Assert.ThrowsAsync<PopcornException>(() => serving));
                await ended.WaitAsync(2 * Eventually.Patience);
                Assert.True(asking.Exception?.InnerException is PopcornException, $"{asking.Exception}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Sessions_run_side_by_side(string name)
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        using var model = new ServedModel("net", network, [Named(name)]);
        var plain = new PlainEvaluator(network);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => WithSession(model, async client =>
        {
            int[] input = [.. Enumerable.Range(0, network.Input.Shape.Size).Select(j => (i * 50 + j) % 256)];
            Assert.Equal(plain.Run(input), (await client.InferAsync(input, null, default)).Logits);
        })));
    }

    [Fact]
    public async Task The_servers_first_family_that_the_client_speaks_is_taken()
    {
        IntegerNetwork network = SampleNetworks.Signs(new Random(3));
        foreach (Family[] order in (Family[][])[[.. Families], [.. Families.Reverse()]])
        {
            using var model = new ServedModel("net", network, order);
            (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
            Task serving = Serve(model, server);
            await using (ClientSession session = await Open(client, [.. Families.Select(family => family.Name)]))
            {
                Assert.Contains($", {order[0].Name}", session.Plan.Text, StringComparison.Ordinal);
                BigInteger[] expected = new PlainEvaluator(network).Run(new int[network.Input.Shape.Size]);
                Assert.Equal(
                    expected, (await session.InferAsync(new int[network.Input.Shape.Size], null, default)).Logits);
            }

            await serving;
        }
    }

    [Fact]
    public async Task Parties_without_a_common_family_part()
    {
        using var model = new ServedModel("net", SampleNetworks.Signs(new Random(3)), [Families[0]]);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, server);
        var error = await Assert.ThrowsAsync<PopcornException>(() => Open(client, "no-op"));
        Assert.Contains("update one", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<PopcornException>(() => serving);
    }

    private static void AssertPhases(Plan plan, QueryUse use, QueryReport report)
    {
        Assert.Equal(plan.HasOfflineSteps, use.Prepare is not null);
        Assert.Equal(plan.HasOfflineSteps, report.Use.Prepare is not null);
        Assert.Equal(plan.Rounds, use.Total.Rounds);
        Assert.InRange(report.WorkSeconds, 0, report.Seconds);
        AssertPhase(Phase.Online, use.Online, report.Use.Online);
        if (use.Prepare is not null)
        {
            AssertPhase(Phase.Offline, use.Prepare, report.Use.Prepare!);
            Assert.Equal(use.Prepare.BytesUp + use.Online.BytesUp, use.Total.BytesUp);
            Assert.Equal(report.Use.Prepare!.Seconds + report.Use.Online.Seconds, report.Seconds);
        }

        void AssertPhase(Phase phase, PhaseUse client, PhaseUse server)
        {
            StepCost planned = plan.CostOf(phase);
            int frames = Tolerance(plan);
            Assert.Equal(plan.RoundsOf(phase), client.Rounds);
            Assert.Equal(plan.RoundsOf(phase), server.Rounds);
            Assert.InRange(client.BytesUp, planned.BytesUp - frames, planned.BytesUp + frames);
            Assert.InRange(client.BytesDown, planned.BytesDown - frames, planned.BytesDown + frames);

            // The message that begins the phase has come before the server measures.
            Assert.InRange(client.BytesUp - server.BytesUp, 0, 16);
            Assert.Equal(client.BytesDown, server.BytesDown);
        }
    }

    private static Family Named(string name) => Families.Single(family => family.Name == name);

    /// <summary>
    /// Frames of small numbers are a few bytes shorter than the plan counts; of the query itself there is one. What is
    /// made in advance for several queries, such as transfers, is counted as it is used: up to a piece more or less.
    /// </summary>
    private static int Tolerance(Plan plan) => (16 * (4 + plan.Steps.Count)) + (plan.HasOfflineSteps ? 256 : 0);

    /// <summary>Null: the family or the small key does not hold its values.</summary>
    private static ServedModel? ServedIfItFits(IntegerNetwork network, Family family)
    {
        ServedModel? model = null;
        try
        {
            model = new ServedModel("net", network, [family]);
            Assert.Equal(3, model.PlanFor(TestKeys.Bits, images: 3).Images);
            return model;
        }
        catch (PopcornException)
        {
            model?.Dispose();
            return null;
        }
    }

    private static async Task WithSession(ServedModel model, Func<ClientSession, Task> use)
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = Serve(model, server);
        try
        {
            await using ClientSession session = await Open(client, model.Families[0].Name);
            await use(session);
        }
        finally
        {
            await serving;
        }
    }

    private static Task Serve(
        ServedModel model, IMessageChannel channel, int maxPrepared = 3, Action<QueryReport>? done = null,
        ServerResources? resources = null) =>
        TestServer.ServeAsync(model, channel, TestServer.Options with
        {
            MaxPreparedQueries = maxPrepared,
            QueryDone = done,
            Resources = resources ?? new ServerResources(),
        });

    private static Task<ClientSession> Open(IMessageChannel channel, params string[] families) =>
        ClientSession.OpenAsync(
            channel, TestKeys.Key, "net",
            new ClientOptions { Families = [.. families.Select(Named)], IdleTimeout = Eventually.Patience },
            default);

    private sealed class Recorder : IProgress<SessionProgress>
    {
        private readonly ConcurrentQueue<int> _steps = new();

        public IReadOnlyCollection<int> Steps => _steps;

        public void Report(SessionProgress value) => _steps.Enqueue(value.Step);
    }

    /// <summary>Spoils one of the client's messages of steps, counted from the first query on.</summary>
    private sealed class Spoiler(IMessageChannel inner, int message, Func<Chunk, Chunk[]> spoil) : IMessageChannel
    {
        private int _next;

        public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            Frame frame = Frame.Parser.ParseFrom(bytes.Span);
            bool isStep = frame.BodyCase == Frame.BodyOneofCase.Chunk && frame.Chunk.Step < 1000;
            if (!isStep || _next++ != message)
            {
                await inner.SendAsync(bytes, cancellationToken);
                return;
            }

            Chunk[] spoilt = spoil(frame.Chunk);
            foreach (Chunk chunk in spoilt)
            {
                await inner.SendAsync(new Frame { Chunk = chunk }.ToByteArray(), cancellationToken);
            }

            if (spoilt.Length == 0)
            {
                await inner.DisposeAsync();
            }
        }

        public ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken) =>
            inner.ReceiveAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
