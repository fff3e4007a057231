using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace Popcorn.Interop.Tests;

/// <summary>Straight-line programs against the same additions on big integers.</summary>
public sealed class ProductProgramTests
{
    private const int Inputs = 4;
    private const int Temporaries = 6;
    private const int Sources = 2;
    private const int Entries = 3;
    private const int Stride = 4;

    private static readonly ProgramInput[] TwoTaps = [new(0, 0, 0), new(0, 0, 1)];

    [Theory, ClassData(typeof(KernelData))]
    public void Programs_are_sums_of_their_inputs(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        BigInteger[][] values = [.. Enumerable.Range(0, Sources).Select(source => Enumerable.Range(0, Entries * Stride)
            .Select(i => (BigInteger)(i - 5) * 123_456_789 + source).ToArray())];
        using CiphertextBatch first = encryptor.Encrypt(values[0]);
        using CiphertextBatch second = encryptor.Encrypt(values[1]);

        Properties.Check(Cases(), test =>
        {
            using var program = new ProductProgram(
                test.Instructions, test.Inputs, Temporaries, test.Outputs, test.FillsLanes);
            int tiles = test.Tiles;
            int[] places = [.. Enumerable.Range(0, tiles).Reverse()];
            places[0] = -1;
            using var target = new CiphertextBatch(key.PublicKey, tiles * test.Outputs.Length);
            ProgramView[] sources =
                [new(first, Stride, Inputs, test.Positions[0]), new(second, Stride, Inputs, test.Positions[1])];
            var view = new ProgramView(target, tiles, 1, places);
            int half = tiles / 2;
            var execution = new Execution(2);
            long products = Evaluator.Run(program, sources, view, half, tiles - half, execution)
                + Evaluator.Run(program, sources, view, 0, half, execution);

            var expected = new BigInteger[target.Count];
            long expectedProducts = 0;
            for (int tile = 0; tile < tiles; tile++)
            {
                BigInteger?[] registers = Simulate(test, tile, values, ref expectedProducts);
                for (int o = 0; o < test.Outputs.Length && places[tile] >= 0; o++)
                {
                    expected[(o * tiles) + places[tile]] =
                        test.Outputs[o] < 0 ? 0 : oracle.Centre(registers[test.Outputs[o]] ?? 0);
                }
            }

            Assert.Equal(expected, key.Decrypt(target));
            Assert.Equal(expectedProducts, products);
        });
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Threads_share_one_tile(string kernel)
    {
        // Fibonacci numbers beside powers of two: the former wait for each other all the time.
        const int Length = 400;
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        using CiphertextBatch source = encryptor.Encrypt([1L]);
        var instructions = new List<Instruction>();
        for (int i = 0; i < Length; i++)
        {
            instructions.Add(new Instruction(1 + i, i < 2 ? 0 : i, i < 2 ? 0 : i - 1));
            instructions.AddRange(Enumerable.Range(1 + Length, 20)
                .Select(r => new Instruction(r, i == 0 ? 0 : r, i == 0 ? 0 : r)));
        }

        using var program = new ProductProgram(
            instructions.ToArray(), [new ProgramInput(0, 0, 0)], Length + 20,
            [.. Enumerable.Range(1, Length + 20)], fillsLanes: true);
        var fibonacci = new List<BigInteger> { 2, 2 };
        while (fibonacci.Count < Length)
        {
            fibonacci.Add(fibonacci[^1] + fibonacci[^2]);
        }

        BigInteger[] expected =
            [.. fibonacci.Concat(Enumerable.Repeat(BigInteger.Pow(2, Length), 20)).Select(oracle.Centre)];
        foreach (int threads in (int[])[1, 2, 3, 8])
        {
            using var target = new CiphertextBatch(key.PublicKey, Length + 20);
            long products = Evaluator.Run(
                program, [new ProgramView(source, 1, [0])], new ProgramView(target, 1, 1, [0]), 0, 1,
                new Execution(threads));
            Assert.Equal(instructions.Count, products);
            Assert.Equal(expected, key.Decrypt(target));
        }
    }

    [Fact]
    public void Malformed_programs_are_refused()
    {
        AssertRefused([new Instruction(2, 0, 3)], [2]);   // reads a temporary that nothing wrote
        AssertRefused([new Instruction(0, 0, 1)], [0]);   // writes an input
        AssertRefused([new Instruction(4, 0, 1)], [2]);   // target out of range
        AssertRefused([new Instruction(2, 0, -1)], [2]);  // operand out of range
        AssertRefused([new Instruction(2, 0, 1)], [3]);   // output that nothing wrote
        AssertRefused([new Instruction(2, 0, 1)], [4]);   // output out of range
        AssertRefused([new Instruction(2, 0, 1)], [-2]);
        Assert.Equal(
            PaillierError.Program,
            Assert.Throws<PaillierException>(
                () => new ProductProgram([], [new ProgramInput(ProductProgram.MaxSources, 0, 0)], 0, [0])).Error);
        using var good = new ProductProgram([new Instruction(2, 0, 1)], TwoTaps, 2, [2, -1, 0]);
        Assert.Equal((2, 3), (good.Inputs, good.Outputs));

        static void AssertRefused(Instruction[] instructions, int[] outputs) => Assert.Equal(
            PaillierError.Program,
            Assert.Throws<PaillierException>(() => new ProductProgram(instructions, TwoTaps, 2, outputs)).Error);
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Views_that_do_not_fit_are_refused(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var program = new ProductProgram([new Instruction(2, 0, 1)], TwoTaps, 1, [2]);
        using var source = new CiphertextBatch(key.PublicKey, 2);
        using var target = new CiphertextBatch(key.PublicKey, 1);
        var written = new ProgramView(target, 1, [0]);
        var read = new ProgramView(source, 2, [0, 1]);
        Assert.Throws<ArgumentException>(() => Run([read with { Positions = [0] }], written));
        Assert.Throws<ArgumentException>(() => Run([read], written with { Positions = [] }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run([read with { Taps = 0 }], written));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run([read], written, first: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run([read], written, tiles: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Run([read, read, read, read, read], written));
        Assert.Throws<OverflowException>(() => Run([read], written, int.MaxValue, 1));
        Assert.Throws<PaillierException>(() => Run([], written));
        Assert.Throws<PaillierException>(() => Run([read with { Taps = 1 }], written));
        Assert.Throws<PaillierException>(() => Run([read with { Positions = [0, 2] }], written));
        Assert.Throws<PaillierException>(() => Run([read with { Positions = [0, -2] }], written));
        Assert.Throws<PaillierException>(() => Run([read], written with { Positions = [1] }));
        Assert.Throws<PaillierException>(() => Run([read], new ProgramView(source, 1, [0])));
        Assert.Equal(1, Run([read], written));

        long Run(ProgramView[] sources, ProgramView view, int first = 0, int tiles = 1) =>
            Evaluator.Run(program, sources, view, first, tiles);
    }

    /// <summary>Random programs whose instructions read only what is there, with inputs that may be absent.</summary>
    private static Gen<Case> Cases() =>
        from choices in Gen.Choose(0, int.MaxValue - 1).ArrayOf(30)
        from length in Gen.Choose(0, 10)
        from outputs in Gen.Choose(0, int.MaxValue - 1).ArrayOf(3)
        from tiles in Gen.Choose(1, 20)
        from fillsLanes in Gen.Elements(false, true)
        from inputs in Gen.Choose(0, (Sources * Entries * Inputs) - 1).ArrayOf(Inputs)
        from first in Positions(tiles)
        from second in Positions(tiles)
        select Build(choices, length, outputs, tiles, fillsLanes, inputs, [first, second]);

    private static Gen<int[]> Positions(int tiles) =>
        Gen.Choose(-2, Stride - 1).Select(i => Math.Max(i, -1)).ArrayOf(tiles * Inputs);

    private static Case Build(
        int[] choices, int length, int[] outputs, int tiles, bool fillsLanes, int[] inputs, int[][] positions)
    {
        List<int> readable = [.. Enumerable.Range(0, Inputs)];
        var instructions = new Instruction[length];
        for (int i = 0; i < length; i++)
        {
            int target = Inputs + (choices[3 * i] % Temporaries);
            int left = readable[choices[(3 * i) + 1] % readable.Count];
            int right = readable[choices[(3 * i) + 2] % readable.Count];
            instructions[i] = new Instruction(target, left, right);
            if (!readable.Contains(target))
            {
                readable.Add(target);
            }
        }

        int[] results =
            [.. outputs.Select(choice => choice % (readable.Count + 1)).Select(i => i == 0 ? -1 : readable[i - 1])];
        ProgramInput[] read =
            [.. inputs.Select(i => new ProgramInput(i % Sources, i / Sources % Entries, i / Sources / Entries))];
        return new Case(instructions, read, results, tiles, fillsLanes, positions);
    }

    private static BigInteger?[] Simulate(Case test, int tile, BigInteger[][] values, ref long products)
    {
        var registers = new BigInteger?[Inputs + Temporaries];
        for (int i = 0; i < Inputs; i++)
        {
            (int source, int entry, int tap) = test.Inputs[i];
            int position = test.Positions[source][(tile * Inputs) + tap];
            registers[i] = position < 0 ? null : values[source][(entry * Stride) + position];
        }

        foreach (Instruction instruction in test.Instructions)
        {
            BigInteger? left = registers[instruction.Left];
            BigInteger? right = registers[instruction.Right];
            products += left is not null && right is not null ? 1 : 0;
            registers[instruction.Target] = left is null ? right : right is null ? left : left + right;
        }

        return registers;
    }

    private sealed record Case(
        Instruction[] Instructions, ProgramInput[] Inputs, int[] Outputs, int Tiles, bool FillsLanes,
        int[][] Positions);
}
