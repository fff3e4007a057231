using System.Collections.Concurrent;
using Google.Protobuf;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>
/// Peers that send in one lane of preparing what no honest one does: told in one line why, and nobody else is
/// disturbed.
/// </summary>
public class HostileLanesTests
{
    /// <summary>What a hostile party sends in place of a lane's second message; and what it is told.</summary>
    private static readonly Dictionary<string, (Func<Chunk, uint, Chunk[]> Send, string Told)> Faults = new()
    {
        { "one of a later step", ((c, next) => [new Chunk(c) { Step = next, First = 0 }, c], "was due") },
        { "twice", ((c, _) => [c, c], " due") },
        { "a byte more", ((c, _) => [Longer(c, c.Payload.Length + 1)], " bytes ") },
        { "far too long", ((c, _) => [Longer(c, 900_000)], " bytes ") },
    };

    public static TheoryData<bool, Moment> Lanes => new()
    {
        { true, Moment.Ciphertexts }, { true, Moment.Tickets },
        { false, Moment.Ciphertexts }, { false, Moment.Tickets },
    };

    [Theory]
    [MemberData(nameof(Lanes))]
    public Task A_message_that_its_lane_does_not_wait_for_is_refused(bool fromClient, Moment lane) =>
        BesideAnotherAsync(async server =>
        {
            foreach ((string name, (Func<Chunk, uint, Chunk[]> send, string told)) in Faults)
            {
                int seen = 0;
                await AssertRefusedAsync(server, fromClient, name, told, frame =>
                    server.MomentOf(frame) == lane && ++seen == 2
                        ? send(frame.Chunk, NextOf(server, lane, frame.Chunk))
                            .Select(chunk => new Frame { Chunk = chunk })
                        : [frame]);
            }
        });

    [Theory]
    [MemberData(nameof(Lanes))]
    public Task What_comes_after_its_lane_has_ended_is_refused(bool fromClient, Moment lane) =>
        BesideAnotherAsync(async server =>
        {
            Dictionary<Moment, Chunk> last = await LastOfLanesAsync(server, fromClient);
            await AfterEndAsync("one more", "more than was due", c => [c]);
            int most = (int)(server.Plan.MostBytesAhead / (1 << 18));
            await AfterEndAsync(
                "a flood", "ahead of what was due", c => Enumerable.Repeat(Longer(c, 1 << 18), most + 2));
            await AfterEndAsync(
                "a flood of nothing", "ahead of what was due",
                c => Enumerable.Repeat(
                    new Chunk(c) { Payload = ByteString.Empty }, (int)server.Plan.MostBytesAhead / 64));

            // The last message of the other lane waits until this lane has ended, and what is too much comes before it.
            Task AfterEndAsync(string name, string told, Func<Chunk, IEnumerable<Chunk>> more)
            {
                Frame? held = null;
                Chunk? ended = null;
                return AssertRefusedAsync(server, fromClient, name, told, frame =>
                {
                    IEnumerable<Frame> send = [frame];
                    if (IsLast(frame, lane))
                    {
                        ended = frame.Chunk;
                    }
                    else if (IsLast(frame, 1 - lane))
                    {
                        (held, send) = (frame, []);
                    }

                    if (held is not null && ended is not null)
                    {
                        send = [.. send, .. more(ended).Select(chunk => new Frame { Chunk = chunk }), held];
                        (held, ended) = (null, null);
                    }

                    return send;
                });
            }

            bool IsLast(Frame frame, Moment of) => server.MomentOf(frame) == of
                && (frame.Chunk.Step, frame.Chunk.First) == (last[of].Step, last[of].First);
        });

