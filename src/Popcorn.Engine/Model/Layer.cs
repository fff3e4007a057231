namespace Popcorn.Engine.Model;

/// <summary>
/// One layer of an integer network: everything that a kind of layer is, but how it is computed. Values are numbered:
/// value 0 is the network's input, value i + 1 the output of layer i; a layer reads values that come before it.
/// </summary>
/// <param name="Name">The node's name in the imported network.</param>
/// <param name="Input">The value it reads, or reads first.</param>
/// <param name="Output">Shape of its result.</param>
internal abstract record Layer(string Name, int Input, Shape Output)
{
    /// <summary>The values that it reads beside <see cref="Input"/>.</summary>
    public virtual IReadOnlyList<int> OtherInputs => [];

    /// <summary>All values that it reads.</summary>
    public IEnumerable<int> Inputs => OtherInputs.Prepend(Input);

    /// <summary>Its kind.</summary>
    public abstract LayerKind Kind { get; }

    /// <summary>Its kind as shown to users: <c>conv</c>, <c>dense</c>, <c>relu</c>, …</summary>
    public string KindName => Describe(1).KindName;

    /// <summary>What a client may know of it.</summary>
    /// <param name="boundBits">See <see cref="PublicLayer.BoundBits"/>.</param>
    internal virtual PublicLayer Describe(int boundBits) =>
        new(Kind, Input, Output, null, 0, boundBits) { OtherInputs = OtherInputs };

    /// <summary>Checks its numbers; its shapes are known to be right.</summary>
    /// <param name="source">Shape of what it reads first.</param>
    /// <exception cref="PopcornException">Says what is wrong.</exception>
    internal virtual void Validate(Shape source)
    {
    }

    /// <summary>Bounds of its output channels.</summary>
    /// <param name="shape">Shape of what it reads first.</param>
    /// <param name="sources">For every value it reads the bounds of its channels.</param>
    internal abstract Interval[] BoundsFrom(Shape shape, Interval[][] sources);

    /// <summary>Writes its secret numbers, without the name.</summary>
    internal virtual void WriteSecret(ByteWriter writer)
    {
    }
}
