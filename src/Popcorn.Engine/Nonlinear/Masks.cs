using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Nonlinear;

/// <summary>
/// Additive masks for values |x| ≤ B = 2^b − 1. The client sees z = x + R with R = B + r, r uniform below
/// 2^(b+1+<see cref="Plan.MaskBits"/>): never negative, and within 2^−40 of independent of x.
/// </summary>
internal sealed class Masks : IDisposable
{
    private readonly ulong[] _words;

    private Masks(ulong[] words, int wordsEach)
    {
        _words = words;
        WordsEach = wordsEach;
    }

    /// <summary>Words of each R.</summary>
    public int WordsEach { get; }

    /// <summary>R of an item.</summary>
    public ReadOnlySpan<ulong> this[int item] => _words.AsSpan(item * WordsEach, WordsEach);

    /// <summary>Wipes the masks.</summary>
    public void Dispose() => Array.Clear(_words);

    /// <summary>Draws fresh masks.</summary>
    public static Masks Draw(SecretRandom random, int count, int boundBits)
    {
        int bits = Plan.MaskRandomBits(boundBits);
        var masks = new Masks(new ulong[count * Words.For(bits + 1)], Words.For(bits + 1));
        for (int i = 0; i < count; i++)
        {
            Span<ulong> mask = masks._words.AsSpan(i * masks.WordsEach, masks.WordsEach);
            random.Bits(mask, bits);
            Words.AddShifted(mask, [1], boundBits);
            Words.Subtract(mask, [1]);
        }

        return masks;
    }
}
