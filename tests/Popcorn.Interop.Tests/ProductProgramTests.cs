using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace Popcorn.Interop.Tests;

/// <summary>Straight-line programs against the same additions on big integers.</summary>
public sealed class ProductProgramTests
{
    private const int Inputs = 4;
    private const int Temporaries = 6;

    [Theory, ClassData(typeof(KernelData))]
    public void ProgramsAreSumsOfTheirInputs(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        BigInteger[] values = [.. Enumerable.Range(-5, 11).Select(value => (BigInteger)value * 123_456_789)];
        using CiphertextBatch source = encryptor.Encrypt(values);

        Properties.Check(Cases(values.Length), test =>
        {
            using var program = new ProductProgram(test.Instructions, Inputs, Temporaries, test.Outputs);
            int tiles = test.Index.Length / Inputs;
            int[] outputIndex = [.. Enumerable.Range(0, tiles * test.Outputs.Length).Reverse()];
            outputIndex[0] = -1;
            using var target = new CiphertextBatch(key.PublicKey, outputIndex.Length);
            long products = Evaluator.Run(program, source, test.Index, target, outputIndex, tiles, new Execution(2));

            var expected = new BigInteger[outputIndex.Length];
            long expectedProducts = 0;
            for (int tile = 0; tile < tiles; tile++)
            {
                BigInteger?[] registers = Simulate(test, tile, values, ref expectedProducts);
                for (int o = 0; o < test.Outputs.Length; o++)
                {
                    int to = outputIndex[(tile * test.Outputs.Length) + o];
                    if (to >= 0)
                    {
                        expected[to] = test.Outputs[o] < 0 ? 0 : oracle.Centre(registers[test.Outputs[o]] ?? 0);
                    }
                }
            }

            Assert.Equal(expected, key.Decrypt(target));
            Assert.Equal(expectedProducts, products);
        });
    }

    [Fact]
    public void MalformedProgramsAreRefused()
    {
        AssertRefused([new Instruction(2, 0, 3)], [2]);   // reads a temporary that nothing wrote
        AssertRefused([new Instruction(0, 0, 1)], [0]);   // writes an input
        AssertRefused([new Instruction(4, 0, 1)], [2]);   // target out of range
        AssertRefused([new Instruction(2, 0, -1)], [2]);  // operand out of range
        AssertRefused([new Instruction(2, 0, 1)], [3]);   // output that nothing wrote
        AssertRefused([new Instruction(2, 0, 1)], [4]);   // output out of range
        AssertRefused([new Instruction(2, 0, 1)], [-2]);
        using var good = new ProductProgram([new Instruction(2, 0, 1)], 2, 2, [2, -1, 0]);
        Assert.Equal((2, 3), (good.Inputs, good.Outputs));

        static void AssertRefused(Instruction[] instructions, int[] outputs) => Assert.Equal(
            PaillierError.Program,
            Assert.Throws<PaillierException>(() => new ProductProgram(instructions, 2, 2, outputs)).Error);
    }

    [Theory, ClassData(typeof(KernelData))]
    public void IndicesThatDoNotFitAreRefused(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var program = new ProductProgram([new Instruction(2, 0, 1)], 2, 1, [2]);
        using var source = new CiphertextBatch(key.PublicKey, 2);
        using var target = new CiphertextBatch(key.PublicKey, 1);
        Assert.Throws<ArgumentException>(() => Evaluator.Run(program, source, [0], target, [0], 1));
        Assert.Throws<ArgumentException>(() => Evaluator.Run(program, source, [0, 1], target, [0, 0], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Evaluator.Run(program, source, [], target, [], -1));
        Assert.Throws<PaillierException>(() => Evaluator.Run(program, source, [0, 2], target, [0], 1));
        Assert.Throws<PaillierException>(() => Evaluator.Run(program, source, [0, -2], target, [0], 1));
        Assert.Throws<PaillierException>(() => Evaluator.Run(program, source, [0, 1], target, [1], 1));
        Assert.Throws<PaillierException>(() => Evaluator.Run(program, source, [0, 1], source, [0], 1));
        Assert.Equal(1, Evaluator.Run(program, source, [0, 1], target, [0], 1));
    }

    /// <summary>Random programs whose instructions read only what is there, with inputs that may be absent.</summary>
    private static Gen<Case> Cases(int sourceCount) =>
        from choices in Gen.Choose(0, int.MaxValue - 1).ArrayOf(30)
        from length in Gen.Choose(0, 10)
        from outputs in Gen.Choose(0, int.MaxValue - 1).ArrayOf(3)
        from tiles in Gen.Choose(1, 5)
        from index in Gen.Choose(-2, sourceCount - 1).Select(i => Math.Max(i, -1)).ArrayOf(tiles * Inputs)
        select Build(choices, length, outputs, index);

    private static Case Build(int[] choices, int length, int[] outputs, int[] index)
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
        return new Case(instructions, results, index);
    }

    private static BigInteger?[] Simulate(Case test, int tile, BigInteger[] values, ref long products)
    {
        var registers = new BigInteger?[Inputs + Temporaries];
        for (int i = 0; i < Inputs; i++)
        {
            int index = test.Index[(tile * Inputs) + i];
            registers[i] = index < 0 ? null : values[index];
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

    private sealed record Case(Instruction[] Instructions, int[] Outputs, int[] Index);
}
