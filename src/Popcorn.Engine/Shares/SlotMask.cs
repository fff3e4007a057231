using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Popcorn.Interop;

namespace Popcorn.Engine.Shares;

/// <summary>
/// What the server adds to packed sums before they leave it: 2^(ω−1) in every slot, so that all are positive, and a
/// mask λ bits wider than what it covers. What it takes off its own shares for that is less by the slot of the mask.
/// </summary>
/// <param name="widths">The slots.</param>
/// <param name="slots">How many, all of which are masked.</param>
/// <param name="plaintextWords">Words of a plaintext.</param>
internal sealed class SlotMask(PackedWidths widths, int slots, int plaintextWords)
{
    private readonly ulong[] _offset = Offset(widths, slots, plaintextWords);

    /// <summary>Draws the masks of some ciphertexts.</summary>
    /// <param name="count">How many.</param>
    /// <returns>Their masks without offsets; the caller's to dispose.</returns>
    public SecretArray<ulong> Draw(int count)
    {
        var masks = new SecretArray<ulong>(checked(count * plaintextWords));
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(masks.Span));
        for (int i = 0; i < count; i++)
        {
            Trim(masks.Span.Slice(i * plaintextWords, plaintextWords));
        }

        return masks;
    }

    /// <summary>What the server's shares are without the layer's sums: less the masks and offsets.</summary>
    /// <param name="elements">For each slot the share that stands in it, or −1.</param>
    /// <param name="mask">One ciphertext's mask, without offsets.</param>
    /// <param name="shares">Those that stand there are filled, modulo 2^64.</param>
    public void TakeOff(ReadOnlySpan<int> elements, ReadOnlySpan<ulong> mask, Span<ulong> shares)
    {
        ulong offset = widths.Width > 64 ? 0 : 1ul << (widths.Width - 1);
        for (int slot = 0; slot < elements.Length; slot++)
        {
            if (elements[slot] >= 0)
            {
                ulong ofSlot = BitFields.Read(mask, (long)slot * widths.Pitch, widths.Value);
                shares[elements[slot]] = 0 - ofSlot - offset;
            }
        }
    }

    /// <summary>Adds the offsets to masks, which then are what is added to ciphertexts.</summary>
    public void AddOffsets(Span<ulong> masks)
    {
        for (int first = 0; first < masks.Length; first += plaintextWords)
        {
            ulong carry = 0;
            for (int i = 0; i < plaintextWords; i++)
            {
                UInt128 sum = (UInt128)masks[first + i] + _offset[i] + carry;
                masks[first + i] = (ulong)sum;
                carry = (ulong)(sum >> 64);
            }
        }
    }

    private static ulong[] Offset(PackedWidths widths, int slots, int plaintextWords)
    {
        var offset = new ulong[plaintextWords];
        for (int slot = 0; slot < slots; slot++)
        {
            BitFields.Write(offset, ((long)slot * widths.Pitch) + widths.Width - 1, 1, 1);
        }

        return offset;
    }

    /// <summary>Leaves of random bits those that a mask has.</summary>
    private void Trim(Span<ulong> words)
    {
        long end = ((long)slots * widths.Pitch) + (widths.IsExact ? 0 : widths.HidingBits);
        for (int i = 0; i < words.Length; i++)
        {
            long left = Math.Clamp(end - (i * 64L), 0, 64);
            words[i] &= left == 0 ? 0 : ulong.MaxValue >> (int)(64 - left);
        }

        // A mask of ω + λ bits a slot, and one bit above it that takes the carry.
        for (int slot = 0; widths.IsExact && slot < slots; slot++)
        {
            long top = ((long)(slot + 1) * widths.Pitch) - 1;
            words[(int)(top / 64)] &= ~(1ul << (int)(top % 64));
        }
    }
}
