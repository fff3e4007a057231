using System.Buffers;
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
internal sealed class LinearStep<T> : Step
    where T : unmanaged, INumber<T>
{
    /// <summary>Rows of a panel: as many as a core's second cache holds beside the weights.</summary>
    private const int BlockRows = 512;

    /// <summary>Positions of a panel.</summary>
    private static readonly int MostLanes = DotProduct.Vectors * Vector512<T>.Count;

    private readonly Window _window;
    private readonly Shape _shape;
    private readonly int _groups;

    /// <summary>Input and output channels of a group.</summary>
    private readonly int _inputs;
    private readonly int _outputs;

    private readonly Digits _digits;

    /// <summary>Weights that are not zero, group by group, block by block, output by output; where each list begins.</summary>
    private readonly T[] _weights;
    private readonly int[] _offsets;
    private readonly int[] _begins;

    /// <summary>
    /// By digit of the output: what is added to the products of each channel, or of each element where taps outside the
    /// plane add something.
    /// </summary>
    private readonly uint[][] _constants;
    private readonly bool _isPadded;

    public LinearStep(LinearLayer layer, Shape shape, Digits digits, int targetLimbs)
    {
        _window = layer.Window;
        _shape = shape;
        _groups = layer.Groups;
        _inputs = shape.Channels / layer.Groups;
        _outputs = layer.Output.Channels / layer.Groups;
        _digits = digits;
        _isPadded = layer.Padding.Length > 0;
        _constants = DigitsOf(layer.Constants(shape), digits.Bits, LimbTensor.LimbBits / digits.Bits * targetLimbs);

        int count = layer.NonZero;
        _weights = new T[count];
        _offsets = new int[count];
        _begins = new int[_groups * Blocks * _outputs + 1];
        int next = 0;
        int list = 0;
        for (int group = 0; group < _groups; group++)
        {
            for (int block = 0; block < Blocks; block++)
            {
                (int begin, int end) = RowsOf(block);
                for (int output = group * _outputs; output < (group + 1) * _outputs; output++)
                {
                    for (int row = begin; row < end; row++)
                    {
                        (int tap, int channel) = Math.DivRem(row, _inputs);
                        int weight = layer.Weights[(output * _inputs + channel) * _window.Taps + tap];
                        if (weight != 0)
                        {
                            _weights[next] = T.CreateTruncating(weight);
                            _offsets[next++] = (row - begin) * MostLanes;
                        }
                    }

                    _begins[++list] = next;
                }
            }
        }
    }

    /// <summary>Rows of all blocks of a group, tap by tap and channel by channel within.</summary>
    private int Rows => _inputs * _window.Taps;

    private int Blocks => (Rows + BlockRows - 1) / BlockRows;

    private (int Begin, int End) RowsOf(int block) => (block * BlockRows, Math.Min((block + 1) * BlockRows, Rows));

    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target)
    {
        T[] panel = ArrayPool<T>.Shared.Rent(Math.Min(BlockRows, Rows) * MostLanes);
        T[] sums = ArrayPool<T>.Shared.Rent(_outputs * MostLanes);
        long[] carries = ArrayPool<long>.Shared.Rent(_outputs * MostLanes);
        // Unused lanes are computed too; what they hold is never read, but odd bits would be slow as numbers.
        Array.Clear(panel);
        var pass = new Pass
        {
            Source = sources[0],
            Target = target,
            Panel = panel,
            Sums = sums,
            Carries = carries,
            Patches = new Patches(_window, _shape, stackalloc (int, int, int)[MostLanes]),
            Seen = stackalloc Segment[MostLanes],
            Places = stackalloc Place[MostLanes],
        };
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

        ArrayPool<T>.Shared.Return(panel);
        ArrayPool<T>.Shared.Return(sums);
        ArrayPool<long>.Shared.Return(carries);
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
        pass.Carries[..(_outputs * MostLanes)].Clear();
        for (int digit = 0; digit < _constants.Length; digit++)
        {
            pass.Sums[..(_outputs * MostLanes)].Clear();
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
        int list = (group * Blocks + block) * _outputs;
        for (int output = 0; output < _outputs; output++, list++)
        {
            Range range = _begins[list].._begins[list + 1];
            DotProduct.Accumulate(
                _weights.AsSpan(range), _offsets.AsSpan(range), pass.Panel, pass.Sums.Slice(output * MostLanes, pass.Width));
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
            Span<T> target = pass.Panel.Slice((row - begin) * MostLanes, MostLanes);
            foreach (Segment segment in pass.Seen[..seen])
            {
                Span<T> lanes = target.Slice(segment.Lane, segment.Length);
                if (segment.Start == Segment.Outside)
                {
                    lanes.Clear();
                }
                else
                {
                    Read(pass.Source, digit, plane + segment.Start, lanes);
                }
            }
        }
    }

    /// <summary>Reads a digit of neighbouring elements.</summary>
    private void Read(LimbTensor source, int digit, int start, Span<T> result)
    {
        (int index, int shift) = Math.DivRem(digit * _digits.Bits, LimbTensor.LimbBits);
        bool isTop = digit == _digits.Count - 1;
        ReadOnlySpan<int> limb = source.Limb(index).Slice(start, result.Length);
        if (_digits == Digits.Whole && source.Limbs > 1)
        {
            ReadOnlySpan<int> high = source.Limb(1).Slice(start, result.Length);
            for (int i = 0; i < result.Length; i++)
            {
                result[i] = T.CreateTruncating((long)high[i] << LimbTensor.LimbBits | (uint)limb[i]);
            }
        }
        else if (_digits.Bits < LimbTensor.LimbBits)
        {
            int above = LimbTensor.LimbBits - _digits.Bits;
            for (int i = 0; i < result.Length; i++)
            {
                int aligned = limb[i] << (above - shift);
                result[i] = T.CreateTruncating(isTop ? aligned >> above : aligned >>> above);
            }
        }
        else if (isTop)
        {
            for (int i = 0; i < result.Length; i++)
            {
                result[i] = T.CreateTruncating(limb[i]);
            }
        }
        else
        {
            for (int i = 0; i < result.Length; i++)
            {
                result[i] = T.CreateTruncating((uint)limb[i]);
            }
        }
    }

    /// <summary>Adds bias and carry to the sums of a digit, stores what belongs to it and carries the rest.</summary>
    private void Store(int group, int output, int digit, ref Pass pass)
    {
        int channel = group * _outputs + output;
        int plane = channel * pass.Target.Shape.Area;
        (int limb, int shift) = Math.DivRem(digit * _digits.Bits, LimbTensor.LimbBits);
        uint mask = uint.MaxValue >> (LimbTensor.LimbBits - _digits.Bits);
        Span<int> target = pass.Target.Limb(limb);
        foreach (Place place in pass.Places[..pass.PlaceCount])
        {
            Span<int> elements = target.Slice(place.Image + plane + place.Position, place.Length);
            Span<T> sums = pass.Sums.Slice(output * MostLanes + place.Lane, place.Length);
            Span<long> carries = pass.Carries.Slice(output * MostLanes + place.Lane, place.Length);
            for (int i = 0; i < elements.Length; i++)
            {
                uint constant = _constants[digit][_isPadded ? plane + place.Position + i : channel];
                long sum = long.CreateTruncating(sums[i]) + constant + carries[i];
                int own = (int)((uint)sum & mask) << shift;
                elements[i] = shift == 0 ? own : elements[i] | own;
                carries[i] = sum >> _digits.Bits;
            }
        }
    }

    /// <summary>The lowest digits of numbers in two's complement, digit by digit.</summary>
    private static uint[][] DigitsOf(BigInteger[] values, int bits, int count)
    {
        var digits = new uint[count][];
        for (int i = 0; i < count; i++)
        {
            digits[i] = Array.ConvertAll(
                values, v => (uint)(ulong)(v >> (i * bits) & uint.MaxValue >> (LimbTensor.LimbBits - bits)));
        }

        return digits;
    }
}
