using System.Numerics;

namespace Popcorn.Interop.Tests;

/// <summary>Sizes, offsets, ranges and the standard form of ciphertexts.</summary>
public sealed class BatchTests
{
    public static TheoryData<string, int, int, int> Ranges()
    {
        var ranges = new TheoryData<string, int, int, int>();
        foreach (string kernel in PaillierLibrary.Kernels)
        {
            foreach ((int offset, int count) in new[] { (0, 1), (3, 7), (1, 8), (5, 17), (2, 131), (9, 300) })
            {
                foreach (int threads in new[] { 1, 3 })
                {
                    ranges.Add(kernel, offset, count, threads);
                }
            }
        }

        return ranges;
    }

    [Theory, MemberData(nameof(Ranges))]
    public void Every_operation_writes_its_range_and_nothing_else(string kernel, int offset, int count, int threads)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        var decryptor = new Decryptor(key);
        var execution = new Execution(threads);
        long[] values = [.. Enumerable.Range(0, count).Select(i => (i * 7919L) - 1000)];
        int size = offset + count + 4;
        using var source = new CiphertextBatch(key.PublicKey, size);
        using var target = new CiphertextBatch(key.PublicKey, size);

        encryptor.Encrypt(values, source, offset, execution);
        AssertHolds(source, value => value);

        CiphertextRange operand = source.Range(offset, count);
        CiphertextRange result = target.Range(offset, count);
        Evaluator.Add(operand, operand, result, execution);
        AssertHolds(target, value => 2 * value);

        Evaluator.AddPlain(values, target, offset, execution);
        AssertHolds(target, value => 3 * value);

        Evaluator.Negate(result, result, execution);
        AssertHolds(target, value => -3 * value);

        encryptor.Rerandomize(target, offset, count, execution);
        AssertHolds(target, value => -3 * value);

        byte[] bytes = new byte[count * key.PublicKey.CiphertextBytes];
        source.Export(offset, count, bytes, execution);
        using var imported = new CiphertextBatch(key.PublicKey, size);
        imported.Import(bytes, offset, count, execution);
        AssertHolds(imported, value => value);

        encryptor.EncryptZero(imported, offset, count, execution);
        AssertHolds(imported, _ => 0);

        imported.Gather(source, [.. Enumerable.Range(offset, count).Reverse()], offset);
        Assert.Equal(values.Reverse().Select(value => (BigInteger)value), All(imported)[offset..(offset + count)]);

        Term[] terms = [.. Enumerable.Range(offset, count).Select(i => new Term(5, 0, i, 1))];
        Evaluator.Combine([source], terms, [.. Enumerable.Range(0, count + 1)], target, offset, execution);
        AssertHolds(target, value => 10 * value);

        void AssertHolds(CiphertextBatch batch, Func<long, long> expected)
        {
            BigInteger[] plaintexts = All(batch);
            Assert.All(plaintexts[..offset].Concat(plaintexts[(offset + count)..]), value => Assert.Equal(0, value));
            Assert.Equal(values.Select(value => (BigInteger)expected(value)), plaintexts[offset..(offset + count)]);
        }

