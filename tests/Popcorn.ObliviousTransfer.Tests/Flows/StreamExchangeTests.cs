using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Tests.Flows;

public sealed class StreamExchangeTests
{
    /// <summary>In two, the second would wait on a socket for the other side to acknowledge the first.</summary>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(100, 1)]
    [InlineData(65_536, 1)]
    [InlineData(65_537, 2)]
    public async Task A_short_message_is_written_in_one_piece(int length, int writes)
    {
        var stream = new Counting();
        byte[] message = new byte[length];
        new Random(1).NextBytes(message);
        await new StreamExchange(stream).SendAsync(3, 4, message);
        Assert.Equal(writes, stream.Writes);
        Assert.Equal(12 + length, stream.Length);
        stream.Position = 0;
        Assert.Equal(message, (await new StreamExchange(stream).ReceiveAsync(3, 4)).ToArray());
    }

    [Fact]
    public async Task Where_one_message_was_wrong_none_is_received_any_more()
    {
        var stream = new Counting();
        var exchange = new StreamExchange(stream);
        await exchange.SendAsync(1, 0, new byte[24]); // what follows the header could be taken for headers
        await exchange.SendAsync(0, 0, new byte[0]);
        stream.Position = 0;
        await Assert.ThrowsAsync<TransferException>(async () => await exchange.ReceiveAsync(2, 0));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await exchange.ReceiveAsync(0, 0));
    }

    [Fact]
    public async Task A_stream_that_ends_within_a_message_says_so()
    {
        for (int length = 0; length < 12 + 5; length++)
        {
            var stream = new Counting();
            await new StreamExchange(stream).SendAsync(1, 0, new byte[5]);
            stream.SetLength(length);
            stream.Position = 0;
            await Assert.ThrowsAsync<TransferException>(
                async () => await new StreamExchange(stream).ReceiveAsync(1, 0));
        }
    }

    [Fact]
    public void A_limit_is_not_negative() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new StreamExchange(new MemoryStream(), -1));

    private sealed class Counting : MemoryStream
    {
        public int Writes { get; private set; }

        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Writes++;
            return base.WriteAsync(buffer, cancellationToken);
        }
    }
}
