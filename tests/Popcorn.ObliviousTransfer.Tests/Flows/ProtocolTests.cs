using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Tests.Flows;

public class ProtocolTests
{
    [Fact]
    public void Messages_come_in_their_order_with_their_length_or_not_at_all()
    {
        using var protocol = new Echo();
        Assert.Equal(new Flow(Party.Client, 3), protocol.Due);
        Assert.Throws<InvalidOperationException>(() => protocol.Write(new byte[3]));
        Assert.Throws<InvalidOperationException>(protocol.Finish);
        protocol.Read([1, 2, 3]);
        Assert.Throws<InvalidOperationException>(() => protocol.Read([1, 2, 3]));
        byte[] answer = new byte[3];
        protocol.Write(answer);
        Assert.Equal([1, 2, 3], answer);
        Assert.Null(protocol.Due);
        protocol.Finish();
        Assert.Throws<InvalidOperationException>(() => protocol.Write(new byte[3]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_message_of_another_length_is_the_end(int length)
    {
        using var protocol = new Echo();
        Assert.Throws<TransferException>(() => protocol.Read(new byte[length]));
        Assert.Throws<InvalidOperationException>(() => protocol.Read(new byte[3]));
        Assert.Throws<InvalidOperationException>(protocol.Finish);
    }

    [Fact]
    public void So_is_a_message_that_is_refused()
    {
        using var protocol = new Echo();
        Assert.Throws<TransferException>(() => protocol.Read([0, 0, 0]));
        Assert.Throws<InvalidOperationException>(() => protocol.Read([1, 2, 3]));
    }

    /// <summary>Says what it heard.</summary>
    private sealed class Echo() : Protocol(Party.Server, new Flow(Party.Client, 3), new Flow(Party.Server, 3))
    {
        private byte[] _heard = [];

        public void Finish() => AssertDone();

        protected override void OnRead(int flow, ReadOnlySpan<byte> message)
        {
            _heard = message.ToArray();
            if (message[0] == 0)
            {
                throw new TransferException("zero");
            }
        }

        protected override void OnWrite(int flow, Span<byte> message) => _heard.CopyTo(message);
    }
}
