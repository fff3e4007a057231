using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Sessions;

/// <summary>
/// One party's end of a connection: COTs in both directions, as many as are wanted. Not thread-safe: its parts are used
/// in the same order by both parties.
/// </summary>
public sealed class Transfers : IDisposable
{
    private readonly CotPads _pads;

    internal Transfers(Party self, ReadOnlySpan<byte> session, CotSender sending, CotReceiver receiving)
    {
        Self = self;
        Sending = sending;
        Receiving = receiving;
        _pads = new CotPads(self, session, sending, receiving);
        Session = session.ToArray();
    }

    /// <summary>Which party this is.</summary>
    public Party Self { get; }

    /// <summary>The COTs in which this party holds Δ.</summary>
    public CotSender Sending { get; }

    /// <summary>The COTs in which this party chooses.</summary>
    public CotReceiver Receiving { get; }

    /// <summary>The session's identifier, which is part of every key.</summary>
    internal byte[] Session { get; }

    /// <summary>Pads made of the COTs that are there.</summary>
    internal IPadSource Pads => _pads;

    /// <summary>Makes COTs until there are as many as wanted in each direction.</summary>
    /// <param name="sending">How many shall be there in which this party holds Δ.</param>
    /// <param name="receiving">And in which it chooses. The other party says the same numbers the other way
    /// round.</param>
    /// <returns>This party's side of it; to be run before anything else of this object is used.</returns>
    /// <exception cref="ArgumentOutOfRangeException">That is more than some 134 million.</exception>
    public Protocol Extend(long sending, long receiving) => new ExtensionProtocol(this, sending, receiving);

    /// <summary>
    /// Makes room for COTs of each direction: for as many as one is going to extend to, so that those that are there
    /// need not be moved meanwhile.
    /// </summary>
    /// <param name="sending">Of those in which this party holds Δ.</param>
    /// <param name="receiving">And in which it chooses.</param>
    public void Reserve(long sending, long receiving)
    {
        Sending.Reserve(sending);
        Receiving.Reserve(receiving);
    }

    /// <summary>Gives back room for more COTs than so many of each direction, and a tree.</summary>
    /// <param name="sending">Of those in which this party holds Δ.</param>
    /// <param name="receiving">And in which it chooses.</param>
    public void Trim(long sending, long receiving)
    {
        Sending.Trim(sending);
        Receiving.Trim(receiving);
    }

    /// <summary>Takes random transfers, of which this party is the sender. Nothing is sent.</summary>
    /// <param name="first">Filled: the pads of choice 0.</param>
    /// <param name="second">Filled, as many: the pads of choice 1.</param>
    /// <exception cref="InvalidOperationException">There are fewer COTs; extend first.</exception>
    public void TakeRandom(Span<Block> first, Span<Block> second)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(second.Length, first.Length);
        _pads.SendBlocks(first, second);
    }

    /// <summary>Takes random transfers, of which this party is the receiver. Nothing is sent.</summary>
    /// <param name="choices">Filled: random choices, 0 or 1.</param>
    /// <param name="pads">Filled, as many: the pads of those choices.</param>
    /// <exception cref="InvalidOperationException">There are fewer COTs; extend first.</exception>
    public void TakeRandomChoices(Span<byte> choices, Span<Block> pads)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(choices.Length, pads.Length);
        _pads.ReceiveBlocks(choices, pads);
    }

    /// <summary>Transfers messages, of each pair the one that the other party chooses.</summary>
    /// <param name="first">The messages of choice 0.</param>
    /// <param name="second">As many: the messages of choice 1.</param>
    public Protocol Send(ReadOnlySpan<Block> first, ReadOnlySpan<Block> second)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(second.Length, first.Length);
        return new ChosenSender(this, first, second);
    }

    /// <summary>Receives messages, of each pair the one that is chosen.</summary>
    /// <param name="choices">0 or 1 each.</param>
    public ChosenReceiver Receive(ReadOnlySpan<byte> choices) => new(this, choices);

    /// <summary>Makes the COTs that tickets of an operation take, where they are not there yet.</summary>
    /// <param name="plan">Of the operation.</param>
    /// <param name="items">How many items.</param>
    public Protocol ExtendFor(ComparisonPlan plan, int items) =>
        Extend((long)plan.Cots(Self) * items, (long)plan.Cots(Self.Other()) * items);

    /// <summary>Prepares an operation, as the server, which needs none of its inputs for that.</summary>
    /// <param name="plan">Of the operation.</param>
    /// <param name="items">How many items, 1 or more.</param>
    /// <exception cref="InvalidOperationException">There are too few COTs; extend first.</exception>
    public Preparation Prepare(ComparisonPlan plan, int items)
    {
        Demand(plan, items);
        return Preparation.OfServer(plan, items, _pads);
    }

    /// <summary>Prepares an operation, as the client.</summary>
    /// <param name="plan">Of the operation.</param>
    /// <param name="shares">
    /// The client's shares of the operands, of which the lowest bits count: of all items the first operand, then the
    /// second, and so on. Empty where the operation says that they are not known yet.
    /// </param>
    /// <param name="results">
    /// The shares of the results that it wants: uniform modulo 2^K, one an item, none used before.
    /// </param>
    /// <exception cref="InvalidOperationException">There are too few COTs; extend first.</exception>
    public Preparation Prepare(ComparisonPlan plan, ReadOnlySpan<ulong> shares, ReadOnlySpan<ulong> results)
    {
        Demand(plan, results.Length);
        return Preparation.OfClient(plan, shares, results, _pads);
    }

    /// <summary>Wipes everything.</summary>
    public void Dispose()
    {
        _pads.Dispose();
        Sending.Dispose();
        Receiving.Dispose();
    }

    private void Demand(ComparisonPlan plan, int items)
    {
        Sending.Demand((long)plan.Cots(Self) * items);
        Receiving.Demand((long)plan.Cots(Self.Other()) * items);
    }
}
