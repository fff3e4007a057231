using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// A linear layer of few output positions modulo a power of two, such as a fully connected one: for each position a
/// matrix times what its window sees, many outputs side by side. Zero weights cost what others do.
/// </summary>
/// <typeparam name="T"><see cref="int"/> or <see cref="long"/>.</typeparam>
internal sealed class RingProduct<T> : RingLayer<T>
    where T : unmanaged, INumber<T>
{
    /// <summary>Outputs side by side.</summary>
    private const int Chunk = 64;

    private readonly LinearLayer _layer;
    private readonly Shape _input;
    private readonly int _rows;
    private readonly int _outputs;
    private readonly int _chunks;

    /// <summary>Group by group, chunk by chunk: by row the weights of the chunk's outputs, as narrow as they fit;
    /// those of the last chunk filled up by zeros.</summary>
    private readonly sbyte[] _bytes = [];
    private readonly short[] _shorts = [];
    private readonly int[] _ints = [];

    public RingProduct(LinearLayer layer, Shape input)
        : base(layer, input)
    {
        _layer = layer with { Weights = [] };
        _input = input;
        _rows = layer.WeightsPerOutput;
        _outputs = layer.Output.Channels / layer.Groups;
        _chunks = (_outputs + Chunk - 1) / Chunk;
        NumbersLength = (long)layer.Output.Area * layer.Groups * _rows;
        SumsLength = (long)layer.Output.Area * layer.Groups * _chunks * Chunk;
        long weights = (long)layer.Groups * _chunks * Chunk * _rows;
        CheckLength(layer, Math.Max(weights, Math.Max(NumbersLength, SumsLength)));
        switch (layer.WeightBits)
        {
            case <= 8:
                _bytes = Transposed<sbyte>(layer);
                break;
            case <= 16:
                _shorts = Transposed<short>(layer);
                break;
            default:
                _ints = Transposed<int>(layer);
                break;
        }
    }

    /// <inheritdoc/>
    public override double Accumulates => (double)SumsLength * _rows / 2;

    /// <inheritdoc/>
    protected override long NumbersLength { get; }

    /// <inheritdoc/>
    protected override long SumsLength { get; }

    /// <inheritdoc/>
    protected override int Parts => _layer.Groups * _chunks;

    /// <summary>
    /// Whether a layer is better computed so than by <see cref="RingConvolution{T}"/>, in which a weight that is not
    /// zero takes at least one vector however few positions there are, and about twice as long as one of this does.
    /// </summary>
    public static bool Suits(LinearLayer layer) =>
        layer.Output.Channels / layer.Groups >= Chunk / 4
        && (long)layer.Weights.Length * layer.Output.Area <= 2L * layer.NonZero * Vector512<T>.Count;

    /// <inheritdoc/>
    protected override void Load(ReadOnlySpan<ulong> input, Span<T> numbers)
    {
        Window window = _layer.Window;
        if (window == Window.Whole(_input.Height, _input.Width))
        {
            Convert(input, numbers);
            return;
        }

        int row = 0;
        for (int position = 0; position < _layer.Output.Area; position++)
        {
            for (int channel = 0; channel < input.Length; channel += _input.Area)
            {
                for (int tap = 0; tap < window.Taps; tap++)
                {
                    int seen = window.Position(position, tap, _input);
                    numbers[row++] = seen >= 0 ? T.CreateTruncating(input[channel + seen]) : T.Zero;
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void Run(ReadOnlySpan<T> numbers, Span<T> sums, int firstPart, int endPart)
    {
        for (int part = firstPart; part < endPart; part++)
        {
            for (int position = 0; position < _layer.Output.Area; position++)
            {
                ReadOnlySpan<T> seen = numbers.Slice((position * _layer.Groups + part / _chunks) * _rows, _rows);
                Span<T> results = sums.Slice((position * Parts + part) * Chunk, Chunk);
                int first = part * Chunk * _rows, count = Chunk * _rows;
                if (_bytes.Length > 0)
                {
                    Multiply(_bytes.AsSpan(first, count), seen, results);
                }
                else if (_shorts.Length > 0)
                {
                    Multiply(_shorts.AsSpan(first, count), seen, results);
                }
                else
                {
                    Multiply(_ints.AsSpan(first, count), seen, results);
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void Store(ReadOnlySpan<T> sums, Span<ulong> output)
    {
        for (int position = 0; position < _layer.Output.Area; position++)
        {
            for (int group = 0; group < _layer.Groups; group++)
            {
                ReadOnlySpan<T> results = sums.Slice((position * Parts + group * _chunks) * Chunk, _outputs);
                if (_layer.Output.Area == 1)
                {
                    Store(results, group * _outputs, 0, output);
                    continue;
                }

                for (int i = 0; i < _outputs; i++)
                {
                    Store(results.Slice(i, 1), group * _outputs + i, position, output);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply<TWeight>(ReadOnlySpan<TWeight> weights, ReadOnlySpan<T> numbers, Span<T> results)
        where TWeight : unmanaged
    {
        ref TWeight row = ref MemoryMarshal.GetReference(weights);
        if (typeof(T) == typeof(int))
        {
            Vector512<int> s0 = default, s1 = default, s2 = default, s3 = default;
            for (int i = 0; i < numbers.Length; i++, row = ref Unsafe.Add(ref row, Chunk))
            {
                (Vector512<int> w0, Vector512<int> w1, Vector512<int> w2, Vector512<int> w3) = Widen(ref row);
                Vector512<int> number = Vector512.Create(numbers[i]).AsInt32();
                s0 += w0 * number;
                s1 += w1 * number;
                s2 += w2 * number;
                s3 += w3 * number;
            }

            Span<int> sums = MemoryMarshal.Cast<T, int>(results);
            s0.CopyTo(sums);
            s1.CopyTo(sums[(Chunk / 4)..]);
            s2.CopyTo(sums[(Chunk / 2)..]);
            s3.CopyTo(sums[(Chunk / 4 * 3)..]);
        }
        else
        {
            Vector512<long> s0 = default, s1 = default, s2 = default, s3 = default;
            Vector512<long> s4 = default, s5 = default, s6 = default, s7 = default;
            for (int i = 0; i < numbers.Length; i++, row = ref Unsafe.Add(ref row, Chunk))
            {
                (Vector512<int> w0, Vector512<int> w1, Vector512<int> w2, Vector512<int> w3) = Widen(ref row);
                Vector512<long> number = Vector512.Create(numbers[i]).AsInt64();
                s0 += Vector512.WidenLower(w0) * number;
                s1 += Vector512.WidenUpper(w0) * number;
                s2 += Vector512.WidenLower(w1) * number;
                s3 += Vector512.WidenUpper(w1) * number;
                s4 += Vector512.WidenLower(w2) * number;
                s5 += Vector512.WidenUpper(w2) * number;
                s6 += Vector512.WidenLower(w3) * number;
                s7 += Vector512.WidenUpper(w3) * number;
            }

            Span<long> sums = MemoryMarshal.Cast<T, long>(results);
            s0.CopyTo(sums);
            s1.CopyTo(sums[(Chunk / 8)..]);
            s2.CopyTo(sums[(Chunk / 4)..]);
            s3.CopyTo(sums[(Chunk / 8 * 3)..]);
            s4.CopyTo(sums[(Chunk / 2)..]);
            s5.CopyTo(sums[(Chunk / 8 * 5)..]);
            s6.CopyTo(sums[(Chunk / 4 * 3)..]);
            s7.CopyTo(sums[(Chunk / 8 * 7)..]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<int>, Vector512<int>, Vector512<int>, Vector512<int>) Widen<TWeight>(ref TWeight row)
        where TWeight : unmanaged
    {
        if (typeof(TWeight) == typeof(int))
        {
            return (
                Vector512.LoadUnsafe(ref row).AsInt32(),
                Vector512.LoadUnsafe(ref row, Chunk / 4).AsInt32(),
                Vector512.LoadUnsafe(ref row, Chunk / 2).AsInt32(),
                Vector512.LoadUnsafe(ref row, Chunk / 4 * 3).AsInt32());
        }

        (Vector512<short> lower, Vector512<short> upper) = typeof(TWeight) == typeof(short)
            ? (Vector512.LoadUnsafe(ref row).AsInt16(), Vector512.LoadUnsafe(ref row, Chunk / 2).AsInt16())
            : Vector512.Widen(Vector512.LoadUnsafe(ref row).AsSByte());
        return (
            Vector512.WidenLower(lower),
            Vector512.WidenUpper(lower),
            Vector512.WidenLower(upper),
            Vector512.WidenUpper(upper));
    }

    private TWeight[] Transposed<TWeight>(LinearLayer layer)
        where TWeight : INumber<TWeight>
    {
        var result = new TWeight[layer.Groups * _chunks * Chunk * _rows];
        for (int output = 0; output < layer.Output.Channels; output++)
        {
            (int group, int within) = Math.DivRem(output, _outputs);
            (int chunk, int lane) = Math.DivRem(within, Chunk);
            for (int row = 0; row < _rows; row++)
            {
                result[((group * _chunks + chunk) * _rows + row) * Chunk + lane] =
                    TWeight.CreateTruncating(layer.Weights[output * _rows + row]);
            }
        }

        return result;
    }
}
