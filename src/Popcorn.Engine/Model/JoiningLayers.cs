namespace Popcorn.Engine.Model;

/// <summary>
/// The sum of two values of one shape, each times a small integer that aligns its scale with the other's, channel by
/// channel.
/// </summary>
/// <param name="Name">The node's name.</param>
/// <param name="Input">The first value.</param>
/// <param name="Second">The second value.</param>
/// <param name="Output">The shape of both.</param>
/// <param name="Factors">Factor of the first value, one for each channel.</param>
/// <param name="SecondFactors">Factor of the second value.</param>
internal sealed record AddLayer(
    string Name, int Input, int Second, Shape Output, int[] Factors, int[] SecondFactors)
    : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override LayerKind Kind => LayerKind.Add;

    /// <inheritdoc/>
    public override IReadOnlyList<int> OtherInputs => [Second];

    /// <summary>Reads what <see cref="WriteSecret"/> wrote.</summary>
    internal static AddLayer ReadSecret(ref ByteReader reader, string name, PublicLayer layer)
    {
        int[] factors = reader.SignedIntegers(layer.Output.Channels);
        int[] secondFactors = reader.SignedIntegers(layer.Output.Channels);
        return new AddLayer(name, layer.Input, layer.OtherInputs[0], layer.Output, factors, secondFactors);
    }

    /// <inheritdoc/>
    internal override void Validate(Shape source)
    {
        foreach (int[] factors in (int[][])[Factors, SecondFactors])
        {
            NetworkValidator.Require(
                factors.Length == source.Channels, $"it has {factors.Length} factors instead of {source.Channels}");
            NetworkValidator.Require(factors.AsSpan().IndexOf(int.MinValue) < 0, "a factor is out of range");
        }
    }

    /// <inheritdoc/>
    internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) =>
        [.. sources[0].Select((x, c) => x.Times(Factors[c]).Plus(sources[1][c].Times(SecondFactors[c])))];

    /// <inheritdoc/>
    internal override void WriteSecret(ByteWriter writer)
    {
        foreach (int factor in Factors.Concat(SecondFactors))
        {
            writer.Signed(factor);
        }
    }
}

/// <summary>The channels of several values of one height and width, one value after the other.</summary>
/// <param name="Name">The node's name.</param>
/// <param name="Input">The first value.</param>
/// <param name="OtherInputs">The values behind it.</param>
/// <param name="Output">The shape of all together.</param>
internal sealed record ConcatLayer(string Name, int Input, IReadOnlyList<int> OtherInputs, Shape Output)
    : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override LayerKind Kind => LayerKind.Concat;

    /// <inheritdoc/>
    public override IReadOnlyList<int> OtherInputs { get; } = OtherInputs;

    /// <inheritdoc/>
    internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) => [.. sources.SelectMany(x => x)];
}
