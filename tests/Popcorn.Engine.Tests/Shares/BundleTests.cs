using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Shares;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;
using Popcorn.ObliviousTransfer.Flows;
using Phase = Popcorn.Engine.Planning.Phase;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>What is prepared for a query: once, in order, and with all work under keys done.</summary>
public class BundleTests
{
    private static readonly IntegerNetwork Network = SampleNetworks.ConvReluPoolDense(new Random(3));

    [Fact]
    public async Task A_prepared_query_needs_no_key()
    {
        using ServedModel model = FamilySession.Serve(Network);
        var key = PaillierPrivateKey.Generate(TestKeys.Bits, TestKeys.Options);
        int[] input = Input(1);
        try
        {
            await FamilySession.RunAsync(
                model,
                async client =>
                {
                    Assert.All(
                        client.Plan.Steps.Where(step => step.Phase == Phase.Online),
                        step => Assert.True(Products(step.Cost.Client) + Products(step.Cost.Server) == 0));
                    await client.PrepareAsync();
                    await client.PrepareAsync(images: 2);
                    key.Dispose();
                    Assert.Equal(Expected(input), (await client.InferAsync(input, null, default)).Logits);
                    IReadOnlyList<InferenceResult> both = await client.InferAsync([input, Input(2)], null, default);
                    Assert.Equal([Expected(input), Expected(Input(2))], both.Select(result => result.Logits));
                },
                key: key);
        }
        finally
        {
            key.Dispose();
            key.PublicKey.Dispose();
        }

        // What is done with ciphertexts stands before what is done with transfers and messages.
        static double Products(Work work) =>
            Enum.GetValues<Operation>().Where(operation => operation < Operation.Transfer).Sum(o => work[o]);
    }

    [Fact]
    public void Boards_and_what_is_compared_in_are_reserved()
    {
        using SharesServerModel model = FamilySession.Compile(Network);
        SharesPlan plan = model.PlanFor(TestKeys.Bits, images: 7);
        Assert.All(plan.Steps.OfType<CompareSharesStep>(), step => Assert.True(
            model.WorkBytes(plan, step.Layer)
                > (8L * plan.Images * plan.Layers.RoundsOf(step.Layer)!.Board)
                    + step.Tickets.Round.Comparison.WorkBytes(Party.Server, step.Tickets.Chunks.Items).Query));
    }

    [Fact]
    public async Task Transfers_are_reserved_as_long_as_a_client_is_there()
    {
        using ServedModel model = FamilySession.Serve(Network);
        using var resources = new ServerResources();
        await FamilySession.RunAsync(
            model,
            client =>
            {
                var plan = (SharesPlan)client.Plan;
                long vectors = 4L * 16 * plan.Sizes.Silent.Consumed; // of two directions this one and the next
                Assert.InRange(OfTransfers(), vectors, 2 * vectors);
                return Task.CompletedTask;
            },
            options: TestServer.Options with { Resources = resources });
        Assert.Equal(0, OfTransfers());

        long OfTransfers() => resources.Use.MemoryReserved - resources.Use.TableBytes;
    }

    [Fact]
    public async Task What_is_older_than_a_query_is_dropped_and_its_transfers_with_it()
    {
        using ServedModel model = FamilySession.Serve(Network);
        await FamilySession.RunAsync(model, async client =>
        {
            await client.PrepareAsync();
            await client.PrepareAsync(images: 2);
            await client.PrepareAsync();
            Assert.Equal(3, client.PreparedCount);
            await client.InferAsync([Input(1), Input(2)], null, default);
            Assert.Equal(1, client.PreparedCount);
            for (int run = 3; run < 6; run++)
            {
                Assert.Equal(Expected(Input(run)), (await client.InferAsync(Input(run), null, default)).Logits);
                Assert.Equal(0, client.PreparedCount);
            }
        });
    }

    /// <summary>A query that fails has used its bundle, and the server keeps nothing of it.</summary>
    [Fact]
    public async Task A_bundle_is_used_up_by_a_query_that_fails()
    {
        using ServedModel model = FamilySession.Serve(Network);
        using var resources = new ServerResources();
        bool spoils = false;
        var error = await Assert.ThrowsAnyAsync<PopcornException>(() => FamilySession.RunAsync(
            model,
            async client =>
            {
                await client.PrepareAsync();
                await client.PrepareAsync();
                spoils = true;
                await Assert.ThrowsAsync<PopcornException>(() => client.InferAsync(Input(1), null, default));
                Assert.Equal(1, client.PreparedCount);
                var again = await Assert.ThrowsAsync<PopcornException>(
                    () => client.InferAsync(Input(1), null, default));
                Assert.Contains("open a new session", again.Message, StringComparison.Ordinal);
            },
            channel => new FrameFilter(channel, (frame, isOut) =>
            {
                if (spoils && isOut && frame.BodyCase == Frame.BodyOneofCase.Chunk)
                {
                    frame.Chunk.First += 7;
                }
            }),
            TestServer.Options with { Resources = resources }));
        Assert.DoesNotContain('\n', error.Message);
        Assert.Equal(resources.Use.TableBytes, resources.Memory.Reserved);
    }

    [Fact]
    public void A_bundle_takes_the_memory_that_is_reserved_for_it()
    {
        using SharesServerModel model = FamilySession.Compile(Network);
        foreach (int images in (int[])[1, 3])
        {
            SharesPlan plan = model.PlanFor(TestKeys.Bits, images);
            long tickets = plan.Tickets.Sum(step => Enumerable.Range(0, step.Chunks.Count).Sum(
                chunk => step.Round.Comparison.TicketBytes(Party.Server, step.Chunks.ItemsIn(chunk))));
            long shares = Network.Layers.OfType<LinearLayer>().Sum(layer => 8L * images * layer.Output.Size);
            Assert.Equal(tickets + shares, model.BundleBytes(plan));
            Assert.InRange(tickets, 1, long.MaxValue);
        }
    }

    [Fact]
    public async Task Shares_are_wiped_with_their_bundle()
    {
        using SharesServerModel model = FamilySession.Compile(Network);
        var shares = new ClientShares(model.PlanFor(TestKeys.Bits));
        SecretArray<ulong> input = await shares.Of(0);
        Assert.Equal(Network.Input.Shape.Size, input.Length);
        Assert.Contains(input.Span.ToArray(), share => share != 0);
        Assert.Same(input, await shares.Of(0));
        shares.Dispose();
        Assert.Equal(0, input.Length); // wiped and given back
    }

    [Fact]
    public async Task Shares_of_one_bundle_are_none_of_another()
    {
        using SharesServerModel model = FamilySession.Compile(Network);
        var seen = new HashSet<ulong>();
        for (int bundle = 0; bundle < 20; bundle++)
        {
            using var shares = new ClientShares(model.PlanFor(TestKeys.Bits));
            Assert.All((await shares.Of(0)).Span.ToArray(), share => Assert.True(seen.Add(share)));
        }
    }

    /// <summary>Waiting for shares that never come ends with what failed.</summary>
    [Fact]
    public async Task Whoever_waits_for_shares_that_do_not_come_is_told()
    {
        using SharesServerModel model = FamilySession.Compile(Network);
        using var shares = new ClientShares(model.PlanFor(TestKeys.Bits));
        Task<SecretArray<ulong>> waits = shares.Of(1);
        Assert.False(waits.IsCompleted);
        shares.Fail();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waits);
    }

    private static int[] Input(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, Network.Input.Shape.Size).Select(_ => random.Next(256))];
    }

    private static BigInteger[] Expected(int[] input) => new PlainEvaluator(Network).Run(input);
}
