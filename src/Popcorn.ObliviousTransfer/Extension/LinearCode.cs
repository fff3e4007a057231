using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>
/// The sparse code of one iteration: each output is a sum of ten coordinates of the secret vector, at places that a
/// stream cipher gives under a key that both nonces are part of. The places are public and may be used as indices;
/// the code is random, never structured.
/// </summary>
internal sealed class LinearCode : IDisposable
{
    /// <summary>Coordinates in a sum.</summary>
    public const int Weight = 10;

    private const int FieldBits = 21; // three places in each half of a block
    private const int LogBlockBytes = 4;
    private const int Batch = 64;
    private const int Ahead = 16; // outputs, of ten lines each: the nearest cache holds them and more

    private readonly Aes128 _stream;
    private readonly Block[] _places = new Block[2 * (Ahead + Batch)];
    private readonly ulong _mask;

    /// <summary>Of an iteration.</summary>
    /// <param name="session">The session's identifier.</param>
    /// <param name="direction">0 or 1.</param>
    /// <param name="iteration">The iteration's number in its direction.</param>
    /// <param name="logSecret">log₂ of the secret vector's length, at most 21.</param>
    public LinearCode(ReadOnlySpan<byte> session, int direction, ulong iteration, int logSecret)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(logSecret, FieldBits);
        using var kdf = new Kdf(session, "code");
        kdf.Add((byte)direction);
        kdf.Add(iteration);
        kdf.Add((byte)logSecret);
        _stream = new Aes128(kdf.DeriveKey());
        _mask = (1ul << logSecret) - 1;
    }

    /// <summary>Adds to each output its sum.</summary>
    /// <param name="secret">The vector, as many blocks as it has coordinates.</param>
    /// <param name="first">Number of the first output.</param>
    /// <param name="outputs">Outputs.</param>
    public void AddTo(ReadOnlySpan<Block> secret, ulong first, Span<Block> outputs)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual((ulong)secret.Length, _mask + 1);
        if (_stream.Kernel is { } kernel)
        {
            kernel.AddCode(_stream.ExpandedKey, secret, first, outputs);
        }
        else
        {
            AddHere(secret, first, outputs);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddHere(ReadOnlySpan<Block> secret, ulong first, Span<Block> outputs)
    {
        ref Block at = ref MemoryMarshal.GetReference(secret);
        ulong mask = _mask << LogBlockBytes;

        // Reads of a vector that the nearer caches do not hold are begun before they are waited for: of its own a
        // processor has few of them under way. Where it has AVX-512 this was not measured. No property says it, because
        // in a method as large as this one calls are no longer inlined by every compiler.
        int ahead = Sse.IsSupported && !Vector512.IsHardwareAccelerated ? Ahead : 0;
        _stream.EncryptCounters(2 * first, _places.AsSpan(0, 2 * ahead));
        for (int begin = 0; begin < outputs.Length; begin += Batch)
        {
            Span<Block> batch = outputs.Slice(begin, Math.Min(Batch, outputs.Length - begin));
            _stream.EncryptCounters(
                2 * (first + (ulong)(begin + ahead)), _places.AsSpan(2 * ahead, 2 * batch.Length));
            ref ulong place = ref Unsafe.As<Block, ulong>(ref MemoryMarshal.GetArrayDataReference(_places));
            for (int j = 0; j < batch.Length; j++)
            {
                if (Sse.IsSupported && !Vector512.IsHardwareAccelerated)
                {
                    Prefetch(ref at, ref Unsafe.Add(ref place, 4 * Ahead), mask);
                }

                ulong a = place, b = Unsafe.Add(ref place, 1);
                ulong c = Unsafe.Add(ref place, 2), d = Unsafe.Add(ref place, 3);
                Block even = At(ref at, a, 0, mask) ^ At(ref at, a, 1, mask) ^ At(ref at, a, 2, mask)
                    ^ At(ref at, b, 0, mask) ^ At(ref at, b, 1, mask);
                Block odd = At(ref at, b, 2, mask) ^ At(ref at, c, 0, mask) ^ At(ref at, c, 1, mask)
                    ^ At(ref at, c, 2, mask) ^ At(ref at, d, 0, mask);
                batch[j] ^= even ^ odd;
                place = ref Unsafe.Add(ref place, 4);
            }

            _places.AsSpan(2 * batch.Length, 2 * ahead).CopyTo(_places);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(ref Block at, ref ulong place, ulong mask)
    {
        ulong a = place, b = Unsafe.Add(ref place, 1), c = Unsafe.Add(ref place, 2), d = Unsafe.Add(ref place, 3);
        Prefetch(ref At(ref at, a, 0, mask));
        Prefetch(ref At(ref at, a, 1, mask));
        Prefetch(ref At(ref at, a, 2, mask));
        Prefetch(ref At(ref at, b, 0, mask));
        Prefetch(ref At(ref at, b, 1, mask));
        Prefetch(ref At(ref at, b, 2, mask));
        Prefetch(ref At(ref at, c, 0, mask));
        Prefetch(ref At(ref at, c, 1, mask));
        Prefetch(ref At(ref at, c, 2, mask));
        Prefetch(ref At(ref at, d, 0, mask));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Prefetch(ref Block block) => Sse.Prefetch0(Unsafe.AsPointer(ref block));

    /// <summary>The coordinate at a place, one of three in a word; it becomes bytes as it is cut out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref Block At(ref Block vector, ulong word, int field, ulong mask)
    {
        ulong bytes = field == 0 ? word << LogBlockBytes : word >> ((field * FieldBits) - LogBlockBytes);
        return ref Unsafe.AddByteOffset(ref vector, (nint)(bytes & mask));
    }

    /// <summary>The places of one output's coordinates, plainly.</summary>
    /// <param name="output">Its number.</param>
    public int[] PlacesOf(ulong output)
    {
        Span<Block> stream = stackalloc Block[2];
        _stream.EncryptCounters(2 * output, stream);
        Span<ulong> halves = MemoryMarshal.Cast<Block, ulong>(stream);
        var places = new int[Weight];
        for (int i = 0; i < places.Length; i++)
        {
            places[i] = (int)(halves[i / 3] >> (i % 3 * FieldBits) & _mask);
        }

        return places;
    }

    /// <summary>Forgets the key, although it is no secret.</summary>
    public void Dispose() => _stream.Dispose();
}
