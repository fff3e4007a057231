using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Protocols;

/// <summary>
/// A query's messages with the other party, in order: either side may speak first, and as often as its step says. Both
/// parties know from the plan whose turn it is; a message that is not the one that is due ends the session.
/// </summary>
internal interface IExchange
{
    /// <summary>
    /// Messages that a party may send ahead of what it waits for. Channels buffer more than that, so two parties that
    /// speak at once never wait for each other.
    /// </summary>
    const int MessagesAhead = 4;

    /// <summary>In place of a step's number: setting up a connection.</summary>
    const int SetUp = -1;

    /// <summary>Ends the query.</summary>
    CancellationToken Cancellation { get; }

    /// <summary>Sends a message, of <see cref="Plan.MaxPayloadBytes"/> at most.</summary>
    /// <param name="step">The step's number, or <see cref="SetUp"/>.</param>
    /// <param name="first">The first of the step's items that it is about.</param>
    /// <param name="payload">What the family says; not to be changed afterwards.</param>
    ValueTask SendAsync(int step, int first, ReadOnlyMemory<byte> payload);

    /// <summary>The message that is due.</summary>
    /// <exception cref="PopcornException">The peer sent another, fell silent, or left.</exception>
    ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int step, int first);

    /// <summary>Tells whoever watches how far a step is.</summary>
    void Report(PlanStep step, int done, int total);
}
