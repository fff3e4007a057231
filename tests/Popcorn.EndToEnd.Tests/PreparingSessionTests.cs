using Popcorn.Engine;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Families;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Protocols;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Hosting;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>Queries that are prepared while none is asked.</summary>
public sealed class PreparingSessionTests : IDisposable
{
    private static readonly int[] Image = [.. Enumerable.Range(0, 36).Select(i => i * 7)];

    private readonly PaillierPrivateKey _key = PaillierPrivateKey.Generate();

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task As_many_as_wanted_are_kept_prepared()
    {
        await using Pair pair = await Pair.OpenAsync(_key, new NoOpFamily());
        await using var preparing = new PreparingSession(pair.Client, ahead: 3);
        for (int query = 0; query < 10; query++)
        {
            await Eventually.EqualAsync(3, () => pair.Client.PreparedCount);
            await AssertExactAsync(preparing, 1);
        }

        await Eventually.EqualAsync(3, () => pair.Client.PreparedCount);
        Assert.Equal(13, pair.Prepared);
    }

    [Fact]
    public async Task No_more_are_prepared_than_the_server_keeps()
    {
        await using Pair pair = await Pair.OpenAsync(_key, new NoOpFamily());
        await using var preparing = new PreparingSession(pair.Client, ahead: 100);
        await Eventually.EqualAsync(new ServerOptions().MaxPreparedQueries, () => pair.Client.PreparedCount);
        await AssertExactAsync(preparing, 1);
        await Eventually.EqualAsync(new ServerOptions().MaxPreparedQueries, () => pair.Client.PreparedCount);
    }

    [Fact]
    public async Task Queries_of_several_threads_and_other_numbers_of_images_take_turns()
    {
        await using Pair pair = await Pair.OpenAsync(_key, new NoOpFamily());
        await using var preparing = new PreparingSession(pair.Client, ahead: 2);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => AssertExactAsync(preparing, 1 + i % 3))));
    }

    [Fact]
    public async Task A_query_waits_for_the_preparation_that_runs()
    {
        var held = new TaskCompletionSource();
        await using Pair pair = await Pair.OpenAsync(_key, new NoOpFamily(), async frame =>
        {
            if (frame.BodyCase == Frame.BodyOneofCase.Prepare && frame.Prepare.Number == 1)
            {
                await held.Task;
            }
        });
        await using var preparing = new PreparingSession(pair.Client, ahead: 2);
        await Eventually.EqualAsync(1, () => pair.Client.PreparedCount);
        Task asking = AssertExactAsync(preparing, 1);
        using (var hasty = new CancellationTokenSource(50))
        {
            // Whoever gives up before his turn harms nobody.
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => preparing.InferAsync([Image], cancellationToken: hasty.Token));
        }

        Assert.False(asking.IsCompleted);
        held.SetResult();
        await asking;
        await AssertExactAsync(preparing, 1);
    }

    [Fact]
    public async Task A_preparation_that_fails_is_told_to_the_next_query()
    {
        await using Pair pair = await Pair.OpenAsync(
            _key, new NoOpFamily(),
            frame => frame.Prepare?.Number == 1 ? throw new PopcornException("No more.") : Task.CompletedTask);
        await using var preparing = new PreparingSession(pair.Client, ahead: 2);
        await Eventually.EqualAsync(1, () => pair.Client.PreparedCount);
        await Eventually.IsTrueAsync(
            async () =>
            {
                try
                {
                    await preparing.InferAsync([Image]);
                    return false;
                }
                catch (PopcornException e)
                {
                    return e.Message == "No more.";
                }
            },
            "The failure was not told.");
        pair.ServerMayFail();
    }

    [Fact]
    public async Task A_session_in_the_middle_of_a_preparation_is_disposed_at_once()
    {
        var held = new TaskCompletionSource();
        await using Pair pair = await Pair.OpenAsync(
            _key, new NoOpFamily(), frame => frame.Chunk?.Step == 0 ? held.Task : Task.CompletedTask);
        var preparing = new PreparingSession(pair.Client, ahead: 1);
        Task disposed = Task.Run(async () => await preparing.DisposeAsync());
        held.SetResult();
        await disposed.WaitAsync(Eventually.Patience);
        await preparing.DisposeAsync();
        pair.ServerMayFail();
    }

    [Fact]
    public async Task A_family_that_works_online_only_prepares_nothing()
    {
        await using Pair pair = await Pair.OpenAsync(_key, FamilyRegistry.All[0]);
        await using var preparing = new PreparingSession(pair.Client, ahead: 2);
        await AssertExactAsync(preparing, 1);
        Assert.Equal(0, pair.Prepared);
    }

    private static async Task AssertExactAsync(PreparingSession session, int images)
    {
        var expected = new PlainEvaluator(TestFiles.TinyNetwork()).Run(Image);
        IReadOnlyList<InferenceResult> results = await session.InferAsync(
            [.. Enumerable.Repeat((ReadOnlyMemory<int>)Image, images)]);
        Assert.All(results, result => Assert.Equal(expected, result.Logits));
        Assert.Equal(images, results.Count);
    }

    /// <summary>A session and its server in one process.</summary>
    private sealed class Pair : IAsyncDisposable
    {
        private readonly ServedModel _model;
        private readonly Task _serving;
        private bool _mayFail;

        private Pair(ServedModel model, Task serving)
        {
            _model = model;
            _serving = serving;
        }

        public ClientSession Client { get; private set; } = null!;

        /// <summary>Queries that were begun to be prepared.</summary>
        public int Prepared { get; private set; }

        public static async Task<Pair> OpenAsync(
            PaillierPrivateKey key, Family family, Func<Frame, Task>? sending = null)
        {
            var model = new ServedModel("tiny", TestFiles.TinyNetwork(), [family]);
            (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
            var pair = new Pair(model, Task.Run(async () =>
            {
                await using (server)
                {
                    var models = new ServedModels(model);
                    await new ServerSession(models, new ServerOptions()).RunAsync(server, default);
                }
            }));
            var channel = new FrameFilter(client, async (frame, isOut) =>
            {
                pair.Prepared += frame.Prepare is null ? 0 : 1;
                await (isOut && sending is not null ? sending(frame) : Task.CompletedTask);
                return frame;
            });
            pair.Client = await ClientSession.OpenAsync(
                channel, key, "tiny", new ClientOptions { Families = [family] }, default);
            return pair;
        }

        public void ServerMayFail() => _mayFail = true;

        public async ValueTask DisposeAsync()
        {
            await Client.DisposeAsync();
            try
            {
                await _serving.WaitAsync(Eventually.Patience);
            }
            catch (PopcornException) when (_mayFail)
            {
                // It was told that the client gave up.
            }

            _model.Dispose();
        }
    }
}
