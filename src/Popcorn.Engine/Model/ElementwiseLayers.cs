using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>max(x, 0), element by element.</summary>
internal sealed record ReluLayer(string Name, int Input, Shape Output) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override LayerKind Kind => LayerKind.Relu;

    /// <inheritdoc/>
    internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) =>
        Array.ConvertAll(sources[0], x => x.Relu());
}

/// <summary>min(max(x, 0), cap), element by element.</summary>
/// <param name="Name">The node's name.</param>
/// <param name="Input">The value it reads.</param>
/// <param name="Output">Its shape.</param>
/// <param name="Caps">The greatest result, one for each channel; not negative.</param>
internal sealed record ClipLayer(string Name, int Input, Shape Output, BigInteger[] Caps) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override LayerKind Kind => LayerKind.Clip;

    /// <summary>Reads what <see cref="WriteSecret"/> wrote.</summary>
    internal static ClipLayer ReadSecret(ref ByteReader reader, string name, PublicLayer layer)
    {
        BigInteger[] caps = reader.Integers(layer.Output.Channels, NetworkValidator.MaxBiasBits);
        return new ClipLayer(name, layer.Input, layer.Output, caps);
    }

    /// <inheritdoc/>
    internal override void Validate(Shape source)
    {
        NetworkValidator.Require(
            Caps.Length == source.Channels, $"it has {Caps.Length} caps instead of {source.Channels}");
        NetworkValidator.Require(Array.TrueForAll(Caps, cap => cap.Sign >= 0), "a cap is negative");
        NetworkValidator.RequireBits(Caps, "a cap");
    }

    /// <inheritdoc/>
    internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) =>
        [.. sources[0].Select((x, c) => x.Clip(Caps[c]))];

    /// <inheritdoc/>
    internal override void WriteSecret(ByteWriter writer) => writer.Integers(Caps);
}

/// <summary>
/// x / 2^<paramref name="Shift"/>, rounded. The one layer that is not exact: obliviously it rounds up or down at
/// random, with the fraction as the probability of up; in plaintext to the nearest. Both are off by less than 1.
/// </summary>
internal sealed record RescaleLayer(string Name, int Input, Shape Output, int Shift) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override LayerKind Kind => LayerKind.Rescale;

    /// <inheritdoc/>
    internal override PublicLayer Describe(int boundBits) => base.Describe(boundBits) with { Shift = Shift };

    /// <inheritdoc/>
    internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) =>
        Array.ConvertAll(sources[0], x => x.Rescale(Shift));
}

/// <summary>
/// ⌊x / 2^<paramref name="Shift"/>⌋, element by element, and exact. With <paramref name="SaturationBits"/> A it is
/// min(max(⌊x / 2^t⌋, 0), 2^A − 1): a ReLU that leaves A bits.
/// </summary>
/// <param name="Name">The node's name.</param>
/// <param name="Input">The value it reads.</param>
/// <param name="Output">Its shape.</param>
/// <param name="Shift">t, the bits that are dropped.</param>
/// <param name="SaturationBits">A; 0: no saturation, and negative numbers stay.</param>
internal sealed record ShiftLayer(string Name, int Input, Shape Output, int Shift, int SaturationBits)
    : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override LayerKind Kind => LayerKind.Shift;

    /// <inheritdoc/>
    internal override PublicLayer Describe(int boundBits) =>
        base.Describe(boundBits) with { Shift = Shift, SaturationBits = SaturationBits };

    /// <inheritdoc/>
    internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) =>
        Array.ConvertAll(sources[0], x => x.Shift(Shift, SaturationBits));
}

/// <summary>x², element by element.</summary>
internal sealed record SquareLayer(string Name, int Input, Shape Output) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override LayerKind Kind => LayerKind.Square;

    /// <inheritdoc/>
    internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) =>
        Array.ConvertAll(sources[0], x => x.Square());
}

/// <summary>1 where x ≥ 0, else 0, element by element. The ±1 form is folded into the next layer.</summary>
internal sealed record SignLayer(string Name, int Input, Shape Output) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override LayerKind Kind => LayerKind.Sign;

    /// <inheritdoc/>
    internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) =>
        Array.ConvertAll(sources[0], x => x.Sign());
}
