using System.Numerics;
using Popcorn.Engine.Linear;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Linear;

/// <summary>Programs are interpreted over integers, where a product of ciphertexts is a sum of plaintexts.</summary>
public class ProductCodeTests
{
    public static IEnumerable<object[]> Strategies =>
        from bits in Enumerable.Range(1, RowStrategy.MaxDigitBits)
        from signed in (bool[])[false, true]
        select new object[] { bits, signed };

    [Theory]
    [MemberData(nameof(Strategies))]
    public void DigitsAddUpToTheWeight(int bits, bool signed)
    {
        var strategy = new RowStrategy(bits, signed);
        int[] extremes = [int.MaxValue, -int.MaxValue, int.MinValue, 1 << 30, -(1 << 30)];
        Span<int> digits = stackalloc int[RowStrategy.MaxDigits];
        foreach (int weight in Enumerable.Range(-5000, 10001).Concat(extremes))
        {
            digits.Clear();
            int count = strategy.Recode(weight, digits);
            long value = 0;
            int limit = signed ? 1 << (bits - 1) : (1 << bits) - 1;
            for (int i = count - 1; i >= 0; i--)
            {
                value = (value << bits) + digits[i];
                Assert.InRange(digits[i], -limit, limit);
            }

            Assert.Equal(weight, value);
            Assert.True(count == 0 || digits[count - 1] != 0);
        }
    }

    [Fact]
    public void NonAdjacentFormHasNoNeighbours()
    {
        Span<int> digits = stackalloc int[RowStrategy.MaxDigits];
        for (int weight = -2000; weight <= 2000; weight++)
        {
            digits.Clear();
            int count = new RowStrategy(1, true).Recode(weight, digits);
            for (int i = 1; i < count; i++)
            {
                Assert.True(digits[i] == 0 || digits[i - 1] == 0);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public void RowsComputeTheirSum(int bits, bool signed)
    {
        var random = new Random(bits);
        for (int round = 0; round < 40; round++)
        {
            int count = random.Next(0, 40);
            int limit = 1 << random.Next(1, 14);
            int[] weights = [.. Enumerable.Range(0, count).Select(_ => random.Next(-limit, limit + 1))];
            var terms = new List<RowTerm>();
            for (int i = 0; i < count; i++)
            {
                if (weights[i] != 0)
                {
                    terms.Add(new RowTerm(weights[i], i, count + i));
                }
            }

            var builder = new ProductBuilder(2 * count, countOnly: false);
            var counter = new ProductBuilder(2 * count, countOnly: true);
            var strategy = new RowStrategy(bits, signed);
            int result = RowCompiler.Compile(terms.ToArray(), strategy, builder);
            RowCompiler.Compile(terms.ToArray(), strategy, counter);
            int[] results = [result];
            if (round % 2 == 0)
            {
                builder.SortByDepth(results);
            }

            ProductCode code = builder.Build(results);

            BigInteger[] x = [.. Enumerable.Range(0, count).Select(_ => (BigInteger)random.Next(-1000, 1000))];
            BigInteger expected = weights.Zip(x, (w, v) => w * v).Aggregate(BigInteger.Zero, BigInteger.Add);
            Assert.Equal(expected, Interpret(code, [.. x, .. x.Select(v => -v)])[0]);
            Assert.Equal(counter.Count, code.Instructions.Length);
            Assert.Equal(code.Instructions.Length, code.CountProducts(new int[2 * count]));
        }
    }

    [Fact]
    public void TheCheapestStrategyIsCheapest()
    {
        // +-1 weights are plain products; many inputs of 8 bits meet in buckets; few are better off bit by bit.
        RowTerm[] ones = [.. Enumerable.Range(0, 100).Select(i => new RowTerm(i % 2 == 0 ? 1 : -1, i, i))];
        Assert.Equal(99, RowCompiler.Cheapest([ones]).Products);

        var random = new Random(5);
        RowTerm[] many = [.. Enumerable.Range(0, 2000).Select(i => new RowTerm(random.Next(1, 128), i, i))];
        (RowStrategy strategy, int products) = RowCompiler.Cheapest([many]);
        Assert.True(strategy.DigitBits >= 7);
        Assert.InRange(products, 2000, 2400);

        RowTerm[] few = [new RowTerm(127, 0, 0), new RowTerm(-64, 1, 1)];
        Assert.InRange(RowCompiler.Cheapest([few]).Products, 8, 9);
    }

    [Fact]
    public void RegistersAreReused()
    {
        var builder = new ProductBuilder(1, countOnly: false);
        int value = 0;
        for (int i = 0; i < 100; i++)
        {
            value = builder.Multiply(value, value);
        }

        ProductCode code = builder.Build([value]);
        Assert.Equal(1, code.Temporaries);
        Assert.Equal(BigInteger.One << 100, Interpret(code, [1])[0]);
    }

    [Fact]
    public void SortedByDepthNeighboursAreIndependent()
    {
        // Eight sums of sixteen inputs each, written one after the other: sorted, eight products in a row never wait.
        var builder = new ProductBuilder(128, countOnly: false);
        var results = new int[8];
        for (int row = 0; row < 8; row++)
        {
            results[row] = ProductBuilder.None;
            for (int i = 0; i < 16; i++)
            {
                results[row] = builder.Multiply(results[row], 16 * row + i);
            }
        }

        builder.SortByDepth(results);
        ProductCode code = builder.Build(results);

        BigInteger[] sums = Interpret(code, [.. Enumerable.Range(0, 128).Select(i => (BigInteger)i)]);
        Assert.Equal(Enumerable.Range(0, 8).Select(row => (BigInteger)(256 * row + 120)), sums);
        foreach (Instruction[] eight in code.Instructions.Chunk(8))
        {
            var written = eight.Select(i => i.Target).ToHashSet();
            Assert.Equal(8, written.Count);
            Assert.All(eight, i => Assert.True(i.Left == i.Target || !written.Contains(i.Left)));
            Assert.DoesNotContain(eight, i => written.Contains(i.Right));
        }
    }

    [Fact]
    public void AbsentInputsCostNothing()
    {
        var builder = new ProductBuilder(3, countOnly: false);
        int sum = builder.Multiply(builder.Multiply(0, 1), 2);
        ProductCode code = builder.Build([sum]);
        Assert.Equal(2, code.CountProducts([0, 1, 2]));
        Assert.Equal(1, code.CountProducts([0, -1, 2]));
        Assert.Equal(0, code.CountProducts([-1, -1, 2]));
        Assert.Equal(0, code.CountProducts([-1, -1, -1]));
    }

    private static BigInteger[] Interpret(ProductCode code, BigInteger[] inputs)
    {
        var registers = new BigInteger[code.Inputs + code.Temporaries];
        inputs.CopyTo(registers, 0);
        foreach (Instruction i in code.Instructions)
        {
            Assert.True(i.Target >= code.Inputs);
            registers[i.Target] = registers[i.Left] + registers[i.Right];
        }

        return [.. code.Outputs.Select(o => o == ProductBuilder.None ? 0 : registers[o])];
    }
}
