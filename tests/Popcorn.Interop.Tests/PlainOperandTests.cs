using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace Popcorn.Interop.Tests;

/// <summary>Differences, and sums and products with plaintexts, held against big integers modulo n.</summary>
public sealed class PlainOperandTests
{
    private static readonly Gen<long> Weights = Gen.OneOf(
        Gen.Choose(-300, 300).Select(value => (long)value),
        Gen.Choose(int.MinValue, int.MaxValue).Select(value => value * 0x1E3779B97F4A7C15),
        Gen.Elements(0, 1, -1, long.MaxValue, long.MinValue, 1L << 62));

    private enum Target
    {
        Apart,
        First,
        Second,
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Differences_are_right_wherever_they_go(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        Gen<(BigInteger[] Values, Target Target)> cases =
            from values in Values(oracle)
            from target in Gen.Elements(Enum.GetValues<Target>())
            select (values, target);
        Properties.Check(cases, test =>
        {
            BigInteger[] others = [.. test.Values.Reverse()];
            using CiphertextBatch a = encryptor.Encrypt(test.Values);
            using CiphertextBatch b = encryptor.Encrypt(others);
            using var apart = new CiphertextBatch(key.PublicKey, a.Count);
            CiphertextBatch target = test.Target switch { Target.First => a, Target.Second => b, _ => apart };
            Evaluator.Subtract(a, b, target);
            Assert.Equal(test.Values.Zip(others, (x, y) => oracle.Centre(x - y)), key.Decrypt(target));
            if (target != a)
            {
                Assert.Equal(test.Values, key.Decrypt(a));
            }

            // A batch less itself, in place.
            Evaluator.Subtract(target, target, target);
            Assert.All(key.Decrypt(target), value => Assert.Equal(0, value));
        });
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Differences_of_ranges_write_nothing_else(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        using CiphertextBatch batch = encryptor.Encrypt([1L, 2L, 3L, 40L, 50L, 60L]);
        Evaluator.Subtract(batch.Range(3, 2), batch.Range(0, 2), batch.Range(3, 2));
        Assert.Equal([1, 2, 3, 39, 48, 60], key.Decrypt(batch));
        Evaluator.Subtract(batch.Range(3, 0), batch.Range(0, 0), batch.Range(1, 0));
        Assert.Throws<ArgumentException>(
            () => Evaluator.Subtract(batch.Range(0, 2), batch.Range(3, 2), batch.Range(1, 2)));
        Assert.Throws<ArgumentException>(
            () => Evaluator.Subtract(batch.Range(0, 2), batch.Range(3, 3), batch.Range(0, 2)));
        Assert.Equal([1, 2, 3, 39, 48, 60], key.Decrypt(batch));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Plaintexts_are_added_and_subtracted(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        Properties.Check(Values(oracle), values =>
        {
            BigInteger[] others = [.. values.Reverse()];
            using CiphertextBatch batch = encryptor.Encrypt(values);
            Evaluator.AddPlain(others, batch);
            Assert.Equal(values.Zip(others, (x, y) => oracle.Centre(x + y)), key.Decrypt(batch));
            Evaluator.SubtractPlain(others, batch);
            Assert.Equal(values, key.Decrypt(batch));
            Evaluator.SubtractPlain(others, batch);
            Assert.Equal(values.Zip(others, (x, y) => oracle.Centre(x - y)), key.Decrypt(batch));
        });

        long[] edges = [long.MinValue, long.MaxValue, 0, -1, 1];
        using CiphertextBatch zeros = new(key.PublicKey, edges.Length + 2);
        Evaluator.SubtractPlain(edges, zeros, 1);
        Assert.Equal([0, .. edges.Select(edge => -(BigInteger)edge), 0], key.Decrypt(zeros));
        foreach (BigInteger refused in new[] { oracle.N, -oracle.N })
        {
            AssertRange(() => Evaluator.AddPlain([refused], zeros));
            AssertRange(() => Evaluator.SubtractPlain([refused], zeros));
        }

        Evaluator.SubtractPlain([oracle.N - 1], zeros);
        Assert.Equal(1, key.Decrypt(zeros)[0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => Evaluator.AddPlain([oracle.Square], zeros));
        Assert.Throws<ArgumentOutOfRangeException>(() => Evaluator.SubtractPlain(edges, zeros, 3));

        static void AssertRange(Action action) =>
            Assert.Equal(PaillierError.Range, Assert.Throws<PaillierException>(action).Error);
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Products_with_plaintexts_are_right(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        Gen<(BigInteger Value, long Factor)[]> cases =
            Gen.Choose(1, 9).SelectMany(count => Plaintexts(oracle).Zip(Weights).Select(pair =>
                (pair.Item1, pair.Item2)).ArrayOf(count));
        Properties.Check(cases, pairs =>
        {
            // A range in the middle of both batches.
            using CiphertextBatch source = encryptor.Encrypt([7, .. pairs.Select(pair => pair.Value), 8]);
            using var target = new CiphertextBatch(key.PublicKey, pairs.Length + 3);
            long[] factors = [.. pairs.Select(pair => pair.Factor)];
            Evaluator.MultiplyPlain(source.Range(1, pairs.Length), factors, target.Range(2, pairs.Length));
            IEnumerable<BigInteger> products = pairs.Select(pair => oracle.Centre(pair.Value * pair.Factor));
            Assert.Equal([0, 0, .. products, 0], key.Decrypt(target));
        });
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Products_of_matrices_and_vectors_are_right(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        var shapes =
            from rows in Gen.Choose(1, 5)
            from columns in Gen.Choose(1, 9)
            from weights in Weights.ArrayOf(rows * columns)
            from values in Plaintexts(oracle).ArrayOf(columns)
            select (rows, weights, values);
        Properties.Check(shapes, shape =>
        {
            using CiphertextBatch vector = encryptor.Encrypt([9, .. shape.values, 9]);
            using var target = new CiphertextBatch(key.PublicKey, shape.rows + 2);
            Evaluator.MultiplyMatrix(
                shape.weights, vector.Range(1, shape.values.Length), target.Range(1, shape.rows));
            Assert.Equal([0, .. Product(oracle, shape.weights, shape.values), 0], key.Decrypt(target));
        });
    }

    /// <summary>Long enough that the sums are made in pieces.</summary>
    [Theory, ClassData(typeof(KernelData))]
    public void Long_dot_products_are_right(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        var random = new Random(7);
        foreach (int length in new[] { 31, 32, 64, 65, 333 })
        {
            BigInteger[] values = [.. Enumerable.Range(0, length).Select(_ => (BigInteger)random.NextInt64() << 100)];
            long[] weights = [.. Enumerable.Range(0, length).Select(_ => random.NextInt64(-128, 128))];
            using CiphertextBatch batch = encryptor.Encrypt(values);
            foreach (int threads in new[] { 1, 3 })
            {
                using var dot = new CiphertextBatch(key.PublicKey, 1);
                Evaluator.DotProduct(batch, weights, dot, new Execution(threads));
                Assert.Equal(Product(oracle, weights, values), key.Decrypt(dot));
            }
        }
    }

    /// <summary>More terms than are made at once.</summary>
    [Theory, ClassData(typeof(KernelData))]
    public void Large_matrices_are_right(string kernel)
    {
        const int Rows = 1100, Columns = 1000;
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        long[] values = [.. Enumerable.Range(0, Columns).Select(i => (i * 7919L) - 1000)];
        long[] matrix = new long[Rows * Columns];
        for (int row = 0; row < Rows; row++)
        {
            matrix[(row * Columns) + (row % Columns)] = row - 50;
            matrix[(row * Columns) + Columns - 1] += 1;
        }

        using CiphertextBatch vector = encryptor.Encrypt(values);
        using var target = new CiphertextBatch(key.PublicKey, Rows);
        Evaluator.MultiplyMatrix(matrix, vector, target);
        Assert.Equal(
            Enumerable.Range(0, Rows).Select(row => (BigInteger)((values[row % Columns] * (row - 50)) + values[^1])),
            key.Decrypt(target));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Nothing_to_sum_is_zero_and_zeros_are_free(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        using CiphertextBatch vector = encryptor.Encrypt([5L, 6L]);
        using CiphertextBatch target = encryptor.Encrypt([1L, 2L, 3L]);
        Evaluator.DotProduct(vector.Range(0, 0), [], target.Range(0, 1));
        Evaluator.DotProduct(vector, [0, 0], target.Range(1, 1));
        Evaluator.MultiplyMatrix([], vector, target.Range(0, 0));
        Evaluator.MultiplyPlain(vector.Range(0, 0), [], target.Range(0, 0));
        Assert.Equal([1, 1], target.Ciphertexts()[..2]);
        Assert.Equal([0, 0, 3], key.Decrypt(target));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Shapes_that_do_not_fit_are_refused(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var batch = new CiphertextBatch(key.PublicKey, 4);
        using var target = new CiphertextBatch(key.PublicKey, 4);
        using var theirs = new CiphertextBatch(TestKeys.OfSize(kernel, 512).PublicKey, 4);
        Assert.Throws<ArgumentException>(() => Evaluator.DotProduct(batch, [1, 2, 3], target.Range(0, 1)));
        Assert.Throws<ArgumentException>(() => Evaluator.DotProduct(batch, [1, 2, 3, 4], target));
        Assert.Throws<ArgumentException>(() => Evaluator.DotProduct(batch, [1, 2, 3, 4], batch.Range(3, 1)));
        Assert.Throws<ArgumentException>(() => Evaluator.MultiplyMatrix(new long[15], batch, target));
        Assert.Throws<ArgumentException>(() => Evaluator.MultiplyPlain(batch, new long[3], target));
        Assert.Throws<ArgumentException>(() => Evaluator.MultiplyPlain(batch, new long[4], batch));
        Assert.Throws<ArgumentException>(() => Evaluator.MultiplyPlain(batch, new long[4], target.Range(0, 3)));
        AssertMismatch(() => Evaluator.Subtract(batch, theirs, target));
        AssertMismatch(() => Evaluator.Subtract(batch, theirs, batch));
        AssertMismatch(() => Evaluator.MultiplyPlain(theirs, [1, 2, 3, 4], target));
        AssertMismatch(() => Evaluator.DotProduct(theirs, [1, 2, 3, 4], target.Range(0, 1)));
        Assert.Equal([1, 1, 1, 1], target.Ciphertexts());

        static void AssertMismatch(Action action) =>
            Assert.Equal(PaillierError.Mismatch, Assert.Throws<PaillierException>(action).Error);
    }

    private static IEnumerable<BigInteger> Product(TextbookPaillier oracle, long[] matrix, BigInteger[] vector) =>
        matrix.Chunk(vector.Length).Select(row => oracle.Centre(
            row.Zip(vector, (weight, value) => weight * value).Aggregate(BigInteger.Zero, BigInteger.Add)));

    /// <summary>Also the ends of what a key can hold.</summary>
    private static Gen<BigInteger> Plaintexts(TextbookPaillier oracle)
    {
        BigInteger half = oracle.N / 2;
        return Gen.OneOf(
            Properties.Plaintexts((int)oracle.N.GetBitLength()), Gen.Elements(half, -half, half - 1, 1 - half));
    }

    private static Gen<BigInteger[]> Values(TextbookPaillier oracle) =>
        Gen.Choose(1, 9).SelectMany(length => Plaintexts(oracle).ArrayOf(length));
}
