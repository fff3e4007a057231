using System.Numerics;
using System.Runtime.Intrinsics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// A convolution modulo a power of two, all output positions of a plane side by side. Input planes are laid out with
/// zeros where windows reach out of them, and rows of outputs are taken to be as long as rows of inputs: so what a tap
/// sees from neighbouring positions lies side by side, for the whole plane, and what there is between two rows of
/// outputs is computed too and forgotten. With a stride, rows and columns are dealt to planes of their own by their
/// place within the stride (<see cref="RingAxis"/>).
/// </summary>
/// <typeparam name="T"><see cref="int"/> or <see cref="long"/>.</typeparam>
internal sealed class RingConvolution<T> : RingLayer<T>
    where T : unmanaged, INumber<T>
{
    /// <summary>What is read of a block of input channels for one run of positions stays in a core's first cache.
    /// </summary>
    private const int BlockBytes = 1 << 15;

    private const int CacheLine = 64;

    /// <summary>Positions of a run: the lanes that are computed side by side.</summary>
    private static readonly int Lanes = DotProduct.Vectors * Vector512<T>.Count;

    private readonly Shape _input;
    private readonly Shape _output;
    private readonly RingAxis _rows;
    private readonly RingAxis _columns;

    /// <summary>From a plane to the next: whole cache lines, an odd number of them, so that the places of many planes
    /// that are read together do not all want the same few lines of a cache.</summary>
    private readonly int _stride;

    /// <summary>Of a plane of outputs, with what lies between rows; and the same in whole runs.</summary>
    private readonly int _length;
    private readonly int _runs;

    /// <summary>Input channels and pairs of outputs of a group, and blocks of its input channels.</summary>
    private readonly int _inputs;
    private readonly int _outputs;
    private readonly int _pairs;
    private readonly int _blocks;

    /// <summary>
    /// Group by group, block by block, pair by pair: where the places begin for which the pair has a weight that is not
    /// zero, with both weights, and where each pair's list begins.
    /// </summary>
    private readonly T[] _weights;
    private readonly int[] _offsets;
    private readonly int[] _begins;

    public RingConvolution(LinearLayer layer, Shape input)
        : base(layer, input)
    {
        Window window = layer.Window;
        _input = input;
        _output = layer.Output;
        _rows = RingAxis.Of(
            window.KernelHeight, window.StrideY, window.DilationY, window.PadTop, window.OutputHeight, input.Height);
        _columns = RingAxis.Of(
            window.KernelWidth, window.StrideX, window.DilationX, window.PadLeft, window.OutputWidth, input.Width);
        int line = CacheLine / BytesOfNumber;
        long plane = (long)_rows.Length * _columns.Length;
        long stride = (((plane + line - 1) / line) | 1) * line;
        long length = ((long)(window.OutputHeight - 1) * _columns.Length) + window.OutputWidth;
        _inputs = input.Channels / layer.Groups;
        _outputs = layer.Output.Channels / layer.Groups;
        _pairs = (_outputs + DotProduct.Outputs - 1) / DotProduct.Outputs;
        long planes = (long)input.Channels * PlanesOfChannel;
        NumbersLength = Math.Max(planes * stride, length) + Lanes;
        long runs = (length + Lanes - 1) / Lanes;
        SumsLength = (long)layer.Groups * _pairs * DotProduct.Outputs * runs * Lanes;
        CheckLength(layer, Math.Max(NumbersLength, SumsLength));
        (_stride, _length, _runs) = ((int)stride, (int)length, (int)runs);

        long seen = Math.Min(PlanesOfChannel * plane, (long)_rows.Seen * (Lanes + line)) * BytesOfNumber;
        int channels = (int)Math.Clamp(BlockBytes / Math.Max(1, seen), 1, _inputs);
        _blocks = (_inputs + channels - 1) / channels;

        var weights = new List<T>(layer.NonZero);
        var offsets = new List<int>(layer.NonZero / DotProduct.Outputs);
        var begins = new List<int>(layer.Groups * _blocks * _pairs + 1) { 0 };
        int[] places = [.. Enumerable.Range(0, window.Taps).Select(PlaceOf)];
        for (int group = 0; group < layer.Groups; group++)
        {
            for (int block = 0; block < _blocks; block++)
            {
                for (int pair = 0; pair < _pairs; pair++)
                {
                    AddPair(group, block * channels, Math.Min((block + 1) * channels, _inputs), pair);
                    begins.Add(offsets.Count);
                }
            }
        }

        _weights = [.. weights];
        _offsets = [.. offsets];
        _begins = [.. begins];

        void AddPair(int group, int begin, int end, int pair)
        {
            int first = group * _outputs + pair * DotProduct.Outputs;
            bool isAlone = (pair + 1) * DotProduct.Outputs > _outputs;
            for (int channel = begin; channel < end; channel++)
            {
                int plane = (group * _inputs + channel) * PlanesOfChannel * _stride;
                for (int tap = 0; tap < window.Taps; tap++)
                {
                    int index = (first * _inputs + channel) * window.Taps + tap;
                    int weight = layer.Weights[index];
                    int other = isAlone ? 0 : layer.Weights[index + _inputs * window.Taps];
                    if (places[tap] >= 0 && (weight | other) != 0)
                    {
                        weights.Add(T.CreateTruncating(weight));
                        weights.Add(T.CreateTruncating(other));
                        offsets.Add(plane + places[tap]);
                    }
                }
            }
        }

        int PlaceOf(int tap)
        {
            (RingTap y, RingTap x) = (_rows.Taps[tap / window.KernelWidth], _columns.Taps[tap % window.KernelWidth]);
            return y.IsSeen && x.IsSeen
                ? ((y.Comb * _columns.Combs.Length) + x.Comb) * _stride + (y.Shift * _columns.Length) + x.Shift
                : -1;
        }
    }

    /// <inheritdoc/>
    public override double Accumulates => (double)_weights.Length
        * ((_length + Vector512<T>.Count - 1) / Vector512<T>.Count * Vector512<T>.Count);

    /// <inheritdoc/>
    protected override long NumbersLength { get; }

    /// <inheritdoc/>
    protected override long SumsLength { get; }

    /// <inheritdoc/>
    protected override int Parts => _runs * Pairs;

    private static int BytesOfNumber => typeof(T) == typeof(int) ? sizeof(int) : sizeof(long);

    private int PlanesOfChannel => _rows.Combs.Length * _columns.Combs.Length;

    /// <summary>Of all groups.</summary>
    private int Pairs => _output.Channels / _outputs * _pairs;

    /// <inheritdoc/>
    protected override void Load(ReadOnlySpan<ulong> input, Span<T> numbers)
    {
        int plane = 0;
        for (int channel = 0; channel < _input.Channels; channel++)
        {
            ReadOnlySpan<ulong> elements = input.Slice(channel * _input.Area, _input.Area);
            foreach (int rowComb in _rows.Combs)
            {
                foreach (int columnComb in _columns.Combs)
                {
                    LoadPlane(elements, rowComb, columnComb, numbers.Slice(plane, _stride));
                    plane += _stride;
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void Run(ReadOnlySpan<T> numbers, Span<T> sums, int firstPart, int endPart)
    {
        // Run by run, and all pairs of outputs within.
        for (int part = firstPart; part < endPart;)
        {
            (int run, int pair) = Math.DivRem(part, Pairs);
            (int group, int first) = Math.DivRem(pair, _pairs);
            int count = Math.Min(_pairs - first, endPart - part);
            RunGroup(numbers[(run * Lanes)..], sums, run, group, first, count);
            part += count;
        }
    }

    /// <inheritdoc/>
    protected override void Store(ReadOnlySpan<T> sums, Span<ulong> output)
    {
        for (int channel = 0; channel < _output.Channels; channel++)
        {
            (int group, int within) = Math.DivRem(channel, _outputs);
            ReadOnlySpan<T> plane = sums[SumsOf(group, within)..];
            if (_columns.Length == _output.Width)
            {
                Store(plane[.._output.Area], channel, 0, output);
                continue;
            }

            for (int y = 0; y < _output.Height; y++)
            {
                Store(plane.Slice(y * _columns.Length, _output.Width), channel, y * _output.Width, output);
            }
        }
    }

    /// <summary>Where the sums of an output begin; the other one of its pair has the next ones.</summary>
    private int SumsOf(int group, int output) => (group * _pairs * DotProduct.Outputs + output) * _runs * Lanes;

    private void RunGroup(ReadOnlySpan<T> numbers, Span<T> sums, int run, int group, int firstPair, int pairs)
    {
        int width = Math.Min(Lanes, _length - run * Lanes);
        width = (width + Vector512<T>.Count - 1) / Vector512<T>.Count * Vector512<T>.Count;
        for (int block = 0; block < _blocks; block++)
        {
            for (int pair = firstPair; pair < firstPair + pairs; pair++)
            {
                int list = (group * _blocks + block) * _pairs + pair;
                int begin = _begins[list], count = _begins[list + 1] - begin;
                int place = SumsOf(group, pair * DotProduct.Outputs) + run * Lanes;
                Span<T> first = sums.Slice(place, width), second = sums.Slice(place + _runs * Lanes, width);
                if (block == 0)
                {
                    first.Clear();
                    second.Clear();
                }

                DotProduct.Accumulate(
                    _weights.AsSpan(DotProduct.Outputs * begin, DotProduct.Outputs * count),
                    _offsets.AsSpan(begin, count),
                    numbers,
                    first,
                    second);
            }
        }
    }

    private void LoadPlane(ReadOnlySpan<ulong> elements, int rowComb, int columnComb, Span<T> plane)
    {
        (int begin, int end) = _columns.Inside(columnComb);
        int left = _columns.PositionOf(begin, columnComb);
        for (int i = 0; i < _rows.Length; i++)
        {
            Span<T> row = plane.Slice(i * _columns.Length, _columns.Length);
            int y = _rows.PositionOf(i, rowComb);
            if ((uint)y >= (uint)_input.Height || begin == end)
            {
                row.Clear();
                continue;
            }

            row[..begin].Clear();
            row[end..].Clear();
            ReadOnlySpan<ulong> from = elements[(y * _input.Width + left)..];
            if (_columns.Stride == 1)
            {
                Convert(from[..(end - begin)], row[begin..]);
                continue;
            }

            for (int j = begin, x = 0; j < end; j++, x += _columns.Stride)
            {
                row[j] = T.CreateTruncating(from[x]);
            }
        }
    }
}
