using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Popcorn.Interop.Tests;

/// <summary>Batches as bytes and back, and what is refused.</summary>
public sealed class BatchFormatTests
{
    private const int HeaderBytes = 44;

    [Theory, ClassData(typeof(KernelData))]
    public void Batches_survive_as_bytes_for_every_kernel(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        using CiphertextBatch batch = encryptor.Encrypt([1L, -2L, long.MaxValue]);
        byte[] bytes = batch.ToBytes();
        foreach (string other in PaillierLibrary.Kernels)
        {
            using PaillierPrivateKey reader = PaillierPrivateKey.Import(key.Export(), TestKeys.Options(other));
            using CiphertextBatch read = CiphertextBatch.FromBytes(reader.PublicKey, bytes);
            Assert.Equal(batch.Ciphertexts(), read.Ciphertexts());
            Assert.Equal([1, -2, long.MaxValue], reader.Decrypt(read));
            Assert.Equal(bytes, read.ToBytes(Execution.Sequential));
        }
    }

    [Fact]
    public void The_format_is_the_documented_one()
    {
        PaillierPublicKey key = TestKeys.Real(PaillierLibrary.DefaultKernel).PublicKey;
        using var batch = new CiphertextBatch(key, 3);
        byte[] bytes = batch.ToBytes();
        Assert.Equal("PCB1"u8, bytes.AsSpan(0, 4));
        Assert.Equal(2048, BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4)));
        Assert.Equal(3, BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(8)));
        Assert.Equal(key.Fingerprint.Span, bytes.AsSpan(12, 32));
        Assert.Equal(batch.ExportAll(), bytes[HeaderBytes..^32]);
        Assert.Equal(SHA256.HashData(bytes.AsSpan(..^32)), bytes[^32..]);
    }

    [Theory, ClassData(typeof(KernelData))]
    public void What_is_cut_or_changed_anywhere_is_refused(string kernel)
    {
        PaillierPublicKey key = TestKeys.Small(kernel).PublicKey;
        using var batch = new CiphertextBatch(key, 2);
        byte[] good = batch.ToBytes();
        for (int i = 0; i < good.Length; i++)
        {
            AssertRefused(key, good[..i], PaillierError.Ciphertext);
            byte[] changed = [.. good];
            changed[i] ^= (byte)(1 << (i % 8));
            bool isKey = i is >= 4 and < 8 or >= 12 and < HeaderBytes;
            AssertRefused(key, changed, isKey ? PaillierError.Mismatch : PaillierError.Ciphertext);
        }

        AssertRefused(key, [.. good, 0], PaillierError.Ciphertext);
    }

    /// <summary>By somebody who writes a hash that fits.</summary>
    [Theory, ClassData(typeof(KernelData))]
    public void What_is_forged_is_refused(string kernel)
    {
        PaillierPublicKey key = TestKeys.Small(kernel).PublicKey;
        using var batch = new CiphertextBatch(key, 2);
        byte[] good = batch.ToBytes();
        foreach (int count in new[] { int.MaxValue, int.MinValue, -1, 0, 1, 3, 1 << 24 })
        {
            byte[] forged = [.. good];
            BinaryPrimitives.WriteInt32LittleEndian(forged.AsSpan(8), count);
            AssertRefused(key, Sealed(forged), PaillierError.Ciphertext);
        }

        byte[] empty = [.. good[..HeaderBytes], .. new byte[32]];
        BinaryPrimitives.WriteInt32LittleEndian(empty.AsSpan(8), 0);
        AssertRefused(key, Sealed(empty), PaillierError.Ciphertext);

        byte[] zero = [.. good];
        zero[HeaderBytes] = 0;
        AssertRefused(key, Sealed(zero), PaillierError.Ciphertext);
        byte[] wide = [.. good];
        wide.AsSpan(HeaderBytes, key.CiphertextBytes).Fill(0xFF);
        AssertRefused(key, Sealed(wide), PaillierError.Ciphertext);
    }

    [Fact]
    public void Batches_of_another_key_are_refused_by_its_fingerprint()
    {
        PaillierPublicKey key = TestKeys.Small(PaillierLibrary.DefaultKernel).PublicKey;
        using PaillierPrivateKey other = PaillierPrivateKey.Generate(
            key.Bits, TestKeys.Options(PaillierLibrary.DefaultKernel));
        using var batch = new CiphertextBatch(key, 2);
        PaillierException refused = AssertRefused(other.PublicKey, batch.ToBytes(), PaillierError.Mismatch);
        Assert.Contains(
            Convert.ToHexStringLower(key.Fingerprint.Span[..8]), refused.Message, StringComparison.Ordinal);
        AssertRefused(
            TestKeys.OfSize(PaillierLibrary.DefaultKernel, 512).PublicKey, batch.ToBytes(), PaillierError.Mismatch);
    }

    [Fact]
    public void Another_version_is_refused_as_such()
    {
        PaillierPublicKey key = TestKeys.Small(PaillierLibrary.DefaultKernel).PublicKey;
        using var batch = new CiphertextBatch(key, 2);
        byte[] bytes = batch.ToBytes();
        bytes[3] = (byte)'2';
        Assert.Contains(
            "version 1", AssertRefused(key, Sealed(bytes), PaillierError.Ciphertext).Message, StringComparison.Ordinal);
        AssertRefused(key, key.Export(), PaillierError.Ciphertext);
    }

    private static byte[] Sealed(byte[] data)
    {
        SHA256.HashData(data.AsSpan(..^32), data.AsSpan(data.Length - 32));
        return data;
    }

    private static PaillierException AssertRefused(PaillierPublicKey key, byte[] data, PaillierError error)
    {
        PaillierException exception = Assert.Throws<PaillierException>(() => CiphertextBatch.FromBytes(key, data));
        Assert.Equal(error, exception.Error);
        Assert.DoesNotContain('\n', exception.Message);
        return exception;
    }
}
