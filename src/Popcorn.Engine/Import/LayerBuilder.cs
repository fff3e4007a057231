using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>The layers of an integer network as they are made, with the values that they compute.</summary>
internal sealed class LayerBuilder
{
    /// <summary>Values of more bits fit no key and no double.</summary>
    private const int MostBits = 900;

    private readonly List<Layer> _layers = [];

    /// <summary>By their numbers: the input, and each layer's output.</summary>
    private readonly List<QuantizedValue> _values = [];

    public IReadOnlyList<Layer> Layers => _layers;

    public QuantizedValue AddInput(Shape shape, double[] scales, double[] offsets, Interval range)
    {
        Interval[] bounds = [.. Enumerable.Repeat(range, shape.Channels)];
        _values.Add(new QuantizedValue(0, shape, scales, offsets, bounds));
        return _values[0];
    }

    /// <summary>Appends a layer that keeps the scales and offsets of what it reads.</summary>
    public QuantizedValue Append(Layer layer, QuantizedValue source) =>
        Append(layer, source.Scales, source.Offsets, source);

    public QuantizedValue Append(Layer layer, double[] scales, double[] offsets, params QuantizedValue[] sources)
    {
        Interval[] bounds = layer.BoundsFrom(sources[0].Shape, Array.ConvertAll(sources, s => s.Bounds));
        int bits = bounds.Max(b => b.MagnitudeBits);
        if (bits > MostBits || !Array.TrueForAll(scales, double.IsNormal))
        {
            throw new PopcornException(
                $"This network cannot be imported: at '{layer.Name}' its values outgrow what any key can hold ({bits} "
                + "bits). Use fewer weight bits, or fewer layers that square.");
        }

        _layers.Add(layer);
        _values.Add(new QuantizedValue(_layers.Count, layer.Output, scales, offsets, bounds));
        return _values[^1];
    }

    /// <summary>The layer that computes a value, where it is linear and the last one.</summary>
    public LinearLayer? LastLinear(QuantizedValue value) =>
        _layers.Count > 0 && value.Index == _layers.Count ? _layers[^1] as LinearLayer : null;

    /// <summary>Puts a linear layer, with the scales and offsets given, in the place of the last one.</summary>
    public QuantizedValue ReplaceLast(LinearLayer layer, double[] scales, double[] offsets)
    {
        _layers.RemoveAt(_layers.Count - 1);
        _values.RemoveAt(_values.Count - 1);
        return Append(layer, scales, offsets, _values[layer.Input]);
    }
}
