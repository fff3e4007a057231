namespace Popcorn.Engine.Model;

/// <summary>
/// Maximum over a window, channel by channel; what lies outside the plane takes no part. With
/// <paramref name="WithZero"/>, zero is one more player: max-pool and ReLU at once, in either order.
/// </summary>
internal sealed record MaxPoolLayer(string Name, int Input, Shape Output, Window Window, bool WithZero)
    : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override LayerKind Kind => WithZero ? LayerKind.MaxPoolRelu : LayerKind.MaxPool;

    /// <inheritdoc/>
    internal override PublicLayer Describe(int boundBits) => new(Kind, Input, Output, Window, 0, boundBits);

    /// <inheritdoc/>
    internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) =>
        WithZero ? Array.ConvertAll(sources[0], x => x.Relu()) : sources[0];
}
