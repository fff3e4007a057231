using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>The layers of an integer network as they are made, with the values that they compute.</summary>
internal sealed class LayerBuilder
{
    /// <summary>Values of more bits fit no key and no double.</summary>
    private const int MostBits = 900;

    /// <summary>Greatest weight of a layer that only multiplies.</summary>
    private const int MostWeight = 1 << 24;

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

    /// <summary>The same value in integers that are larger by a whole factor for each channel.</summary>
    public QuantizedValue Finer(string name, QuantizedValue value, double[] factors)
    {
        while (Array.Exists(factors, f => f > 1))
        {
            Shape shape = value.Shape;
            int[] weights = Array.ConvertAll(factors, f => (int)Math.Min(f, MostWeight));
            var layer = new LinearLayer(
                name, value.Index, shape, Window.Pointwise(shape.Height, shape.Width), shape.Channels, weights,
                new BigInteger[shape.Channels]);
            value = Append(layer, [.. value.Scales.Zip(weights, (s, w) => s / w)], value.Offsets, value) with
            {
                Statistics = value.Statistics,
                Drifts = value.Drifts,
            };
            factors = [.. factors.Zip(weights, (f, w) => Math.Round(f / w))];
        }

        return value;
    }

    /// <summary>The layer that computes a value, where it is linear and the last one.</summary>
    public LinearLayer? LastLinear(QuantizedValue value) =>
        _layers.Count > 0 && value.Index == _layers.Count ? _layers[^1] as LinearLayer : null;

    /// <summary>The value of a number: 0 is the input, i + 1 the output of layer i.</summary>
    public QuantizedValue ValueOf(int index) => _values[index];

    public void RemoveLast()
    {
        _layers.RemoveAt(_layers.Count - 1);
        _values.RemoveAt(_values.Count - 1);
    }

    /// <summary>Puts a layer in the place of the last one, with the scales and offsets of that.</summary>
    public QuantizedValue ReplaceLast(Layer layer) => ReplaceLast(layer, _values[^1].Scales, _values[^1].Offsets);

    /// <summary>Puts a layer, with the scales and offsets given, in the place of the last one.</summary>
    public QuantizedValue ReplaceLast(Layer layer, double[] scales, double[] offsets)
    {
        RemoveLast();
        return Append(layer, scales, offsets, [.. layer.Inputs.Select(input => _values[input])]);
    }
}