        BigInteger[] All(CiphertextBatch batch) => decryptor.DecryptSigned(batch, execution);
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Whole_batches_need_no_range(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        using var rerandomizer = new Rerandomizer(key.PublicKey);
        using CiphertextBatch batch = encryptor.Encrypt([3L, -4L, 5L]);
        BigInteger[] fresh = batch.Ciphertexts();
        encryptor.Rerandomize(batch);
        BigInteger[] again = batch.Ciphertexts();
        rerandomizer.Rerandomize(batch);
        BigInteger[] third = batch.Ciphertexts();
        Assert.Equal(9, fresh.Concat(again).Concat(third).Distinct().Count());

        byte[] bytes = new byte[3 * key.PublicKey.CiphertextBytes];
        batch.Export(bytes);
        using var copy = new CiphertextBatch(key.PublicKey, 3);
        copy.Import(bytes);
        Assert.Equal(third, copy.Ciphertexts());
        ulong[] words = new ulong[3 * key.PublicKey.PlaintextWords];
        new Decryptor(key).Decrypt(copy, words);
        Assert.Equal((3UL, 5UL), (words[0], words[2 * key.PublicKey.PlaintextWords]));
        Assert.Equal([3, -4, 5], key.Decrypt(copy));
        encryptor.EncryptZero(copy);
        Assert.Equal([0, 0, 0], key.Decrypt(copy));
        Assert.DoesNotContain(1, copy.Ciphertexts());

        Assert.Throws<ArgumentException>(() => batch.Export(bytes.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => batch.Import(bytes.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => new Decryptor(key).Decrypt(copy, words.AsSpan(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => encryptor.Encrypt(ReadOnlySpan<long>.Empty));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void New_batches_hold_the_number_one(string kernel)
    {
        using var batch = new CiphertextBatch(TestKeys.Small(kernel).PublicKey, 3);
        Assert.Equal([1, 1, 1], batch.Ciphertexts());
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Import_refuses_what_is_no_ciphertext_and_leaves_the_batch_alone(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        byte[] exported = key.Export();
        BigInteger p = new(exported.AsSpan(8, KeyFormat.PrimeBytesOf(key.PublicKey.Bits)), isUnsigned: true);
        BigInteger largest = (BigInteger.One << (8 * key.PublicKey.CiphertextBytes)) - 1;
        foreach (BigInteger refused in new[] { 0, oracle.Square, oracle.Square + 1, largest, oracle.N, p, p * 12345 })
        {
            using var batch = new CiphertextBatch(key.PublicKey, 3);
            byte[] bytes = new byte[3 * key.PublicKey.CiphertextBytes];
            bytes[0] = 5;
            refused.TryWriteBytes(bytes.AsSpan(key.PublicKey.CiphertextBytes), out _, isUnsigned: true);
            bytes[2 * key.PublicKey.CiphertextBytes] = 7;
            PaillierException exception = Assert.Throws<PaillierException>(() => batch.Import(bytes, 0, 3));
            Assert.Equal(PaillierError.Ciphertext, exception.Error);
            Assert.DoesNotContain('\n', exception.Message);
            Assert.Equal([1, 1, 1], batch.Ciphertexts());
        }
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Ranges_and_lengths_that_do_not_fit_are_refused(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        using var batch = new CiphertextBatch(key.PublicKey, 4);
        using var other = new CiphertextBatch(key.PublicKey, 4);
        byte[] bytes = new byte[4 * key.PublicKey.CiphertextBytes];
        Assert.Throws<ArgumentOutOfRangeException>(() => new CiphertextBatch(key.PublicKey, 0));
        Assert.Throws<PaillierException>(() => new CiphertextBatch(key.PublicKey, int.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Export(-1, 2, bytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Export(1, 4, bytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.Export(int.MaxValue, int.MaxValue, bytes));
        Assert.Throws<ArgumentException>(() => batch.Export(0, 3, bytes));
        Assert.Throws<ArgumentException>(() => batch.Import(bytes.AsSpan(1), 0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => encryptor.Encrypt([1L, 2L], batch, 3));
        Assert.Throws<ArgumentException>(
            () => Evaluator.Add(batch.Range(0, 2), other.Range(0, 2), batch.Range(1, 2)));
        Assert.Throws<ArgumentException>(() => Evaluator.Negate(batch.Range(0, 2), other.Range(0, 3)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Evaluator.Negate(batch.Range(3, 2), other.Range(0, 2)));
        Assert.Throws<ArgumentException>(() => Evaluator.Combine([batch], [new Term(1, 0, 1, 0)], [0, 1], batch, 1));
        Assert.Throws<ArgumentException>(() => Evaluator.Combine([batch], [new Term(1, 0, 1, 0)], [0, 2], other));
        Assert.Throws<ArgumentException>(() => Evaluator.Combine([batch], [new Term(1, 0, 1, 0)], [1, 0], other));
        AssertRange(() => other.Gather(batch, [4]));
        AssertRange(() => other.Gather(batch, [-1]));
        AssertRange(() => Evaluator.Combine([batch], [new Term(1, 1, 0, 0)], [0, 1], other));
        AssertRange(() => Evaluator.Combine([batch], [new Term(1, 0, 4, 0)], [0, 1], other));
        AssertRange(() => Evaluator.Combine([batch], [new Term(1, 0, 0, 4097)], [0, 1], other));
        Assert.Equal([1, 1, 1, 1], batch.Ciphertexts());
        Assert.Equal([1, 1, 1, 1], other.Ciphertexts());

        static void AssertRange(Action action) =>
            Assert.Equal(PaillierError.Range, Assert.Throws<PaillierException>(action).Error);
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Batches_of_another_key_are_refused(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        using var ours = new CiphertextBatch(key.PublicKey, 1);
        using var theirs = new CiphertextBatch(TestKeys.OfSize(kernel, 512).PublicKey, 1);
        AssertMismatch(() => encryptor.Encrypt([1L], theirs));
        AssertMismatch(() => encryptor.Rerandomize(theirs, 0, 1));
        AssertMismatch(() => Evaluator.Add(ours, theirs, ours));
        AssertMismatch(() => Evaluator.Negate(ours, theirs));
        AssertMismatch(() => Evaluator.Combine([ours], [new Term(1, 0, 0, 0)], [0, 1], theirs));
        AssertMismatch(() => ours.Gather(theirs, [0]));

        static void AssertMismatch(Action action) =>
            Assert.Equal(PaillierError.Mismatch, Assert.Throws<PaillierException>(action).Error);
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Empty_ranges_are_fine(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        using var batch = new CiphertextBatch(key.PublicKey, 2);
        encryptor.Encrypt(ReadOnlySpan<long>.Empty, batch);
        encryptor.Rerandomize(batch, 2, 0);
        batch.Import([], 1, 0);
        batch.Gather(batch, []);
        Assert.Equal(0, Evaluator.Combine([], [], [0], batch));
        Assert.Equal([1, 1], batch.Ciphertexts());
    }
}
