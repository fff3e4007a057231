namespace Popcorn.Engine.Planning;

/// <summary>
/// One step of an inference. Steps that cross the wire send their items in chunks of at most
/// <see cref="ExchangeStep.ItemsPerChunk"/>.
/// </summary>
/// <param name="Index">Position in the plan; names the step on the wire.</param>
/// <param name="Layer">The layer it belongs to; −1 for the input.</param>
/// <param name="Name">As shown to users.</param>
public abstract record PlanStep(int Index, int Layer, string Name);

/// <summary>
/// The server works on ciphertexts alone: a linear layer, a sum, values joined, or a pool whose windows hold one element
/// each.
/// </summary>
public sealed record LocalStep(int Index, int Layer, string Name) : PlanStep(Index, Layer, Name);

/// <summary>A step that crosses the wire.</summary>
/// <param name="Index">Position in the plan.</param>
/// <param name="Layer">The layer it belongs to; −1 for the input.</param>
/// <param name="Name">As shown to users.</param>
/// <param name="Items">Values that take part.</param>
/// <param name="ItemsPerChunk">Items in one message: a whole number of packed ciphertexts.</param>
public abstract record ExchangeStep(int Index, int Layer, string Name, int Items, int ItemsPerChunk)
    : PlanStep(Index, Layer, Name)
{
    /// <summary>Messages of this step in one direction.</summary>
    public int Chunks => (Items + ItemsPerChunk - 1) / ItemsPerChunk;

    /// <summary>First item of a chunk.</summary>
    public int FirstOf(int chunk) => chunk * ItemsPerChunk;

    /// <summary>Items of a chunk.</summary>
    public int ItemsIn(int chunk) => Math.Min(ItemsPerChunk, Items - FirstOf(chunk));
}

/// <summary>The client sends its input, one ciphertext per value.</summary>
public sealed record InputStep(int Index, int Items, int ItemsPerChunk)
    : ExchangeStep(Index, -1, "input", Items, ItemsPerChunk);

/// <summary>What a round decides or computes with the client's help.</summary>
public enum RoundKind
{
    /// <summary>ReLU of (left − right): two ciphertexts per item come back.</summary>
    Compare = 1,

    /// <summary>1 where x ≥ 0: one ciphertext per item comes back.</summary>
    Sign = 2,

    /// <summary>x²: one ciphertext per item comes back.</summary>
    Square = 3,

    /// <summary>x / 2^shift, rounded at random: one ciphertext per item comes back.</summary>
    Rescale = 4,

    /// <summary>min(max(x, 0), cap): four ciphertexts per item come back.</summary>
    Clip = 5,
}

/// <summary>One round between the two: packed, blinded values down, fresh ciphertexts up.</summary>
/// <param name="Index">Position in the plan.</param>
/// <param name="Layer">The layer it belongs to.</param>
/// <param name="Name">As shown to users.</param>
/// <param name="Kind">What the client does.</param>
/// <param name="Round">Round within the layer, from 0.</param>
/// <param name="Items">Values that take part.</param>
/// <param name="ItemsPerChunk">Items in one message.</param>
/// <param name="BoundBits">|x| &lt; 2^b of the values compared, b.</param>
/// <param name="Layout">The slots.</param>
/// <param name="Shift">Bits that a rescaling drops, else 0.</param>
public sealed record RoundStep(
    int Index, int Layer, string Name, RoundKind Kind, int Round, int Items, int ItemsPerChunk, int BoundBits,
    SlotLayout Layout, int Shift = 0)
    : ExchangeStep(Index, Layer, Name, Items, ItemsPerChunk)
{
    /// <summary>Ciphertexts that the client returns for each item.</summary>
    public int RepliesPerItem => Plan.RepliesPerItem(Kind);
}

/// <summary>The server sends the packed logits.</summary>
public sealed record OutputStep(int Index, int Layer, int Items, int ItemsPerChunk, SlotLayout Layout)
    : ExchangeStep(Index, Layer, "logits", Items, ItemsPerChunk);
