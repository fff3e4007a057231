using System.Diagnostics;
using Popcorn.Interop;

namespace Popcorn.Engine.Planning;

/// <summary>Seconds that this machine takes for each operation on one ciphertext, on one thread.</summary>
/// <param name="Product">A product modulo n².</param>
/// <param name="Rerandomise">A re-randomisation by the public key.</param>
/// <param name="EncryptOwner">An encryption by the key's owner, randomness of half the key's bits.</param>
/// <param name="Decrypt">A decryption.</param>
/// <param name="Import">From standard form, with all checks.</param>
public sealed record KernelTimes(double Product, double Rerandomise, double EncryptOwner, double Decrypt, double Import)
{
    private const double SecondsPerOperation = 0.05;

    /// <summary>Measures with a fresh key; takes well under a second for 2048 bits.</summary>
    public static KernelTimes Measure(int keyBits, KeyOptions? options = null)
    {
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(keyBits, options);
        const int Count = 64;
        Execution one = Execution.Sequential;
        using var batch = new CiphertextBatch(key.PublicKey, Count);
        using var other = new CiphertextBatch(key.PublicKey, Count);
        var asServersDo = new EncryptorOptions { Profile = RandomnessProfile.Statistical, WindowBits = 5 };
        using var publicEncryptor = new Encryptor(key.PublicKey, asServersDo);
        using var ownerEncryptor = new Encryptor(key, new EncryptorOptions { WindowBits = 6 });
        var decryptor = new Decryptor(key);
        var words = new ulong[Count * key.PublicKey.PlaintextWords];
        var bytes = new byte[Count * key.PublicKey.CiphertextBytes];
        ownerEncryptor.EncryptZero(batch, 0, Count, one);
        ownerEncryptor.EncryptZero(other, 0, Count, one);
        batch.Export(0, Count, bytes, one);

        return new KernelTimes(
            Product: Time(n => Evaluator.Add(batch, 0, other, 0, other, 0, n, one)),
            Rerandomise: Time(n => publicEncryptor.Rerandomize(other, 0, n, one)),
            EncryptOwner: Time(n => ownerEncryptor.EncryptZero(other, 0, n, one)),
            Decrypt: Time(n => decryptor.Decrypt(
                other, 0, n, words.AsSpan(0, n * key.PublicKey.PlaintextWords), one)),
            Import: Time(n => batch.Import(bytes.AsSpan(0, n * key.PublicKey.CiphertextBytes), 0, n, one)));

        static double Time(Action<int> operation)
        {
            operation(1);
            long start = Stopwatch.GetTimestamp();
            int done = 0;
            do
            {
                operation(Count / 4);
                done += Count / 4;
            }
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < SecondsPerOperation);

            return Stopwatch.GetElapsedTime(start).TotalSeconds / done;
        }
    }
}
