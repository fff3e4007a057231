using System.Numerics;
using Popcorn.Interop.Memory;

namespace Popcorn.Interop.Tests;

/// <summary>Batches to and from big integers.</summary>
internal static class BatchExtensions
{
    internal static BigInteger[] Decrypt(this PaillierPrivateKey key, CiphertextBatch batch) =>
        new Decryptor(key).DecryptSigned(batch);

    internal static byte[] ExportAll(this CiphertextBatch batch)
    {
        byte[] bytes = new byte[batch.Count * batch.Key.CiphertextBytes];
        batch.Export(bytes);
        return bytes;
    }

    internal static BigInteger[] Ciphertexts(this CiphertextBatch batch) =>
        [.. batch.ExportAll().Chunk(batch.Key.CiphertextBytes).Select(b => new BigInteger(b, isUnsigned: true))];

    internal static CiphertextBatch ImportAll(PaillierPublicKey key, params ReadOnlySpan<BigInteger> ciphertexts)
    {
        byte[] bytes = new byte[ciphertexts.Length * key.CiphertextBytes];
        for (int i = 0; i < ciphertexts.Length; i++)
        {
            LittleEndian.WriteUnsigned(ciphertexts[i], bytes.AsSpan(i * key.CiphertextBytes, key.CiphertextBytes));
        }

        var batch = new CiphertextBatch(key, ciphertexts.Length);
        batch.Import(bytes);
        return batch;
    }
}
