using Google.Protobuf;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Tests;
using Shape = Popcorn.Engine.Model.Shape;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>Messages of steps and of setting up that no honest peer sends, of every family and in both directions.
/// </summary>
public class HostilePeerTests
{
    private static readonly IntegerNetwork Network = new SampleNetworks.Builder(new Random(3), new Shape(1, 5, 5))
        .Conv(3, 3, 1, 1).MaxPool(2, 2, 0, ceil: true, withZero: true).Dense(4).Relu().Dense(3).Build();

    /// <summary>
    /// What comes in place of a message may look like one of another lane that is early: then the one that is missing
    /// is waited for.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>What is wrong with a message, given those before it. None: the connection ends.</summary>
    private static readonly Dictionary<string, Func<Chunk, Chunk, Chunk?>> Faults = new()
    {
        { "one byte less", (c, _) => new Chunk(c) { Payload = ByteString.CopyFrom(c.Payload.Span[1..]) } },
        { "a byte more", (c, _) => new Chunk(c) { Payload = ByteString.CopyFrom([.. c.Payload.Span, 0]) } },
        { "nothing", (c, _) => new Chunk(c) { Payload = ByteString.Empty } },
        { "another step", (c, _) => new Chunk(c) { Step = c.Step + 1 } },
        { "another place", (c, _) => new Chunk(c) { First = c.First + 1 } },
        { "an earlier message", (_, before) => before },
        { "far too long", (c, _) => new Chunk(c) { Payload = ByteString.CopyFrom(new byte[(1 << 18) + 1]) } },
        { "the end", (_, _) => null },
    };

    public static TheoryData<string, bool> Directions
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (string family in FamilyRegistry.All.Select(family => family.Name))
            {
                data.Add(family, true);
                data.Add(family, false);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Directions))]
    public async Task A_message_that_is_not_as_due_ends_the_session_of_both(string family, bool fromClient)
    {
        using ServedModel model = FamilySession.Serve(Network, family);
        int count = await CountAsync(model, fromClient);
        Assert.InRange(count, 3, 1000);
        int next = 0;
        foreach ((string name, Func<Chunk, Chunk, Chunk?> fault) in Faults)
        {
            for (int i = 0; i < (SharedData.SlowTests ? 5 : 1); i++)
            {
                int at = 1 + (next++ * 7 % (count - 1));
                (Exception? client, Exception? server) = await SpoilAsync(model, fromClient, at, fault);
                string where = $"{name} in place of message {at} of {count}";
                AssertRefused(client, where);
                if (fromClient || (name != "the end" && at < count - 1) || server is not null)
                {
                    AssertRefused(server, where); // one that has sent all that was due is not told more than the end
                }
            }
        }
    }

    /// <summary>Of the right length, but not what is due: wrong logits at worst, of which both know their share.
    /// </summary>
    [Theory]
    [MemberData(nameof(Directions))]
    public async Task Any_bytes_in_place_of_a_message_crash_nobody(string family, bool fromClient)
    {
        using ServedModel model = FamilySession.Serve(Network, family);
        int count = await CountAsync(model, fromClient);
        var random = new Random(4);
        Func<int, byte>[] contents = [_ => 0, _ => 0xFF, _ => (byte)random.Next(256), i => (byte)(i == 0 ? 1 : 0)];
        int next = 0;
        foreach (Func<int, byte> content in contents)
        {
            for (int i = 0; i < (SharedData.SlowTests ? 9 : 2); i++)
            {
                int at = next++ * 5 % count;
                (Exception? client, Exception? server) = await SpoilAsync(model, fromClient, at, (c, _) => new Chunk(c)
                {
                    Payload = ByteString.CopyFrom([.. Enumerable.Range(0, c.Payload.Length).Select(content)]),
                });
                foreach (Exception error in new[] { client, server }.OfType<Exception>())
                {
                    AssertRefused(error, $"other bytes in place of message {at} of {count}");
                }
            }
        }
    }

    private static void AssertRefused(Exception? error, string where)
    {
        Assert.True(error is PopcornException, $"{where}: {error?.ToString() ?? "went on"}");
        Assert.False(error!.Message.Contains('\n', StringComparison.Ordinal), $"{where}: {error.Message}");
    }

    /// <summary>Messages that an honest party sends in a direction.</summary>
    private static async Task<int> CountAsync(ServedModel model, bool fromClient)
    {
        int count = 0;
        await FamilySession.RunAsync(
            model,
            async client =>
            {
                await client.PrepareAsync();
                await client.InferAsync(new int[Network.Input.Shape.Size], null, default);
            },
            channel => new FrameFilter(channel, (frame, isOut) =>
                count += isOut == fromClient && frame.BodyCase == Frame.BodyOneofCase.Chunk ? 1 : 0));
        return count;
    }

    private static async Task<(Exception? Client, Exception? Server)> SpoilAsync(
        ServedModel model, bool fromClient, int at, Func<Chunk, Chunk, Chunk?> fault)
    {
        int next = 0;
        Chunk? before = null;
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = TestServer.ServeAsync(
            model, server, TestServer.Options with { StallTimeout = Patience, IdleTimeout = Patience });
        var spoilt = new FrameFilter(client, (frame, isOut) =>
        {
            if (isOut != fromClient || frame.BodyCase != Frame.BodyOneofCase.Chunk)
            {
                return Task.FromResult<Frame?>(frame);
            }

            Chunk own = frame.Chunk;
            if (next++ == at)
            {
                Chunk? other = fault(own, before ?? own);
                return Task.FromResult(other is null ? null : new Frame { Chunk = other });
            }

            before = own;
            return Task.FromResult<Frame?>(frame);
        });
        Exception? asked = await Record.ExceptionAsync(async () =>
        {
            await using ClientSession session = await FamilySession.OpenAsync(spoilt, model, patience: Patience);
            await session.PrepareAsync();
            await session.InferAsync(new int[Network.Input.Shape.Size], null, default);
        }).WaitAsync(2 * Eventually.Patience);
        Exception? served = await Record.ExceptionAsync(() => serving).WaitAsync(2 * Eventually.Patience);
        return (asked, served);
    }
}
