namespace Popcorn.Engine.Planning;

/// <summary>
/// What a step costs; a function of the plan alone, so it leaves out the products that weights decide.
/// </summary>
/// <param name="Server">The server's work.</param>
/// <param name="Client">The client's work.</param>
/// <param name="BytesUp">Bytes of messages from client to server.</param>
/// <param name="BytesDown">Bytes of messages from server to client.</param>
internal sealed record StepCost(Work Server, Work Client, long BytesUp, long BytesDown)
{
    /// <summary>Framing of one message.</summary>
    private const int FrameBytes = 16;

    /// <summary>Nothing at all.</summary>
    public static StepCost None { get; } = new(Work.None, Work.None, 0, 0);

    /// <summary>Sum of two costs.</summary>
    public static StepCost operator +(StepCost a, StepCost b) => new(
        a.Server + b.Server, a.Client + b.Client, a.BytesUp + b.BytesUp, a.BytesDown + b.BytesDown);

    /// <summary>Bytes of some messages with their frames.</summary>
    public static long MessageBytes(long payloadBytes, int messages) => payloadBytes + (long)messages * FrameBytes;
}
