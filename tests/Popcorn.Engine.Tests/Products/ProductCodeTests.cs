using System.Numerics;
using Popcorn.Engine.Products;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Products;

/// <summary>Programs are interpreted over integers, where a product of ciphertexts is a sum of plaintexts.</summary>
public class ProductCodeTests
{
    public static IEnumerable<object[]> Forms =>
        from bits in Enumerable.Range(1, DigitForm.MaxBits)
        from signed in (bool[])[false, true]
        select new object[] { bits, signed };

    [Theory]
    [MemberData(nameof(Forms))]
    public void Digits_add_up_to_the_weight(int bits, bool signed)
    {
        var form = new DigitForm(bits, signed);
        int[] extremes = [int.MaxValue, -int.MaxValue, int.MinValue, 1 << 30, -(1 << 30)];
        Span<int> digits = stackalloc int[DigitForm.MaxDigits];
        foreach (int weight in Enumerable.Range(-5000, 10001).Concat(extremes))
        {
            digits.Clear();
            int count = form.Recode(weight, digits);
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
    public void Non_adjacent_form_has_no_neighbours()
    {
        Span<int> digits = stackalloc int[DigitForm.MaxDigits];
        for (int weight = -2000; weight <= 2000; weight++)
        {
            digits.Clear();
            int count = new DigitForm(1, true).Recode(weight, digits);
            for (int i = 1; i < count; i++)
            {
                Assert.True(digits[i] == 0 || digits[i - 1] == 0);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Digit_sums_add_up(int bits, bool signed)
    {
        var random = new Random(bits);
        for (int round = 0; round < 40; round++)
        {
            int count = random.Next(0, 40);
            int limit = 1 << random.Next(1, 14);
            int[] weights = [.. Enumerable.Range(0, count).Select(_ => random.Next(-limit, limit + 1))];
            var sums = new DigitSums(new DigitForm(bits, signed));
            for (int i = 0; i < count; i++)
            {
                sums.Add(weights[i], i, count + i);
            }

            var builder = new ProductBuilder(2 * count, countOnly: false);
            var counter = new ProductBuilder(2 * count, countOnly: true);
            var unshared = new ProductBuilder(2 * count, countOnly: true, reuse: false);
            int result = builder.Weigh(sums, value => value);
            counter.Weigh(sums, value => value);
            unshared.Weigh(sums, value => value);
            ProductCode code = builder.Build([result], fillsLanes: round % 2 == 0);

            BigInteger[] x = [.. Enumerable.Range(0, count).Select(_ => (BigInteger)random.Next(-1000, 1000))];
            BigInteger expected = weights.Zip(x, (w, v) => w * v).Aggregate(BigInteger.Zero, BigInteger.Add);
            Assert.Equal(expected, Interpret(code, [.. x, .. x.Select(v => -v)])[0]);
            Assert.Equal(counter.Count, code.Instructions.Length);
            Assert.Equal(unshared.Count, LinearCompiler.UnsharedProducts(weights, sums.Form, apart: false));
            Assert.Equal(code.Instructions.Length, code.CountProducts(_ => true));
        }
    }

    [Fact]
    public void Registers_are_reused()
    {
        foreach (bool fillsLanes in (bool[])[false, true])
        {
            var builder = new ProductBuilder(1, countOnly: false);
            int value = 0;
            for (int i = 0; i < 100; i++)
            {
                value = builder.Multiply(value, value);
            }

            ProductCode code = builder.Build([value], fillsLanes);
            Assert.Equal(1, code.Temporaries);
            Assert.Equal(BigInteger.One << 100, Interpret(code, [1])[0]);
        }
    }

    [Fact]
    public void Absent_inputs_cost_nothing()
    {
        var builder = new ProductBuilder(3, countOnly: false);
        int sum = builder.Multiply(builder.Multiply(0, 1), 2);
        ProductCode code = builder.Build([sum], fillsLanes: false);
        Assert.Equal(2, code.CountProducts(_ => true));
        Assert.Equal(1, code.CountProducts(input => input != 1));
        Assert.Equal(0, code.CountProducts(input => input == 2));
        Assert.Equal(0, code.CountProducts(_ => false));
    }

    [Fact]
    public void Any_order_of_products_computes_the_same()
    {
        var random = new Random(3);
        for (int round = 0; round < 60; round++)
        {
            int inputs = random.Next(1, 12);
            int length = random.Next(0, 400);
            int recent = random.Next(1, 100);
            var builder = new ProductBuilder(inputs, countOnly: false);
            var values = Enumerable.Range(0, inputs).ToList();
            BigInteger[] numbers = [.. values.Select(_ => (BigInteger)random.Next(1000))];
            var expected = numbers.ToList();
            for (int i = 0; i < length; i++)
            {
                int left = random.Next(Math.Max(0, values.Count - recent), values.Count);
                int right = random.Next(6) == 0 ? left : random.Next(Math.Max(0, values.Count - recent), values.Count);
                values.Add(builder.Multiply(values[left], values[right]));
                expected.Add(expected[left] + expected[right]);
            }

            int[] kept = [.. Enumerable.Range(0, values.Count).Where(_ => random.Next(3) == 0)];
            int[] results = [.. kept.Select(i => values[i])];
            ProductCode plain = builder.Build(results, fillsLanes: false);
            ProductCode ordered = builder.Build(results, fillsLanes: true);
            Assert.Equal(kept.Select(i => expected[i]), Interpret(plain, numbers));
            Assert.Equal(kept.Select(i => expected[i]), Interpret(ordered, numbers));
            Assert.Equal(plain.Instructions.Length, ordered.Instructions.Length);
        }
    }

    [Fact]
    public void Sums_fill_the_lanes()
    {
        // Sixteen sums of 33 inputs each, joined to sixteen squares: chains of one length, side by side.
        const int Sums = 16;
        var builder = new ProductBuilder(33 * Sums, countOnly: false);
        var results = new int[Sums];
        for (int sum = 0; sum < Sums; sum++)
        {
            int value = ProductBuilder.None;
            for (int i = 0; i < 33; i++)
            {
                value = builder.Multiply(value, 33 * sum + i);
            }

            results[sum] = builder.Multiply(value, value);
        }

        ProductCode code = builder.Build(results, fillsLanes: true);
        Assert.Equal(2 * (8 + 1), Bundles(code).Count(bundle => bundle.Chains == LinearCompiler.SideBySide));
        Assert.Equal(code.Instructions.Length, Bundles(code).Sum(bundle => bundle.Chains * bundle.Length));
        Assert.Equal(2 * (8 + 1), Bundles(code).Count());
    }

    /// <summary>How the native library arranges a program in lanes.</summary>
    private static IEnumerable<(int Chains, int Length)> Bundles(ProductCode code)
    {
        Instruction[] all = code.Instructions;
        var written = new HashSet<int>();
        var touched = new HashSet<int>();
        int chains = 0, length = 0, shape = 0;
        for (int i = 0; i < all.Length;)
        {
            int end = i + 1;
            while (end < all.Length && all[end].Target == all[i].Target && all[end].Left == all[i].Target)
            {
                end++;
            }

            Instruction[] chain = all[i..end];
            int squares = Enumerable.Range(0, chain.Length).Sum(k => chain[k].Left == chain[k].Right ? 1 << k : 0);
            bool conflict = touched.Contains(chain[0].Target) || written.Contains(chain[0].Left)
                || chain.Any(step => written.Contains(step.Right));
            if (chains > 0 && (chains == 8 || conflict || chain.Length != length || squares != shape))
            {
                yield return (chains, length);
                chains = 0;
                written.Clear();
                touched.Clear();
            }

            (length, shape) = (chain.Length, squares);
            chains++;
            written.Add(chain[0].Target);
            touched.UnionWith(chain.SelectMany(step => (int[])[step.Target, step.Left, step.Right]));
            i = end;
        }

        if (chains > 0)
        {
            yield return (chains, length);
        }
    }

    private static BigInteger[] Interpret(ProductCode code, BigInteger[] inputs)
    {
        var registers = new BigInteger?[code.Inputs + code.Temporaries];
        for (int i = 0; i < inputs.Length; i++)
        {
            registers[i] = inputs[i];
        }

        foreach (Instruction i in code.Instructions)
        {
            Assert.True(i.Target >= code.Inputs);
            registers[i.Target] = registers[i.Left]!.Value + registers[i.Right]!.Value;
        }

        return [.. code.Outputs.Select(o => o == ProductBuilder.None ? 0 : registers[o]!.Value)];
    }
}
