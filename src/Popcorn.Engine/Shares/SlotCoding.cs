namespace Popcorn.Engine.Shares;

/// <summary>
/// What stands in the slots of a plaintext. Time and addresses depend on which values share it, never on the values.
/// </summary>
internal static class SlotCoding
{
    private const int WordBits = 64;

    /// <summary>Writes Σ 2^g·r_i·2^(pitch·i), each share r_i taken in [−2^(k−1), 2^(k−1)).</summary>
    /// <param name="widths">The slots.</param>
    /// <param name="guard">g.</param>
    /// <param name="elements">For each slot the share that stands in it, or −1.</param>
    /// <param name="shares">The shares, of which the lowest k bits count.</param>
    /// <param name="words">Filled: two's complement.</param>
    public static void Write(
        PackedWidths widths, int guard, ReadOnlySpan<int> elements, ReadOnlySpan<ulong> shares, Span<ulong> words)
    {
        int ring = widths.Value - guard, pitch = widths.Pitch;
        words.Clear();
        long borrow = 0; // −1 where the slots below are negative together
        long first = 0;
        foreach (int element in elements)
        {
            long share = element < 0 ? 0 : (long)(shares[element] << (WordBits - ring)) >> (WordBits - ring);
            long value = (share << guard) + borrow;
            borrow = value >> (WordBits - 1);
            WriteSigned(words, first, pitch, value, borrow);
            first += pitch;
        }

        // The sign, to the end.
        for (int left = (words.Length * WordBits) - (int)first; left > 0; left -= WordBits)
        {
            int bits = Math.Min(left, WordBits);
            BitFields.Write(words, first, bits, (ulong)borrow);
            first += bits;
        }
    }

    /// <summary>Reads the shares out of the slots.</summary>
    /// <param name="widths">The slots.</param>
    /// <param name="elements">For each slot the share that stands in it, or −1.</param>
    /// <param name="words">The plaintext.</param>
    /// <param name="shares">Those that stand there are filled: k + g bits each.</param>
    public static void Read(
        PackedWidths widths, ReadOnlySpan<int> elements, ReadOnlySpan<ulong> words, Span<ulong> shares)
    {
        for (int slot = 0; slot < elements.Length; slot++)
        {
            if (elements[slot] >= 0)
            {
                shares[elements[slot]] = BitFields.Read(words, (long)slot * widths.Pitch, widths.Value);
            }
        }
    }

    private static void WriteSigned(Span<ulong> words, long first, int bits, long value, long sign)
    {
        BitFields.Write(words, first, Math.Min(bits, WordBits), (ulong)value);
        for (int done = WordBits; done < bits; done += WordBits)
        {
            BitFields.Write(words, first + done, Math.Min(bits - done, WordBits), (ulong)sign);
        }
    }
}
