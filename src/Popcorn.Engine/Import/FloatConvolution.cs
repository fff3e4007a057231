using System.Runtime.Intrinsics;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// One pass of a floating-point linear layer over one image: what the windows of some output positions see, side by
/// side as the rows of a panel, times the weights of two outputs at once. Zero weights cost nothing.
/// </summary>
internal sealed class FloatConvolution
{
    /// <summary>Rows of a panel, at most: it stays in a core's second cache.</summary>
    private const int BlockRows = 256;

    /// <summary>Output positions of a panel, at most: the lanes of its rows, in whole vectors.</summary>
    private const int MostLanes = 128;

    private readonly FloatLinear _linear;
    private readonly double[] _source;
    private readonly double[] _target;
    private readonly Shape _plane;
    private readonly int _taps;

    /// <summary>Input and output channels of a group.</summary>
    private readonly int _inputs;
    private readonly int _outputs;

    /// <summary>From one row of the panel to the next.</summary>
    private readonly int _stride;
    private readonly double[] _panel;
    private readonly double[] _sums;

    /// <summary>The rows for which two outputs have a weight that is not zero, and both weights of each.</summary>
    private readonly int[] _offsets = new int[BlockRows];
    private readonly double[] _weights = new double[DotProduct.Outputs * BlockRows];

    /// <summary>By tap and lane: the position in the plane that is seen, or −1 outside.</summary>
    private readonly int[] _positions;

    private FloatConvolution(FloatLinear linear, double[] source)
    {
        _linear = linear;
        _source = source;
        _target = new double[linear.Shape.Size];
        _plane = linear.Source.Shape;
        _taps = linear.Window.Taps;
        _inputs = _plane.Channels / linear.Groups;
        _outputs = linear.Bias.Length / linear.Groups;
        _stride = Math.Min(MostLanes, WholeVectors(linear.Shape.Area));
        _panel = new double[Math.Min(BlockRows, linear.WeightsPerOutput) * _stride];
        _sums = new double[DotProduct.Outputs * _stride];
        _positions = new int[_taps * _stride];
    }

    /// <summary>The layer's output, channel by channel, row by row.</summary>
    /// <param name="linear">The layer.</param>
    /// <param name="source">What it reads.</param>
    public static double[] Run(FloatLinear linear, double[] source)
    {
        Shape plane = linear.Source.Shape;
        return linear.Window == Window.Whole(plane.Height, plane.Width)
            ? Dense(linear, source)
            : new FloatConvolution(linear, source).Run();
    }

    /// <summary>Each output's weights lie in the order of what it reads.</summary>
    private static double[] Dense(FloatLinear linear, double[] source)
    {
        double[] target = [.. linear.Bias];
        int each = linear.WeightsPerOutput, outputs = target.Length / linear.Groups;
        for (int o = 0; o < target.Length; o++)
        {
            target[o] += LayerInputs.Dot(
                linear.Weights.AsSpan(o * each, each), source.AsSpan(o / outputs * each, each));
        }

        return target;
    }

    private double[] Run()
    {
        int area = _linear.Shape.Area;
        for (int o = 0; o < _linear.Bias.Length; o++)
        {
            _target.AsSpan(o * area, area).Fill(_linear.Bias[o]);
        }

        for (int first = 0; first < area; first += _stride)
        {
            int lanes = Math.Min(_stride, area - first);
            FindPositions(first, lanes);
            for (int group = 0; group < _linear.Groups; group++)
            {
                for (int begin = 0; begin < _linear.WeightsPerOutput; begin += BlockRows)
                {
                    int rows = Math.Min(BlockRows, _linear.WeightsPerOutput - begin);
                    FillPanel(group, begin, rows, lanes);
                    for (int output = 0; output < _outputs; output += DotProduct.Outputs)
                    {
                        AddProducts(group * _outputs + output, output + 1 < _outputs, begin, rows, first, lanes);
                    }
                }
            }
        }

        return _target;
    }

    private void FindPositions(int first, int lanes)
    {
        for (int tap = 0; tap < _taps; tap++)
        {
            for (int lane = 0; lane < lanes; lane++)
            {
                _positions[tap * _stride + lane] = _linear.Window.Position(first + lane, tap, _plane);
            }
        }
    }

    private void FillPanel(int group, int begin, int rows, int lanes)
    {
        for (int row = 0; row < rows; row++)
        {
            (int input, int tap) = Math.DivRem(begin + row, _taps);
            int channel = group * _inputs + input;
            double padding = _linear.PaddingOf(channel);
            ReadOnlySpan<double> plane = _source.AsSpan(channel * _plane.Area, _plane.Area);
            ReadOnlySpan<int> positions = _positions.AsSpan(tap * _stride, lanes);
            Span<double> target = _panel.AsSpan(row * _stride, lanes);
            for (int lane = 0; lane < target.Length; lane++)
            {
                int position = positions[lane];
                target[lane] = position < 0 ? padding : plane[position];
            }
        }
    }

    /// <summary>Adds a panel's products to two outputs, or to one.</summary>
    private void AddProducts(int output, bool isPair, int begin, int rows, int first, int lanes)
    {
        int each = _linear.WeightsPerOutput, count = 0;
        ReadOnlySpan<double> weights = _linear.Weights.AsSpan(output * each + begin, rows);
        ReadOnlySpan<double> others = isPair ? _linear.Weights.AsSpan((output + 1) * each + begin, rows) : [];
        for (int row = 0; row < rows; row++)
        {
            double weight = weights[row], other = isPair ? others[row] : 0;
            if (weight != 0 || other != 0)
            {
                _weights[DotProduct.Outputs * count] = weight;
                _weights[DotProduct.Outputs * count + 1] = other;
                _offsets[count++] = row * _stride;
            }
        }

        int width = WholeVectors(lanes), area = _linear.Shape.Area;
        Span<double> sums = _sums.AsSpan(0, width), otherSums = _sums.AsSpan(_stride, width);
        Span<double> target = _target.AsSpan(output * area + first, lanes);
        target.CopyTo(sums);
        Span<double> otherTarget = isPair ? _target.AsSpan((output + 1) * area + first, lanes) : [];
        otherTarget.CopyTo(otherSums);
        DotProduct.Accumulate(
            _weights.AsSpan(0, DotProduct.Outputs * count), _offsets.AsSpan(0, count), _panel, sums, otherSums);
        // Unused lanes were computed too; what they hold is never read.
        sums[..lanes].CopyTo(target);
        otherSums[..otherTarget.Length].CopyTo(otherTarget);
    }

    private static int WholeVectors(int lanes) =>
        (lanes + Vector512<double>.Count - 1) / Vector512<double>.Count * Vector512<double>.Count;
}
