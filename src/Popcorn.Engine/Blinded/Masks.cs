using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// Additive masks for values |x| ≤ B = 2^b − 1. The client sees z = x + R with R = B + r, r uniform below
/// 2^(b+1+<see cref="HidingBits"/>): never negative, and within 2^−40 of independent of x.
/// </summary>
internal sealed class Masks : IDisposable
{
    /// <summary>Bits by which a mask is longer than what it hides: statistical distance 2^−40.</summary>
    public const int HidingBits = 40;

    private readonly SecretArray<ulong> _words;

    private Masks(SecretArray<ulong> words, int wordsEach)
    {
        _words = words;
        WordsEach = wordsEach;
    }

    /// <summary>Words of each R.</summary>
    public int WordsEach { get; }

    /// <summary>R of an item.</summary>
    public ReadOnlySpan<ulong> this[int item] => _words.Span.Slice(item * WordsEach, WordsEach);

    /// <summary>Random bits of a mask for values |x| &lt; 2^b.</summary>
    public static int RandomBits(int boundBits) => boundBits + 1 + HidingBits;

    /// <summary>Bits of a masked value: x + B + r is below 2^(b+42).</summary>
    public static int MaskedBits(int boundBits) => RandomBits(boundBits) + 1;

    /// <summary>Wipes the masks.</summary>
    public void Dispose() => _words.Dispose();

    /// <summary>Draws fresh masks.</summary>
    public static Masks Draw(SecretRandom random, int count, int boundBits)
    {
        int bits = RandomBits(boundBits);
        var masks = new Masks(new SecretArray<ulong>(checked(count * Words.For(bits + 1))), Words.For(bits + 1));
        for (int i = 0; i < count; i++)
        {
            Span<ulong> mask = masks._words.Span.Slice(i * masks.WordsEach, masks.WordsEach);
            random.Bits(mask, bits);
            Words.AddShifted(mask, [1], boundBits);
            Words.Subtract(mask, [1]);
        }

        return masks;
    }
}
