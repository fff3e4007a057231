using System.Diagnostics;
using Popcorn.Cli.Measurement;
using Popcorn.Engine.Wire;
using Popcorn.Tests;

namespace Popcorn.Cli.Tests.Measurement;

public sealed class EmulatedLinkTests
{
    [Fact]
    public async Task Messages_arrive_in_order_and_not_before_their_time()
    {
        const int Messages = 5, Bytes = 10_000;
        var link = new EmulatedLink(DelayMilliseconds: 30, Mbit: 2); // a message occupies it for 40 ms
        (IMessageChannel client, IMessageChannel server) = link.Between(MemoryChannel.CreatePair());
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < Messages; i++)
        {
            var message = new byte[Bytes];
            message[0] = (byte)i;
            ValueTask sending = client.SendAsync(message, default);
            Assert.True(sending.IsCompletedSuccessfully, "Sending waits for nothing.");
            await sending;
        }

        for (int i = 0; i < Messages; i++)
        {
            byte[]? message = await server.ReceiveAsync(default);
            Assert.Equal(i, message![0]);
            double due = 40 * (i + 1) + 30;
            Assert.InRange(clock.Elapsed.TotalMilliseconds, due - 1, due + Eventually.Patience.TotalMilliseconds);
        }

        double sent = clock.Elapsed.TotalMilliseconds;
        await server.SendAsync(new byte[1], default);
        Assert.NotNull(await client.ReceiveAsync(default));
        Assert.True(clock.Elapsed.TotalMilliseconds >= sent + 29, "Each direction has its delay.");
        await client.DisposeAsync();
        Assert.Null(await server.ReceiveAsync(default));
    }

    [Fact]
    public void Without_delay_and_limit_there_is_no_link()
    {
        (IMessageChannel Client, IMessageChannel Server) ends = MemoryChannel.CreatePair();
        Assert.Equal(ends, new EmulatedLink(0, 0).Between(ends));
    }

    [Fact]
    public void The_prediction_adds_delays_to_what_takes_longest()
    {
        var link = new EmulatedLink(DelayMilliseconds: 20, Mbit: 80);
        Assert.Equal(3 + 0.2, link.SecondsWith(computing: 3, bytesUp: 10_000_000, bytesDown: 5, rounds: 5), 9);
        Assert.Equal(4 + 0.2, link.SecondsWith(computing: 3, bytesUp: 5, bytesDown: 40_000_000, rounds: 5), 9);
    }
}
