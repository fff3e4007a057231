using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>
/// Planes that a gate reads: an input's, or the result of a gate before it. Both parties hold them, each its share; a
/// single plane is a bit shared by XOR, several are a number shared by addition.
/// </summary>
/// <param name="Gate">The gate that makes them; <see cref="Input"/>: nobody, they are there from the beginning.</param>
/// <param name="First">The first of them, among all results or all inputs.</param>
/// <param name="Count">How many.</param>
internal readonly record struct Wire(int Gate, int First, int Count)
{
    /// <summary>In place of a gate's number.</summary>
    public const int Input = -1;

    /// <summary>One of the planes.</summary>
    public Wire this[int plane] => Slice(plane, 1);

    /// <summary>Some of the planes.</summary>
    public Wire Slice(int first, int count) => new(Gate, First + first, count);
}

/// <summary>Random transfers of pads, one an item, that a gate's ticket is made of.</summary>
/// <param name="Sender">Who gets all pads.</param>
/// <param name="Use">What they are for.</param>
/// <param name="ChoiceBits">m of 2^m pads.</param>
/// <param name="Width">Bits of a pad.</param>
internal readonly record struct PadDraw(Party Sender, PadUse Use, int ChoiceBits, int Width);

/// <summary>
/// One step of a computation on shares, for many items: what it costs, and what either party does for it. In prepare
/// both draw pads into their tickets, and the client may correct its random choices to those that it knows already.
/// In the query each sends at most one message, when it knows what the message is made of, and finishes with a share
/// of the result. No branch and no index depends on anything but the gate.
/// </summary>
internal abstract class Gate
{
    /// <summary>Where its planes stand; set when it becomes part of a circuit.</summary>
    public GatePlaces Places { get; set; }

    /// <summary>Planes of the result.</summary>
    public abstract int ResultPlanes { get; }

    /// <summary>Pads that it needs, in the order in which both parties draw them.</summary>
    public virtual IReadOnlyList<PadDraw> Draws => [];

    /// <summary>Planes of the client's corrections of its choices, which come before all else.</summary>
    public virtual int CorrectionPlanes => 0;

    /// <summary>Planes of the server's message in prepare, after the corrections.</summary>
    public virtual int PreparedPlanes => 0;

    /// <summary>Whether the client's message answers the server's.</summary>
    public virtual bool ClientAnswers => false;

    /// <summary>Whether the client's message goes with its very last, for only that depends on it.</summary>
    public virtual bool ClientIsLast => false;

    /// <summary>Planes used while one of the methods below runs.</summary>
    public virtual int ScratchPlanes => 0;

    /// <summary>Planes that a party keeps from prepare.</summary>
    public virtual int TicketPlanes(Party party) => 0;

    /// <summary>Planes that a party keeps during prepare only.</summary>
    public virtual int DraftPlanes(Party party) => 0;

    /// <summary>Planes of a party's message; none: it sends nothing.</summary>
    public virtual int MessagePlanes(Party from) => 0;

    /// <summary>What a party's message is made of.</summary>
    public abstract IEnumerable<Wire> MessageInputs(Party party);

    /// <summary>What a party's result is made of, besides the other's message.</summary>
    public virtual IEnumerable<Wire> ResultInputs(Party party) => MessageInputs(party);

    /// <summary>Draws the pads.</summary>
    public virtual void Draw(GateMemory memory, IPadSource pads)
    {
    }

    /// <summary>The client's corrections.</summary>
    public virtual void WriteCorrections(GateMemory memory, BitPlanes message)
    {
    }

    /// <summary>The server brings its pads into the order that the client wants.</summary>
    public virtual void ReadCorrections(GateMemory memory, BitPlanes message)
    {
    }

    /// <summary>The server's message in prepare.</summary>
    public virtual void WritePrepared(GateMemory memory, BitPlanes message)
    {
    }

    /// <summary>The client's part of the same.</summary>
    public virtual void ReadPrepared(GateMemory memory, BitPlanes message)
    {
    }

    /// <summary>A party's message.</summary>
    public virtual void Write(GateMemory memory, BitPlanes message)
    {
    }

    /// <summary>A party's share of the result, after the other's message.</summary>
    public abstract void Finish(GateMemory memory);
}

/// <summary>Where a gate's planes stand among those of a party.</summary>
/// <param name="Result">The first of its result.</param>
/// <param name="ServerTicket">The first of the server's ticket.</param>
/// <param name="ClientTicket">The first of the client's.</param>
/// <param name="ServerDraft">The first of what the server keeps during prepare.</param>
/// <param name="ClientDraft">The first of what the client keeps.</param>
/// <param name="FromServer">The first of the server's message among all that the client gets.</param>
/// <param name="FromClient">The first of the client's message among all that the server gets.</param>
internal readonly record struct GatePlaces(
    int Result, int ServerTicket, int ClientTicket, int ServerDraft, int ClientDraft, int FromServer, int FromClient);
