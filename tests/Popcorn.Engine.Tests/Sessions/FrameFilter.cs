using Google.Protobuf;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>A channel that shows every frame on its way and may put another in its place.</summary>
/// <param name="inner">Where they go and come from.</param>
/// <param name="pass">
/// Is told of each frame whether it goes out, and returns what passes on; null: the connection ends instead.
/// </param>
internal sealed class FrameFilter(IMessageChannel inner, Func<Frame, bool, Task<Frame?>> pass) : IMessageChannel
{
    /// <summary>Only looks on.</summary>
    public FrameFilter(IMessageChannel inner, Action<Frame, bool> look)
        : this(inner, (frame, isOut) =>
        {
            look(frame, isOut);
            return Task.FromResult<Frame?>(frame);
        })
    {
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        if (await PassedAsync(message, isOut: true) is byte[] passed)
        {
            await inner.SendAsync(passed, cancellationToken);
        }
    }

    public async ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken) =>
        await inner.ReceiveAsync(cancellationToken) is byte[] message
            ? await PassedAsync(message, isOut: false)
            : null;

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private async Task<byte[]?> PassedAsync(ReadOnlyMemory<byte> message, bool isOut)
    {
        Frame? frame = await pass(Frame.Parser.ParseFrom(message.Span), isOut);
        if (frame is null)
        {
            await inner.DisposeAsync();
        }

        return frame?.ToByteArray();
    }
}
