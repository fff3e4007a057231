namespace Popcorn.Engine.Planning;

/// <summary>
/// One step of an inference, as its family runs it: it says of itself what both parties must agree on, what it costs
/// and what memory it takes.
/// </summary>
/// <param name="Index">Position in the plan; names the step on the wire.</param>
/// <param name="Layer">The layer it belongs to; −1 for input and logits.</param>
/// <param name="Name">As shown to users.</param>
internal abstract record PlanStep(int Index, int Layer, string Name)
{
    /// <summary>When it runs.</summary>
    public virtual Phase Phase => Phase.Online;

    /// <summary>Steps of a lane run one after the other, lanes of a phase side by side.</summary>
    public virtual int Lane => 0;

    /// <summary>Round trips that it takes.</summary>
    public virtual int Rounds => 0;

    /// <summary>What it costs.</summary>
    public abstract StepCost Cost { get; }

    /// <summary>What it costs where a kernel works on so many ciphertexts at once: a few take as long as all.</summary>
    public virtual StepCost CostIn(int lanes) => Cost;

    /// <summary>
    /// Of the shorter party's part what runs beside the longer one's. Null: this step and its neighbours run into each
    /// other, and neither party ever waits long.
    /// </summary>
    public virtual double? Overlap => null;

    /// <summary>Memory that it takes on the server beside the values that it reads and makes, in bytes.</summary>
    public abstract long ServerBytes { get; }

    /// <summary>Everything about it that both parties must agree on, in a line.</summary>
    public abstract string Describe();
}

/// <summary>How the items of a step are spread over messages.</summary>
/// <param name="Items">Items in all.</param>
/// <param name="PerChunk">Items in one message, the last excepted.</param>
internal readonly record struct Chunking(int Items, int PerChunk)
{
    /// <summary>Messages.</summary>
    public int Count => (Items + PerChunk - 1) / PerChunk;

    /// <summary>First item of a message.</summary>
    public int FirstOf(int chunk) => chunk * PerChunk;

    /// <summary>Items of a message.</summary>
    public int ItemsIn(int chunk) => Math.Min(PerChunk, Items - FirstOf(chunk));

    /// <summary>The item behind the last one of a message.</summary>
    public int EndOf(int chunk) => FirstOf(chunk) + ItemsIn(chunk);
}
