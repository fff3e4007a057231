using Popcorn.Engine.Compression;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Compression;

public class CalibrationTests
{
    /// <summary>Inputs that go together in part, one that never changes, and more of them than patches.</summary>
    [Theory]
    [InlineData(6, 100)]
    [InlineData(40, 30)]
    [InlineData(900, 50)] // more than one block
    public void Outputs_change_no_more_than_by_the_nearest_integers(int inputs, int patches)
    {
        var random = new Random(inputs);
        LayerInputs statistics = LayerInputs.Of(Patches(random, inputs, patches));
        CalibratedRounding[] roundings = CalibratedRounding.For(statistics);
        double before = 0, after = 0;
        for (int row = 0; row < 20; row++)
        {
            double[] weights =
                [.. Enumerable.Range(0, inputs).Select(_ => random.Next(3) == 0 ? 0 : random.NextDouble() * 6 - 3)];
            int[] nearest = Array.ConvertAll(weights, w => (int)Math.Round(w));
            int[] rounded = [.. nearest];
            int first = 0;
            foreach (CalibratedRounding rounding in roundings)
            {
                rounding.Round(weights, rounded, keepsAll: false);
            }

            foreach ((int from, int to) in statistics.Blocks)
            {
                CalibratedRounding rounding = roundings[first++];
                double was = rounding.ErrorOf(weights.AsSpan(from, to - from), nearest.AsSpan(from, to - from));
                double now = rounding.ErrorOf(weights.AsSpan(from, to - from), rounded.AsSpan(from, to - from));
                Assert.True(now <= was);
                before += was;
                after += now;
            }

            for (int i = 0; i < inputs; i++)
            {
                Assert.True(weights[i] != 0 || rounded[i] == 0);
                Assert.InRange(rounded[i], -nearest.Max(Math.Abs), nearest.Max(Math.Abs));
            }
        }

        Assert.True(after < 0.9 * before, $"{before} became {after}");
    }

    [Fact]
    public void Weights_that_pruning_left_stay()
    {
        var random = new Random(3);
        CalibratedRounding rounding = Assert.Single(CalibratedRounding.For(LayerInputs.Of(Patches(random, 30, 60))));
        double[] weights = [.. Enumerable.Range(0, 30).Select(_ => random.NextDouble() - 0.5)];
        int[] rounded = Array.ConvertAll(weights, Math.Sign);
        rounding.Round(weights, rounded, keepsAll: true);
        Assert.DoesNotContain(0, rounded);
    }

    [Fact]
    public void Means_and_covariances_are_those_of_the_patches()
    {
        LayerInputs inputs = LayerInputs.Of([[1, 2, 0], [3, 2, 0], [5, 2, 3]]);
        Assert.Equal([3, 2, 1], inputs.Means);
        double[][] covariances = inputs.Covariances(0, 3);
        Assert.Equal(8 / 3.0, covariances[0][0], 12);
        Assert.Equal(2, covariances[0][2], 12);
        Assert.Equal(2, covariances[2][0], 12);
        Assert.Equal(0, covariances[1][1]);
    }

    /// <summary>Coarse weights, smooth images: logits come closer to the real ones on images not seen before.</summary>
    [Fact]
    public void A_calibrated_network_is_closer_to_the_real_one()
    {
        IntegerNetwork fine = SampleNetwork(12, null);
        int[][] images = [.. Enumerable.Range(0, 200).Select(i => SmoothImage(new Random(i)))];
        double nearest = Distance(SampleNetwork(3, null), fine, images[100..]);
        double calibrated = Distance(SampleNetwork(3, _ => images[..100]), fine, images[100..]);
        Assert.True(calibrated < 0.7 * nearest, $"{nearest} became {calibrated}");
    }

    private static double Distance(IntegerNetwork network, IntegerNetwork other, int[][] images)
    {
        var first = new PlainEvaluator(network);
        var second = new PlainEvaluator(other);
        return images.Sum(image => first.Run(image).Zip(second.Run(image), (a, b) =>
            Math.Pow((double)a * network.LogitScale - (double)b * other.LogitScale, 2)).Sum());
    }

    private static IntegerNetwork SampleNetwork(int bits, Func<InputDescription, IReadOnlyList<int[]>>? samples)
    {
        using FileStream file = File.OpenRead(SamplePath);
        return OnnxImporter.Import(file, new ImportOptions { WeightBits = bits, Samples = samples });
    }

    private static string SamplePath => Path.Combine(RepositoryRoot(), "samples", "mnist-small.onnx");

    private static string RepositoryRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Popcorn.sln")))
        {
            folder = folder.Parent;
        }

        return folder!.FullName;
    }

    private static int[] SmoothImage(Random random)
    {
        const int Side = 28;
        double x = random.NextDouble() * Side, y = random.NextDouble() * Side, width = 3 + random.NextDouble() * 6;
        return [.. Enumerable.Range(0, Side * Side).Select(i => (int)(255 * Math.Exp(
            -(Math.Pow(i % Side - x, 2) + Math.Pow(i / Side - y, 2)) / (2 * width * width))))];
    }

    private static List<double[]> Patches(Random random, int inputs, int patches) =>
        [.. Enumerable.Range(0, patches).Select(_ =>
        {
            double common = random.NextDouble();
            return Enumerable.Range(0, inputs).Select(i => i == 0 ? 5 : common + random.NextDouble() * 0.5).ToArray();
        })];
}
