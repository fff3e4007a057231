using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>A way to compute a <see cref="RingLinear"/>.</summary>
internal interface IRingLayer
{
    /// <summary>See <see cref="RingLinear.Accumulates"/>.</summary>
    double Accumulates { get; }

    /// <summary>Computes the layer for one image.</summary>
    void Run(ReadOnlySpan<ulong> input, Span<ulong> output, int degreeOfParallelism);
}

/// <summary>What the ways to compute a <see cref="RingLinear"/> have in common: memory, constants, threads.</summary>
/// <typeparam name="T">What is computed in, and wraps: <see cref="int"/> or <see cref="long"/>.</typeparam>
internal abstract class RingLayer<T> : IRingLayer
    where T : unmanaged, INumber<T>
{
    /// <summary>Pieces for each thread, so that a slow one does not hold up the others.</summary>
    private const int PiecesPerThread = 4;

    private readonly ulong[] _constants;
    private readonly bool _isPadded;
    private readonly int _area;

    /// <param name="layer">The layer.</param>
    /// <param name="input">Shape of what it reads.</param>
    protected RingLayer(LinearLayer layer, Shape input)
    {
        _constants = Array.ConvertAll(layer.Constants(input), value => (ulong)(value & ulong.MaxValue));
        _isPadded = layer.Padding.Length > 0;
        _area = layer.Output.Area;
    }

    /// <inheritdoc/>
    public abstract double Accumulates { get; }

    /// <summary>Numbers that the input takes as it is laid out.</summary>
    protected abstract long NumbersLength { get; }

    /// <summary>Numbers that the sums take as they are laid out.</summary>
    protected abstract long SumsLength { get; }

    /// <summary>Parts of the work, none of which needs another.</summary>
    protected abstract int Parts { get; }

    /// <inheritdoc/>
    public void Run(ReadOnlySpan<ulong> input, Span<ulong> output, int degreeOfParallelism)
    {
        T[] numbers = ArrayPool<T>.Shared.Rent((int)NumbersLength), sums = ArrayPool<T>.Shared.Rent((int)SumsLength);
        try
        {
            Load(input, numbers);
            int pieces = degreeOfParallelism == 1 ? 1 : Math.Min(Parts, PiecesPerThread * degreeOfParallelism);
            if (pieces > 1)
            {
                RunPieces(numbers, sums, pieces, degreeOfParallelism);
            }
            else
            {
                Run(numbers, sums, 0, Parts);
            }

            Store(sums, output);
        }
        finally
        {
            ArrayPool<T>.Shared.Return(numbers);
            ArrayPool<T>.Shared.Return(sums);
        }
    }

    /// <summary>Lays the input out.</summary>
    protected abstract void Load(ReadOnlySpan<ulong> input, Span<T> numbers);

    /// <summary>Computes some parts of the sums.</summary>
    protected abstract void Run(ReadOnlySpan<T> numbers, Span<T> sums, int firstPart, int endPart);

    /// <summary>Stores all sums by <see cref="Store(ReadOnlySpan{T}, int, int, Span{ulong})"/>.</summary>
    protected abstract void Store(ReadOnlySpan<T> sums, Span<ulong> output);

    /// <summary>Throws where memory is longer than an array can be, as where windows see next to nothing.</summary>
    protected static void CheckLength(LinearLayer layer, long length)
    {
        if (length > Array.MaxLength)
        {
            throw new PopcornException($"Layer '{layer.Name}' is too large to be evaluated.");
        }
    }

    /// <summary>Stores neighbouring sums of a channel, or of channels of one position, with constants added.</summary>
    protected void Store(ReadOnlySpan<T> sums, int channel, int position, Span<ulong> output)
    {
        int first = channel * _area + position;
        VectorLanes.AddTo(
            sums,
            _isPadded || _area == 1 ? _constants.AsSpan(first, sums.Length) : _constants.AsSpan(channel, 1),
            output.Slice(first, sums.Length));
    }

    /// <summary>Numbers as those that are computed with.</summary>
    protected static void Convert(ReadOnlySpan<ulong> numbers, Span<T> result)
    {
        if (typeof(T) == typeof(long))
        {
            MemoryMarshal.Cast<ulong, T>(numbers).CopyTo(result);
        }
        else
        {
            VectorLanes.ToLimbs(
                MemoryMarshal.Cast<ulong, long>(numbers), MemoryMarshal.Cast<T, int>(result)[..numbers.Length]);
        }
    }

    private void RunPieces(T[] numbers, T[] sums, int pieces, int degreeOfParallelism) => Parallel.For(
        0,
        pieces,
        new ParallelOptions { MaxDegreeOfParallelism = degreeOfParallelism },
        piece => Run(
            numbers, sums, (int)((long)Parts * piece / pieces), (int)((long)Parts * (piece + 1) / pieces)));
}
