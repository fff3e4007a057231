using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Tests.Symmetric;

public class Aes128Tests
{
    public static TheoryData<bool> Kernels => [true, false];

    /// <summary>FIPS 197, appendices B and C.1.</summary>
    [Theory]
    [MemberData(nameof(Kernels))]
    public void Known_answers(bool instructions)
    {
        using var aes = new Aes128(1, instructions);
        aes.SetKey(Blocks.Parse("2b7e151628aed2a6abf7158809cf4f3c"));
        Assert.Equal(
            "3925841d02dc09fbdc118597196a0b32",
            Blocks.Hex(aes.Encrypt(Blocks.Parse("3243f6a8885a308d313198a2e0370734"))));
        aes.SetKey(Blocks.Counting(0));
        Assert.Equal(
            "69c4e0d86a7b0430d8cdb78070b4c55a",
            Blocks.Hex(aes.Encrypt(Blocks.Parse("00112233445566778899aabbccddeeff"))));
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Any_number_of_blocks_under_any_of_several_keys_is_what_the_platform_says(bool instructions)
    {
        Block[] keys = Blocks.Random(1, 5);
        using var aes = new Aes128(keys.Length, instructions);
        for (int i = 0; i < keys.Length; i++)
        {
            aes.SetKey(keys[i], i);
        }

        for (int count = 0; count < 150; count++)
        {
            int key = count % keys.Length;
            Block[] blocks = Blocks.Random(count, count);
            byte[] expected = Platform(keys[key], Blocks.Bytes(blocks));
            aes.Encrypt(blocks, key);
            Assert.Equal(expected, Blocks.Bytes(blocks));
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_key_that_is_replaced_is_not_used_any_more(bool instructions)
    {
        using var aes = new Aes128(1, instructions);
        Block[] keys = Blocks.Random(2, 2);
        foreach (Block key in keys)
        {
            aes.SetKey(key);
            Assert.Equal(
                Platform(key, Blocks.Bytes([default])), Blocks.Bytes([aes.Encrypt(default(Block))]));
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Counters_count_in_the_low_half_from_where_they_are_told(bool instructions)
    {
        Block key = Blocks.Random(3, 1)[0];
        using var aes = new Aes128(1, instructions);
        aes.SetKey(key);
        Block[] expected = [.. Enumerable.Range(0, 20).Select(i => Vector128.CreateScalar(0xffff_fffful + (ulong)i))];
        var stream = new Block[expected.Length];
        aes.EncryptCounters(0xffff_ffff, stream);
        Assert.Equal(Platform(key, Blocks.Bytes(expected)), Blocks.Bytes(stream));

        Block kept = Vector128.Create(0xfful, 0);
        var some = new Block[expected.Length];
        aes.EncryptCounters(0xffff_ffff, some, 0, kept);
        Assert.Equal(stream.Select(block => block & kept), some);
    }

    private static byte[] Platform(Block key, byte[] plain)
    {
        using Aes aes = Aes.Create();
        aes.Key = Blocks.Bytes([key]);
        return aes.EncryptEcb(plain, PaddingMode.None);
    }
}
