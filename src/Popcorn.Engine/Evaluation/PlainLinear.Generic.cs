using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// A linear layer as sparse rows of weights times a panel: what the windows of some output positions see, position by
/// position side by side. Zero weights cost nothing, and many positions share each weight that is read.
/// </summary>
/// <typeparam name="T">What sums and products are computed in; see <see cref="DotProduct"/>.</typeparam>
internal sealed class PlainLinear<T> : PlainLayer
    where T : unmanaged, INumber<T>
{
    /// <summary>Rows of a panel, at most: with the sums they stay in a core's second cache.</summary>
    private const int BlockRows = 512;

    /// <summary>Positions of a panel, at most: the lanes of its rows.</summary>
    private static readonly int MostLanes = DotProduct.Vectors * Vector512<T>.Count;

    private readonly Window _window;
    private readonly Shape _shape;
    private readonly int _groups;

    /// <summary>Input and output channels of a group.</summary>
    private readonly int _inputs;
    private readonly int _outputs;

    private readonly Digits _digits;

    /// <summary>
    /// Group by group, block by block, pair by pair of outputs: the rows for which the pair has a weight that is not
    /// zero, with both weights, and where each pair's list begins.
    /// </summary>
    private readonly T[] _weights;
    private readonly int[] _offsets;
    private readonly int[] _begins;

    /// <summary>
    /// By digit of the output: what is added to the products of each channel, or of each element where taps outside the
    /// plane add something.
    /// </summary>
    private readonly int[][] _constants;
    private readonly bool _isPadded;

    public PlainLinear(LinearLayer layer, Shape shape, Digits digits, int targetLimbs)
    {
        _window = layer.Window;
        _shape = shape;
        _groups = layer.Groups;
        _inputs = shape.Channels / layer.Groups;
        _outputs = layer.Output.Channels / layer.Groups;
        _digits = digits;
        _isPadded = layer.Padding.Length > 0;
        _constants = DigitsOf(layer.Constants(shape), digits.Bits, LimbTensor.LimbBits / digits.Bits * targetLimbs);

        var weights = new List<T>(layer.Weights.Length);
        var offsets = new List<int>(layer.Weights.Length / DotProduct.Outputs);
        var begins = new List<int> { 0 };
        for (int group = 0; group < _groups; group++)
        {
            for (int block = 0; block < Blocks; block++)
            {
                (int begin, int end) = RowsOf(block);
                for (int pair = 0; pair < Pairs; pair++)
                {
                    int first = group * _outputs + pair * DotProduct.Outputs;
                    bool isAlone = (pair + 1) * DotProduct.Outputs > _outputs;
                    for (int row = begin; row < end; row++)
                    {
                        int weight = WeightOf(layer, first, row);
                        int other = isAlone ? 0 : WeightOf(layer, first + 1, row);
                        if ((weight | other) != 0)
                        {
                            weights.Add(T.CreateTruncating(weight));
                            weights.Add(T.CreateTruncating(other));
                            offsets.Add((row - begin) * MostLanes);
                        }
                    }

                    begins.Add(offsets.Count);
                }
            }
        }

        _weights = [.. weights];
        _offsets = [.. offsets];
        _begins = [.. begins];
    }

    public override int ScratchBytes =>
        Workspace.BytesOf<T>(PanelSize) + Workspace.BytesOf<T>(SumsSize) + Workspace.BytesOf<long>(SumsSize)
        + 2 * Workspace.BytesOf<long>(MostLanes) + 2 * Workspace.BytesOf<int>(MostLanes);

    /// <summary>Rows of all blocks of a group, tap by tap and channel by channel within.</summary>
    private int Rows => _inputs * _window.Taps;

    private int Blocks => (Rows + BlockRows - 1) / BlockRows;

    /// <summary>Pairs of outputs of a group; the last may be one output alone.</summary>
    private int Pairs => (_outputs + DotProduct.Outputs - 1) / DotProduct.Outputs;

    private int PanelSize => Math.Min(BlockRows, Rows) * MostLanes;

    private int SumsSize => Pairs * DotProduct.Outputs * MostLanes;

    private (int Begin, int End) RowsOf(int block) => (block * BlockRows, Math.Min((block + 1) * BlockRows, Rows));

    private int WeightOf(LinearLayer layer, int output, int row)
    {
        (int tap, int channel) = Math.DivRem(row, _inputs);
        return layer.Weights[(output * _inputs + channel) * _window.Taps + tap];
    }

    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace)
    {
        var pass = new Pass
        {
            Source = sources[0],
            Target = target,
            Panel = workspace.Take<T>(PanelSize),
            Sums = workspace.Take<T>(SumsSize),
            Carries = workspace.Take<long>(SumsSize),
            Results = workspace.Take<long>(MostLanes),
            Constants = workspace.Take<long>(MostLanes),
            Gathered = workspace.Take<int>(MostLanes),
            GatheredHigh = workspace.Take<int>(MostLanes),
            Patches = new Patches(_window, _shape, stackalloc (int, int, int)[MostLanes]),
            Seen = stackalloc Segment[MostLanes],
            Places = stackalloc Place[MostLanes],
        };
        // Unused lanes are computed too; what they hold is never read.
        pass.Gathered.Clear();
        pass.GatheredHigh.Clear();
        int positions = target.Images * target.Shape.Area;
        for (int first = 0; first < positions; first += MostLanes)
        {
            int lanes = Math.Min(MostLanes, positions - first);
            pass.Patches.MoveTo(first, lanes);
            pass.FindPlaces(first, lanes);
            for (int group = 0; group < _groups; group++)
            {
                RunGroup(group, ref pass);
            }
        }
    }

    /// <summary>All that a run needs besides the layer.</summary>
    private ref struct Pass
    {
        public LimbTensor Source;
        public LimbTensor Target;

        /// <summary>Rows of <see cref="MostLanes"/> digits each.</summary>
        public Span<T> Panel;

        /// <summary>By output of a group: the sums of a digit, and what is carried into the next.</summary>
        public Span<T> Sums;
        public Span<long> Carries;

        /// <summary>Of one output: sums with all that is added to them.</summary>
        public Span<long> Results;
        public Span<long> Constants;

        /// <summary>Of one row: the limbs that make its digits.</summary>
        public Span<int> Gathered;
        public Span<int> GatheredHigh;

        public Patches Patches;

        /// <summary>What a tap sees.</summary>
        public Span<Segment> Seen;

        /// <summary>Where the lanes go.</summary>
        public Span<Place> Places;
        public int PlaceCount;

        /// <summary>Lanes in use, in whole vectors.</summary>
        public readonly int Width =>
            (Patches.Lanes + Vector512<T>.Count - 1) / Vector512<T>.Count * Vector512<T>.Count;

        public void FindPlaces(int first, int lanes)
        {
            PlaceCount = 0;
            for (int lane = 0; lane < lanes; lane += Places[PlaceCount++].Length)
            {
                (int image, int position) = Math.DivRem(first + lane, Target.Shape.Area);
                int length = Math.Min(Target.Shape.Area - position, lanes - lane);
                Places[PlaceCount] = new Place(lane, image * Target.Shape.Size, position, length);
            }
        }
    }

    /// <summary>Neighbouring lanes of one image.</summary>
    /// <param name="Lane">The first lane.</param>
    /// <param name="Image">Where the image begins in the output.</param>
    /// <param name="Position">The first lane's position in a channel of it.</param>
    /// <param name="Length">Number of lanes.</param>
    private readonly record struct Place(int Lane, int Image, int Position, int Length);

    private void RunGroup(int group, ref Pass pass)
    {
        pass.Carries.Clear();
        for (int digit = 0; digit < _constants.Length; digit++)
        {
            pass.Sums.Clear();
            for (int block = 0; digit < _digits.Count && block < Blocks; block++)
            {
                FillPanel(group, block, digit, ref pass);
                AddProducts(group, block, ref pass);
            }

            for (int output = 0; output < _outputs; output++)
            {
                Store(group, output, digit, ref pass);
            }
        }
    }

    private void AddProducts(int group, int block, ref Pass pass)
    {
        int list = (group * Blocks + block) * Pairs;
        for (int pair = 0; pair < Pairs; pair++, list++)
        {
            int begin = _begins[list];
            int count = _begins[list + 1] - begin;
            Span<T> sums = pass.Sums[(pair * DotProduct.Outputs * MostLanes)..];
            DotProduct.Accumulate(
                _weights.AsSpan(DotProduct.Outputs * begin, DotProduct.Outputs * count), _offsets.AsSpan(begin, count),
                pass.Panel, sums[..pass.Width], sums.Slice(MostLanes, pass.Width));
        }
    }

    private void FillPanel(int group, int block, int digit, ref Pass pass)
    {
        (int begin, int end) = RowsOf(block);
        int seen = 0;
        int seenTap = -1;
        for (int row = begin; row < end; row++)
        {
            (int tap, int channel) = Math.DivRem(row, _inputs);
            if (tap != seenTap)
            {
                seen = pass.Patches.See(tap, pass.Seen);
                seenTap = tap;
            }

            int plane = (group * _inputs + channel) * _shape.Area;
            Read(digit, plane, seen, ref pass, pass.Panel.Slice((row - begin) * MostLanes, pass.Width));
        }
    }

    /// <summary>Reads a digit of what a tap sees in a channel.</summary>
    private void Read(int digit, int plane, int seen, ref Pass pass, Span<T> row)
    {
        (int limb, int shift) = Math.DivRem(digit * _digits.Bits, LimbTensor.LimbBits);
        bool isTop = digit == _digits.Count - 1;
        Span<int> gathered = pass.Gathered[..row.Length];
        Gather(pass.Source.Limb(limb)[plane..], pass.Seen[..seen], gathered);
        if (_digits == Digits.Whole && pass.Source.Limbs > 1)
        {
            Gather(pass.Source.Limb(1)[plane..], pass.Seen[..seen], pass.GatheredHigh);
            for (int i = 0; i < row.Length; i++)
            {
                row[i] = T.CreateTruncating((long)pass.GatheredHigh[i] << LimbTensor.LimbBits | (uint)gathered[i]);
            }

            return;
        }

        if (_digits.Bits < LimbTensor.LimbBits)
        {
            int above = LimbTensor.LimbBits - _digits.Bits;
            for (int i = 0; i < gathered.Length; i++)
            {
                int aligned = gathered[i] << (above - shift);
                gathered[i] = isTop ? aligned >> above : aligned >>> above;
            }
        }

        if (isTop)
        {
            VectorLanes.FromSigned(gathered, row);
        }
        else
        {
            VectorLanes.FromUnsigned(gathered, row);
        }
    }

    private static void Gather(ReadOnlySpan<int> elements, ReadOnlySpan<Segment> segments, Span<int> result)
    {
        foreach (Segment segment in segments)
        {
            if (segment.Start == Segment.Outside)
            {
                result.Slice(segment.Lane, segment.Length).Clear();
            }
            else if (segment.Length == 1)
            {
                result[segment.Lane] = elements[segment.Start];
            }
            else
            {
                elements.Slice(segment.Start, segment.Length).CopyTo(result[segment.Lane..]);
            }
        }
    }

    /// <summary>
    /// Adds constants and carries to an output's sums of a digit, stores the digit and carries the rest.
    /// </summary>
    private void Store(int group, int output, int digit, ref Pass pass)
    {
        int channel = group * _outputs + output;
        int plane = channel * pass.Target.Shape.Area;
        Span<Place> places = pass.Places[..pass.PlaceCount];
        if (_isPadded)
        {
            foreach (Place place in places)
            {
                VectorLanes.FromUnsigned(
                    _constants[digit].AsSpan(plane + place.Position, place.Length), pass.Constants[place.Lane..]);
            }
        }
        else
        {
            pass.Constants.Fill((uint)_constants[digit][channel]);
        }

        VectorLanes.ToLong<T>(pass.Sums.Slice(output * MostLanes, pass.Width), pass.Results);
        Span<Vector512<long>> results = MemoryMarshal.Cast<long, Vector512<long>>(pass.Results[..pass.Width]);
        Span<Vector512<long>> constants = MemoryMarshal.Cast<long, Vector512<long>>(pass.Constants);
        Span<Vector512<long>> carries =
            MemoryMarshal.Cast<long, Vector512<long>>(pass.Carries.Slice(output * MostLanes, pass.Width));
        for (int i = 0; i < results.Length; i++)
        {
            results[i] += constants[i] + carries[i];
            carries[i] = results[i] >> _digits.Bits;
        }

        (int limb, int shift) = Math.DivRem(digit * _digits.Bits, LimbTensor.LimbBits);
        foreach (Place place in places)
        {
            Span<int> elements = pass.Target.Limb(limb).Slice(place.Image + plane + place.Position, place.Length);
            Span<long> numbers = pass.Results.Slice(place.Lane, place.Length);
            if (_digits.Bits == LimbTensor.LimbBits)
            {
                VectorLanes.ToLimbs(numbers, elements);
            }
            else
            {
                for (int i = 0; i < elements.Length; i++)
                {
                    int own = (int)DigitOf(numbers[i], _digits.Bits) << shift;
                    elements[i] = shift == 0 ? own : elements[i] | own;
                }
            }
        }
    }

    private static uint DigitOf(long value, int bits) => (uint)value & uint.MaxValue >> (LimbTensor.LimbBits - bits);

    /// <summary>The lowest digits of numbers in two's complement, digit by digit.</summary>
    private static int[][] DigitsOf(BigInteger[] values, int bits, int count)
    {
        var digits = new int[count][];
        for (int i = 0; i < count; i++)
        {
            digits[i] = Array.ConvertAll(values, v => (int)DigitOf((long)(v >> (i * bits) & uint.MaxValue), bits));
        }

        return digits;
    }
}
