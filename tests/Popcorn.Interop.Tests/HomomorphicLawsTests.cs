using System.Numerics;
using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using Popcorn.Interop.Memory;

namespace Popcorn.Interop.Tests;

/// <summary>What every operation does to plaintexts, held against big integers modulo n.</summary>
public sealed class HomomorphicLawsTests
{
    [Theory, ClassData(typeof(KernelData))]
    public void Encryption_by_anybody_and_by_the_owner_decrypts_to_the_plaintext(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var anybody = new Encryptor(key.PublicKey);
        using var owner = new Encryptor(key);
        Properties.Check(Properties.Vectors(key.PublicKey.Bits), values =>
        {
            using CiphertextBatch a = anybody.Encrypt(values);
            using CiphertextBatch b = owner.Encrypt(values);
            Assert.Equal(values, key.Decrypt(a));
            Assert.Equal(values, key.Decrypt(b));
        });
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Products_of_ciphertexts_are_sums(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        Properties.Check(Properties.Vectors(key.PublicKey.Bits), values =>
        {
            using CiphertextBatch a = encryptor.Encrypt(values);
            using CiphertextBatch b = encryptor.Encrypt([.. values.Reverse()]);
            Evaluator.Add(a, b, a);
            Assert.Equal(values.Zip(values.Reverse(), (x, y) => oracle.Centre(x + y)), key.Decrypt(a));
        });
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Adding_plaintexts_adds(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        int wordsEach = key.PublicKey.PlaintextWords + 1;
        Properties.Check(Properties.Vectors(key.PublicKey.Bits), values =>
        {
            using CiphertextBatch batch = encryptor.Encrypt(values);
            byte[] bytes = new byte[values.Length * wordsEach * sizeof(ulong)];
            for (int i = 0; i < values.Length; i++)
            {
                LittleEndian.WriteSigned(
                    values[^(i + 1)], bytes.AsSpan(i * wordsEach * sizeof(ulong), wordsEach * sizeof(ulong)));
            }

            Evaluator.AddPlain(MemoryMarshal.Cast<byte, ulong>(bytes), wordsEach, batch, 0, values.Length);
            Assert.Equal(values.Zip(values.Reverse(), (x, y) => oracle.Centre(x + y)), key.Decrypt(batch));
        });
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Inverses_are_negations(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        Properties.Check(Properties.Vectors(key.PublicKey.Bits), values =>
        {
            using CiphertextBatch batch = encryptor.Encrypt(values);
            using var negated = new CiphertextBatch(key.PublicKey, values.Length);
            Evaluator.Negate(batch, negated);
            Assert.Equal(values.Select(BigInteger.Negate), key.Decrypt(negated));

            // In place, and back again.
            Evaluator.Negate(negated, negated);
            Assert.Equal(batch.Ciphertexts(), negated.Ciphertexts());
        });
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Combinations_are_weighted_sums(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        BigInteger[] values = [3, -5, 1 << 20, -1, 0, long.MaxValue, 7];
        using CiphertextBatch plain = encryptor.Encrypt(values);
        using var inverse = new CiphertextBatch(key.PublicKey, values.Length);
        Evaluator.Negate(plain, inverse);

        Gen<ulong> magnitude = Gen.OneOf(
            Gen.Choose(0, 300).Select(value => (ulong)value),
            Gen.Choose(int.MinValue, int.MaxValue).Select(value => (ulong)value * 0x9E3779B97F4A7C15),
            Gen.Elements(0UL, 1UL, ulong.MaxValue, 1UL << 63));
        Gen<Term> term =
            from size in magnitude
            from batch in Gen.Choose(0, 1)
            from index in Gen.Choose(0, values.Length - 1)
            from shift in Gen.OneOf(Gen.Constant(0), Gen.Choose(0, 200), Gen.Choose(0, 4096))
            select new Term(size, batch, index, shift);
        Gen<Term[][]> outputs = Gen.Choose(0, 5).SelectMany(count => term.ArrayOf(count)).ArrayOf(4);

        Properties.Check(outputs, rows =>
        {
            int[] first = Starts(rows.Select(row => row.Length));
            using var target = new CiphertextBatch(key.PublicKey, rows.Length);
            Evaluator.Combine([plain, inverse], rows.SelectMany(row => row).ToArray(), first, target);
            IEnumerable<BigInteger> expected = rows.Select(row => row.Aggregate(BigInteger.Zero, Accumulate));
            Assert.Equal(expected.Select(oracle.Centre), key.Decrypt(target));
        });

        BigInteger Accumulate(BigInteger sum, Term term) =>
            sum + ((term.Magnitude * (term.Batch == 0 ? values[term.Index] : -values[term.Index])) << term.Shift);
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Packing_puts_numbers_into_slots(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        const int Width = 64;
        int slots = (key.PublicKey.Bits - 1) / Width;
        BigInteger[] values = [.. Enumerable.Range(0, slots).Select(i => (BigInteger)1234567890123456789 * (i + 1))];
        using CiphertextBatch source = encryptor.Encrypt(values);
        using var packed = new CiphertextBatch(key.PublicKey, 1);
        Term[] terms = [.. Enumerable.Range(0, slots).Select(i => new Term(1, 0, i, i * Width))];
        Evaluator.Combine([source], terms, [0, slots], packed);

        ulong[] words = new ulong[key.PublicKey.PlaintextWords];
        new Decryptor(key).Decrypt(packed, 0, 1, words);
        BigInteger expected = values.Select((value, i) => value << (i * Width)).Aggregate(BigInteger.Add);
        Assert.Equal(expected, new BigInteger(MemoryMarshal.AsBytes<ulong>(words), isUnsigned: true));
    }

    private static int[] Starts(IEnumerable<int> lengths)
    {
        List<int> starts = [0];
        foreach (int length in lengths)
        {
            starts.Add(starts[^1] + length);
        }

        return [.. starts];
    }
}
