using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>One layer, compiled for the widths that its bounds allow. Immutable, so threads share it.</summary>
internal abstract class PlainLayer
{
    /// <summary>Compiles a layer.</summary>
    /// <param name="layer">The layer, of a valid network.</param>
    /// <param name="shape">Shape of what it reads first.</param>
    /// <param name="source">Bounds of what it reads first, by channel.</param>
    /// <param name="targetLimbs">Limbs of its output.</param>
    public static PlainLayer For(Layer layer, Shape shape, IReadOnlyList<Interval> source, int targetLimbs) =>
        layer switch
        {
            LinearLayer linear => PlainLinear.For(linear, shape, source, targetLimbs),
            AddLayer add => new PlainAdd(add),
            ConcatLayer => new PlainConcat(),
            MaxPoolLayer pool => new PlainMaxPool(pool, shape),
            ReluLayer => new PlainRelu(),
            ClipLayer clip => new PlainClip(clip, LimbTensor.LimbsFor(source)),
            SquareLayer => new PlainSquare(),
            SignLayer => new PlainSign(),
            RescaleLayer rescale => new PlainRescale(rescale.Shift),
            ShiftLayer shift => new PlainShift(shift.Shift, shift.SaturationBits),
            _ => throw new NotSupportedException($"A layer of kind {layer.Kind} cannot be evaluated."),
        };

    /// <summary>What it takes of the scratch memory.</summary>
    public virtual int ScratchBytes => 0;

    /// <summary>Computes the layer for all images of a tile.</summary>
    /// <param name="sources">What it reads.</param>
    /// <param name="target">Where its output goes; every element is written.</param>
    /// <param name="workspace">Scratch memory to compute in.</param>
    public abstract void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace);
}
