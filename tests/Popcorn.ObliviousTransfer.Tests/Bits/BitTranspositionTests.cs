using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Bits;

namespace Popcorn.ObliviousTransfer.Tests.Bits;

public class BitTranspositionTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Bit_j_of_row_i_becomes_bit_i_of_column_j(int blocksOfRow)
    {
        Block[] rows = Blocks.Random(blocksOfRow, 128 * blocksOfRow);
        var columns = new Block[128 * blocksOfRow];
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<Block, ulong>(rows);
        BitTransposition.Transpose128(words, 2 * blocksOfRow, columns);
        for (int column = 0; column < columns.Length; column++)
        {
            for (int row = 0; row < 128; row++)
            {
                ulong expected = (words[(2 * blocksOfRow * row) + (column / 64)] >> (column % 64)) & 1;
                Assert.Equal(expected, (columns[column][row / 64] >> (row % 64)) & 1);
            }
        }
    }

    [Fact]
    public void Multiples_in_the_field_are_frozen()
    {
        Block delta = Blocks.Counting(16) | Vector128.CreateScalar(1ul);
        Assert.Equal("55555a5f44414e4b787d72776c696663", Blocks.Hex(GaloisField.Multiply(5, delta)));

        // Q of three blocks: X²·a + X·b + c.
        Block x = Blocks.Counting(0), c = x | Vector128.Create(0, 1ul << 63);
        Block sum = GaloisField.Double(GaloisField.Double(x) ^ x) ^ c;
        Assert.Equal("00070e091c1b1215383f363124232aad", Blocks.Hex(sum));
    }

    [Fact]
    public void Doubling_is_multiplication_by_x_modulo_the_polynomial()
    {
        Block top = Vector128.Create(0, 1ul << 63);
        Assert.Equal(Vector128.CreateScalar(0x87ul), GaloisField.Double(top));
        Assert.Equal(Vector128.Create(0, 1ul), GaloisField.Double(Vector128.CreateScalar(1ul << 63)));
        Block[] some = Blocks.Random(6, 50);
        foreach (Block a in some)
        {
            Block b = some[7];
            Assert.Equal(GaloisField.Double(a ^ b), GaloisField.Double(a) ^ GaloisField.Double(b));
        }
    }
}
