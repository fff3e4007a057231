using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Protocols;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>A query is asked for before it is prepared: what the server says, and what it leaves as it was.</summary>
public sealed class AdmissionTests : IDisposable
{
    private static readonly IntegerNetwork Network = SampleNetworks.Squares(new Random(3));
    private static readonly int[] Input = [.. Enumerable.Range(0, 16)];

    private readonly NoOpFamily _family = new();
    private readonly ServedModel _model;

    public AdmissionTests() => _model = new ServedModel("net", Network, [_family]);

    public void Dispose() => _model.Dispose();

    [Fact]
    public async Task A_refused_query_ends_no_session_and_nothing_that_is_prepared()
    {
        bool isOver = false;
        var told = new List<PopcornException>();
        ServerOptions options = new()
        {
            Admit = (query, _) => isOver && query is { Images: > 0, IsPrepared: false }
                ? throw Quota(TimeSpan.FromSeconds(7)) : default,
            QueryRefused = told.Add,
        };
        await WithSessionAsync(options, async session =>
        {
            await session.PrepareAsync();
            isOver = true;
            PopcornException e = await Assert.ThrowsAsync<PopcornException>(() => session.PrepareAsync());
            Assert.Equal((PopcornError.Busy, TimeSpan.FromSeconds(7)), (e.Error, e.RetryAfter));
            Assert.Contains("server refused: Enough", e.Message, StringComparison.Ordinal);
            Assert.Equal((true, 1), (session.IsUsable, session.PreparedCount));

            await AssertExactAsync(session);
            await Assert.ThrowsAsync<PopcornException>(() => session.InferAsync(Input, null, default));
            await Assert.ThrowsAsync<PopcornException>(() => session.InferAsync([Input, Input], null, default));
            Assert.True(session.IsUsable);

            isOver = false;
            await AssertExactAsync(session);
            await AssertExactAsync(session);
            Assert.Equal(3, told.Count);
        });
    }

    [Fact]
    public async Task Whoever_does_not_take_no_for_an_answer_is_sent_away()
    {
        ServerOptions options = new()
        {
            Admit = (query, _) => query.Images > 0 ? throw Quota(null) : default,
        };
        await WithSessionAsync(
            options,
            async session =>
            {
                for (int i = 0; i < 15; i++)
                {
                    PopcornException e = await Assert.ThrowsAsync<PopcornException>(() => session.PrepareAsync());
                    Assert.Null(e.RetryAfter);
                    Assert.True(session.IsUsable);
                }

                await Assert.ThrowsAsync<PopcornException>(() => session.PrepareAsync());
                Assert.False(session.IsUsable);
            },
            mayFail: true);
    }

    [Fact]
    public async Task A_permit_is_held_while_a_query_is_worked_at()
    {
        int held = 0, most = 0;
        ServerOptions options = new()
        {
            Admit = (query, _) =>
            {
                most = Math.Max(most, ++held);
                return new ValueTask<IDisposable?>(new Permit(() => held--));
            },
            Progress = new Watch(() => Assert.Equal(1, held)),
        };
        await WithSessionAsync(options, async session =>
        {
            await session.PrepareAsync();
            await session.PrepareAsync();
        });
        Assert.Equal((0, 1), (held, most));
    }

    [Fact]
    public async Task A_server_that_is_to_stop_answers_the_query_whose_preparation_is_under_way()
    {
        using var stopping = new CancellationTokenSource();
        await WithSessionAsync(
            new ServerOptions
            {
                Stopping = stopping.Token,
                Progress = new Watch(stopping.Cancel),
            },
            async session =>
            {
                await AssertExactAsync(session);
                Assert.True(stopping.IsCancellationRequested);
                PopcornException e = await Assert.ThrowsAsync<PopcornException>(
                    () => session.InferAsync(Input, null, default));
                Assert.Contains("shutting down", e.Message, StringComparison.Ordinal);
            },
            mayFail: true);
    }

    [Fact]
    public async Task A_server_that_is_to_stop_does_not_wait_for_queries_that_are_only_prepared()
    {
        using var stopping = new CancellationTokenSource();
        await WithSessionAsync(
            new ServerOptions { Stopping = stopping.Token },
            async session =>
            {
                await session.PrepareAsync();
                await stopping.CancelAsync();
                PopcornException e = await Assert.ThrowsAsync<PopcornException>(
                    () => session.InferAsync(Input, null, default));
                Assert.Contains("shutting down", e.Message, StringComparison.Ordinal);
            },
            mayFail: true);
    }

    [Fact]
    public async Task A_server_that_answers_something_else_is_refused()
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        var spoiled = new FrameFilter(server, (frame, isOut) => Task.FromResult<Frame?>(
            isOut && frame.Admitted is not null ? new Frame { Ready = new Ready() } : frame));
        Task serving = ServeAsync(new ServerOptions(), spoiled);
        await using (ClientSession session = await OpenAsync(client))
        {
            PopcornException e = await Assert.ThrowsAsync<PopcornException>(() => session.PrepareAsync());
            Assert.Equal(PopcornError.Protocol, e.Error);
            Assert.False(session.IsUsable);
        }

        await Assert.ThrowsAsync<PopcornException>(() => serving);
    }

    [Fact]
    public async Task A_client_is_told_of_models_that_are_shown_to_it_alone()
    {
        foreach ((bool shows, string names) in ((bool, string)[])[(true, "has net"), (false, "none for")])
        {
            (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
            Task serving = ServeAsync(new ServerOptions { Shows = _ => shows }, server);
            PopcornException e = await Assert.ThrowsAsync<PopcornException>(() => OpenAsync(client, "other"));
            Assert.Contains(names, e.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<PopcornException>(() => serving);
        }
    }

    private static PopcornException Quota(TimeSpan? wait) => new("Enough.")
    {
        Refusal = Refusal.Quota,
        RetryAfter = wait,
    };

    private static async Task AssertExactAsync(ClientSession session) => Assert.Equal(
        new PlainEvaluator(Network).Run(Input), (await session.InferAsync(Input, null, default)).Logits);

    private async Task WithSessionAsync(
        ServerOptions options, Func<ClientSession, Task> action, bool mayFail = false)
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = ServeAsync(options, server);
        await using (ClientSession session = await OpenAsync(client))
        {
            await action(session);
        }

        Exception? end = await Record.ExceptionAsync(() => serving);
        Assert.True(end is null || mayFail, end?.ToString());
    }

    private Task ServeAsync(ServerOptions options, IMessageChannel channel) => Task.Run(async () =>
    {
        await using (channel)
        {
            await new ServerSession(new ServedModels(_model), options).RunAsync(channel, default);
        }
    });

    private Task<ClientSession> OpenAsync(IMessageChannel channel, string model = "net") => ClientSession.OpenAsync(
        channel, TestKeys.Key, model, new ClientOptions { Families = [_family] }, default);

    private sealed class Permit(Action end) : IDisposable
    {
        public void Dispose() => end();
    }

    private sealed class Watch(Action seen) : IProgress<SessionProgress>
    {
        public void Report(SessionProgress value) => seen();
    }
}
