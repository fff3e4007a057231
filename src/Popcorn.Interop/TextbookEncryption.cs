using System.Numerics;
using System.Runtime.InteropServices;
using Popcorn.Interop.Memory;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// Paillier's original encryption (1 + n·m)·rⁿ mod n² by GMP's modular power: one number at a time, in variable time.
/// The oracle that tests and benches hold <see cref="Encryptor"/> against.
/// </summary>
internal static class TextbookEncryption
{
    /// <summary>Encrypts one number: <c>target[offset] = (1 + n·m)·rⁿ</c>.</summary>
    /// <param name="m">Plaintext, |m| below n.</param>
    /// <param name="r">A unit modulo n.</param>
    /// <param name="target">Receives the ciphertext.</param>
    /// <param name="offset">Which one is written.</param>
    internal static void Encrypt(BigInteger m, BigInteger r, CiphertextBatch target, int offset)
    {
        PaillierPublicKey key = target.Key;
        byte[] plaintext = new byte[(key.PlaintextWords + 1) * sizeof(ulong)];
        LittleEndian.WriteSigned(m, plaintext);
        byte[] randomness = new byte[KeyFormat.BytesOf(key.Bits)];
        LittleEndian.WriteUnsigned(r, randomness);
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(plaintext);
        NativeStatus.Check(
            NativeMethods.EncryptTextbook(
                key.Handle, words, words.Length, randomness, randomness.Length, target.Handle, offset),
            "textbook encryption");
    }
}