    /// <summary>No lanes run side by side then, and nothing is early.</summary>
    [Theory]
    [InlineData(true, null)]
    [InlineData(false, null)]
    [InlineData(true, Moment.Query)]
    [InlineData(false, Moment.Query)]
    public async Task A_message_of_a_lane_in_set_up_or_in_a_query_is_refused(bool fromClient, Moment? moment)
    {
        using var server = new WatchedServer();
        Chunk early = new() { Step = (uint)server.Plan.Tickets[0].Index, Payload = ByteString.CopyFrom(1, 2) };
        int sent = 0;
        IMessageChannel Spoilt(IMessageChannel channel) => new FrameRewriter(channel, frame =>
            frame.BodyCase == Frame.BodyOneofCase.Chunk && server.MomentOf(frame) == moment && ++sent == 2
                ? [new Frame { Chunk = early }, frame]
                : [frame]);
        Exception? asked = await Record.ExceptionAsync(async () =>
        {
            await using WatchedSession session =
                await server.OpenAsync(fromClient ? Spoilt : null, fromClient ? null : Spoilt);
            await session.InferAsync(1);
        });
        Assert.InRange(sent, 2, int.MaxValue);
        Assert.IsType<PopcornException>(asked);
        Assert.DoesNotContain('\n', asked.Message);
        Assert.Contains("was due", asked.Message, StringComparison.Ordinal); // its own word, or what it is told
        await using WatchedSession other = await server.OpenAsync();
        await other.InferAsync(1);
    }

    /// <summary>Attacks a server that another client has prepared a query with, and is served by afterwards.</summary>
    private static async Task BesideAnotherAsync(Func<WatchedServer, Task> attack)
    {
        using var server = new WatchedServer();
        await using WatchedSession other = await server.OpenAsync();
        long reserved = server.Resources.Use.MemoryReserved;
        await other.PrepareAsync();
        await attack(server);
        await other.InferAsync(1);
        await other.InferAsync(2);
        await Eventually.EqualAsync(reserved, () => server.Resources.Use.MemoryReserved);
    }

    private static Chunk Longer(Chunk chunk, int bytes)
    {
        var longer = new byte[bytes];
        chunk.Payload.Span.CopyTo(longer);
        return new Chunk(chunk) { Payload = ByteString.CopyFrom(longer) };
    }

    private static uint NextOf(WatchedServer server, Moment lane, Chunk chunk) => (uint)server.Plan.Steps.First(step =>
        step.Index > chunk.Step && step.Lane == (int)lane && step.Phase == Popcorn.Engine.Planning.Phase.Offline).Index;

    /// <summary>The last messages that a party sends in each lane of the first bundle.</summary>
    private static async Task<Dictionary<Moment, Chunk>> LastOfLanesAsync(WatchedServer server, bool fromClient)
    {
        var last = new ConcurrentDictionary<Moment, Chunk>();
        await using WatchedSession session = await server.OpenAsync(ch => new FrameFilter(ch, (frame, isOut) =>
        {
            if (isOut == fromClient && server.MomentOf(frame) is Moment moment)
            {
                last[moment] = frame.Chunk;
            }
        }));
        await session.PrepareAsync();
        return new(last);
    }

    /// <summary>A session in which one party sends other frames: the other refuses, and both are done. A server is,
    /// though its client stays.</summary>
    private static async Task AssertRefusedAsync(
        WatchedServer server, bool fromClient, string name, string told, Func<Frame, IEnumerable<Frame>> rewrite)
    {
        IMessageChannel Spoilt(IMessageChannel channel) => new FrameRewriter(channel, rewrite);
        WatchedSession session = await server.OpenAsync(fromClient ? Spoilt : null, fromClient ? null : Spoilt);
        Exception? asked = await Record.ExceptionAsync(async () =>
        {
            await session.PrepareAsync();
            await session.InferAsync(1);
        });
        if (!fromClient)
        {
            await session.Client.DisposeAsync(); // its server may be sending still, and nobody reads
        }

        Exception? served = await session.EndAsync();
        Assert.True(asked is PopcornException && served is PopcornException, $"{name}: {asked}\n{served}");
        Assert.DoesNotContain('\n', asked.Message);
        Assert.DoesNotContain('\n', served.Message);
        Assert.Contains(told, (fromClient ? served : asked).Message, StringComparison.Ordinal);
        await session.Client.DisposeAsync();
        Assert.Equal((0, 0), (session.Asks.Held, session.Serves.Held));
    }
}
