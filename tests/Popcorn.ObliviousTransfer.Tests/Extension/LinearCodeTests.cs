using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Tests.Symmetric;

namespace Popcorn.ObliviousTransfer.Tests.Extension;

public class LinearCodeTests
{
    [Fact]
    public void The_places_are_frozen()
    {
        Assert.Equal(
            [21482, 16033, 23545, 50319, 31769, 63544, 60159, 3547, 9696, 2131],
            PlacesOf(FerretParameters.Depth10.LogSecret, iteration: 0, output: 3));
    }

    [Fact]
    public void Places_are_uniform()
    {
        const int LogSecret = 10, Outputs = 10_240;
        int[] counts = new int[1 << LogSecret];
        for (int output = 0; output < Outputs; output++)
        {
            Array.ForEach(PlacesOf(LogSecret, iteration: 7, output), place => counts[place]++);
        }

        // Chi-square with 1,023 degrees of freedom: mean 1,023, deviation 45.
        double expected = (double)Outputs * LinearCode.Weight / counts.Length;
        double chi = counts.Sum(count => (count - expected) * (count - expected) / expected);
        Assert.InRange(chi, 1023 - (6 * 45), 1023 + (6 * 45));
    }

    [Fact]
    public void An_output_is_the_sum_of_its_places()
    {
        Block[] secret = Blocks.Random(8, 1 << 10);
        Block[] outputs = Blocks.Random(9, 200), before = [.. outputs];
        using var code = new LinearCode(HashTests.Session, 1, 3, 10);
        code.AddTo(secret, first: 77, outputs);
        for (int i = 0; i < outputs.Length; i++)
        {
            Assert.Equal(
                code.PlacesOf(77 + (ulong)i).Aggregate(before[i], (sum, place) => sum ^ secret[place]), outputs[i]);
        }
    }

    private static int[] PlacesOf(int logSecret, ulong iteration, int output)
    {
        using var code = new LinearCode(HashTests.Session, 0, iteration, logSecret);
        return code.PlacesOf((ulong)output);
    }
}
