using System.Numerics;
using Popcorn.Engine.Shares;
using Popcorn.Engine.Tests.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>What stands in slots, against integers of any size.</summary>
public class SlotTests
{
    [Fact]
    public void Fields_of_bits_come_back() => Seeds.Check(seed =>
    {
        var random = new Random(seed);
        int bits = random.Next(1, 65), count = random.Next(1, 40);
        ulong[] values = [.. Enumerable.Range(0, count).Select(_ => Extreme(random))];
        byte[] bytes = BitFields.ToBytes(values, bits);
        Assert.Equal(((count * bits) + 7) / 8, bytes.Length);
        BigInteger expected = BigInteger.Zero;
        for (int i = 0; i < count; i++)
        {
            expected += (BigInteger)Words.Lowest(values[i], bits) << (i * bits);
        }

        Assert.Equal(expected, new BigInteger(bytes, isUnsigned: true));
        var back = new ulong[count];
        BitFields.FromBytes(bytes, bits, back);
        Assert.Equal(values.Select(value => Words.Lowest(value, bits)), back);
    });

    [Fact]
    public void Packed_shares_are_a_sum_of_powers() => Seeds.Check(seed =>
    {
        var random = new Random(seed);
        PackedWidths widths = RandomWidths(random, out int guard);
        int slots = random.Next(1, 30), ring = widths.Value - guard;
        ulong[] shares = [.. Enumerable.Range(0, slots + 3).Select(_ => Extreme(random))];
        int[] elements = [.. Enumerable.Range(0, slots).Select(_ => random.Next(-1, shares.Length))];
        var words = new ulong[BitFields.WordsFor((long)slots * widths.Pitch) + random.Next(0, 3)];
        words.AsSpan().Fill(ulong.MaxValue);
        SlotCoding.Write(widths, guard, elements, shares, words);
        BigInteger expected = BigInteger.Zero;
        for (int slot = 0; slot < slots; slot++)
        {
            BigInteger share = elements[slot] < 0 ? 0 : Words.Centred(shares[elements[slot]], ring);
            expected += share << (guard + (slot * widths.Pitch));
        }

        // A slot is wider than what stands in it, so the sign has room.
        Assert.Equal(expected, Words.Signed(words));
    });

    [Fact]
    public void Slots_are_read_where_they_stand() => Seeds.Check(seed =>
    {
        var random = new Random(seed);
        PackedWidths widths = RandomWidths(random, out _);
        int slots = random.Next(1, 30);
        ulong[] words = [.. Enumerable.Range(0, BitFields.WordsFor((long)slots * widths.Pitch))
            .Select(_ => (ulong)random.NextInt64(long.MinValue, long.MaxValue))];
        BigInteger number = Words.Unsigned(words);
        int[] elements = [.. Enumerable.Range(0, slots).Select(slot => slot % 3 == 1 ? -1 : slot)];
        var shares = new ulong[slots];
        shares.AsSpan().Fill(7);
        SlotCoding.Read(widths, elements, words, shares);
        for (int slot = 0; slot < slots; slot++)
        {
            ulong expected = elements[slot] < 0 ? 7 : Words.Lowest(number >> (slot * widths.Pitch), widths.Value);
            Assert.Equal(expected, shares[slot]);
        }
    });

    /// <summary>Sums at both ends of their slots come back exactly, or too large by one where slots carry.</summary>
    [Fact]
    public void What_is_masked_comes_back_in_two_shares() => Seeds.Check(seed =>
    {
        var random = new Random(seed);
        PackedWidths widths = RandomWidths(random, out _);
        int slots = random.Next(1, 12);
        BigInteger half = BigInteger.One << (widths.Width - 1);
        BigInteger[] sums = [.. Enumerable.Range(0, slots).Select(_ => random.Next(3) switch
        {
            0 => 1 - half,
            1 => half - 1,
            _ => new BigInteger((long)Extreme(random)) % half,
        })];
        long bits = ((long)slots * widths.Pitch) + (widths.IsExact ? 0 : widths.HidingBits);
        int words = BitFields.WordsFor(bits + 1);
        var mask = new SlotMask(widths, slots, words);
        using SecretArray<ulong> drawn = mask.Draw(2);
        Assert.NotEqual(drawn.Span[..words].ToArray(), drawn.Span[words..].ToArray());
        Span<ulong> own = drawn.Span[words..];
        int[] all = [.. Enumerable.Range(0, slots)];
        var server = new ulong[slots];
        mask.TakeOff(all, own, server);
        Assert.True(Words.Unsigned(own) < BigInteger.One << (int)bits, "A mask is too wide.");
        mask.AddOffsets(drawn.Span);
        BigInteger masked = Words.Unsigned(own);
        for (int slot = 0; slot < slots; slot++)
        {
            masked += sums[slot] << (slot * widths.Pitch);
        }

        Assert.True(masked.Sign >= 0, "An offset does not make a slot positive.");
        var client = new ulong[slots];
        SlotCoding.Read(widths, all, Words.Of(masked, words + 1), client);
        for (int slot = 0; slot < slots; slot++)
        {
            ulong e = Words.Lowest((BigInteger)client[slot] + server[slot] - sums[slot], widths.Value);
            Assert.InRange(e, 0u, widths.IsExact || slot == 0 ? 0u : 1u);
        }
    });

    [Fact]
    public void A_mask_covers_every_bit_of_its_slots()
    {
        foreach (bool isExact in (bool[])[false, true])
        {
            var widths = new PackedWidths(20, 27, 56, isExact);
            const int Slots = 7;
            int end = (Slots * widths.Pitch) + (isExact ? 0 : 56), words = BitFields.WordsFor(end + 64);
            using SecretArray<ulong> masks = new SlotMask(widths, Slots, words).Draw(200);
            BigInteger any = 0, all = -1;
            for (int i = 0; i < 200; i++)
            {
                BigInteger mask = Words.Unsigned(masks.Span.Slice(i * words, words));
                any |= mask;
                all &= mask;
            }

            BigInteger expected = (BigInteger.One << end) - 1;
            for (int slot = 1; isExact && slot <= Slots; slot++)
            {
                expected -= BigInteger.One << ((slot * widths.Pitch) - 1); // takes the carry
            }

            Assert.Equal(expected, any);
            Assert.True(all.IsZero, "A bit of all masks is 1.");
        }
    }

    /// <summary>Widths on both sides of a word.</summary>
    internal static PackedWidths RandomWidths(Random random, out int guard)
    {
        bool isExact = random.Next(2) == 0;
        guard = isExact ? 0 : random.Next(0, 6);
        int value = guard + random.Next(1, 63 - guard);
        return new PackedWidths(value, value + 1 + random.Next(0, random.Next(2) == 0 ? 4 : 40), 56, isExact);
    }

    private static ulong Extreme(Random random) => random.Next(5) switch
    {
        0 => 0,
        1 => ulong.MaxValue,
        2 => 1ul << random.Next(64),
        3 => (1ul << random.Next(64)) - 1,
        _ => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
    };
}
