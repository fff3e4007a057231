using Popcorn.Engine.Planning;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Engine.Protocols;

/// <summary>
/// A query's messages with the other party, in order: either side may speak first, and as often as its step says. Both
/// parties know from the plan whose turn it is; a message that is not the one that is due ends the session.
/// </summary>
/// <remarks>
/// A message belongs to a step, or to <see cref="SetUp"/>, and to the first of the step's items that it is about; it
/// has <see cref="Plan.MaxPayloadBytes"/> at most. One that does not come as it should is a
/// <see cref="PopcornException"/>. Within a step one task may send while another receives, and then as much as it likes
/// where the other party does the same; two may not receive at once, unless their steps are of different lanes.
/// </remarks>
internal interface IExchange : IMessageExchange
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

    /// <summary>Runs lanes of steps side by side; where one fails, the others are stopped.</summary>
    /// <param name="lanes">Each with messages of its own steps only.</param>
    Task RunSideBySideAsync(IReadOnlyList<Func<Task>> lanes);

    /// <summary>Tells whoever watches how far a step is.</summary>
    void Report(PlanStep step, int done, int total);
}
