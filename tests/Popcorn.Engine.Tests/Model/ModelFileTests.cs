using System.Numerics;
using System.Security.Cryptography;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Model;

public class ModelFileTests
{
    [Fact]
    public void Networks_survive_the_file()
    {
        Seeds.Check(seed =>
        {
            IntegerNetwork network = RandomNetworks.Create(seed);
            network = network with
            {
                Input = network.Input with { Order = seed % 2 == 0 ? ChannelOrder.Rgb : ChannelOrder.Bgr },
            };
            byte[] file = Save(network);
            IntegerNetwork loaded = Load(file);
            Assert.Equal(network.Input, loaded.Input);
            Assert.Equal(network.LogitScale, loaded.LogitScale);
            Assert.Equal(network.Layers.Count, loaded.Layers.Count);
            for (int i = 0; i < network.Layers.Count; i++)
            {
                AssertSame(network.Layers[i], loaded.Layers[i]);
            }

            Assert.Equal(file, Save(loaded));
        });
    }

    [Fact]
    public void Extreme_numbers_survive_the_file()
    {
        int[] weights = [int.MaxValue, -int.MaxValue, 0, 1, -1];
        BigInteger[] bias = [-BigInteger.Pow(2, NetworkValidator.MaxBiasBits - 1)];
        LinearLayer layer = new("ünïcode 層", 0, new Shape(1, 1, 1), Window.Whole(1, 5), 1, weights, bias);
        var input = new InputDescription(new Shape(1, 1, 5), int.MinValue, int.MaxValue, double.Epsilon);
        AssertSame(layer, Load(Save(new IntegerNetwork(input, [layer], double.MaxValue))).Layers[0]);
    }

    [Fact]
    public void Pruned_weights_cost_one_bit_each()
    {
        var shape = new Shape(10_000, 1, 1);
        var weights = new int[10_000];
        for (int i = 0; i < 1000; i++)
        {
            weights[i * 10] = i % 251 - 125;
        }

        LinearLayer layer = new("l", 0, new Shape(1, 1, 1), Window.Whole(1, 1), 1, weights, [0]);
        var network = new IntegerNetwork(new InputDescription(shape, 0, 255, 1), [layer], 1);
        Assert.InRange(Save(network).Length, 0, 10_000 / 8 + 1000 + 128);
    }

    /// <summary>A few distinct weights: an index each, whatever the weights are; binary ones a bit each.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(16, 4)]
    [InlineData(256, 8)]
    [InlineData(257, 20)]
    public void Shared_weights_are_stored_by_their_place(int distinct, int bitsEach)
    {
        foreach (bool pruned in new[] { false, true })
        {
            var weights = new int[20_000];
            for (int i = 0; i < weights.Length; i++)
            {
                weights[i] = pruned && i % 4 != 0 ? 0 : (i / 4 % distinct - distinct / 2) * 1999 + 1;
            }

            LinearLayer layer = new("l", 0, new Shape(1, 1, 1), Window.Whole(1, 1), 1, weights, [0]);
            var network = new IntegerNetwork(new InputDescription(new Shape(20_000, 1, 1), 0, 255, 1), [layer], 1);
            byte[] file = Save(network);
            Assert.Equal(weights, ((LinearLayer)Load(file).Layers[0]).Weights);
            int bits = pruned ? Math.Min(20_000 + 5_000 * bitsEach, 20_000 * (bitsEach + 1)) : 20_000 * bitsEach;
            Assert.InRange(file.Length, 0, bits / 8 + 3 * Math.Min(distinct, 256) + 100);
        }
    }

    [Fact]
    public void A_file_cut_short_anywhere_is_refused()
    {
        byte[] file = Save(RandomNetworks.Create(3));
        for (int length = 0; length < file.Length; length++)
        {
            Assert.Throws<PopcornException>(() => Load(file[..length]));
        }

        Assert.Throws<PopcornException>(() => Load([.. file, 0]));
    }

    [Fact]
    public void Any_flipped_bit_is_noticed()
    {
        byte[] file = Save(RandomNetworks.Create(4));
        for (int bit = 0; bit < 8 * file.Length; bit++)
        {
            byte[] damaged = [.. file];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<PopcornException>(() => Load(damaged));
        }
    }

    /// <summary>
    /// With a right checksum over wrong contents: refused, or a network that is well formed; never another exception,
    /// and never more memory than a file of this size can ask for.
    /// </summary>
    [Fact]
    public void Lying_contents_are_refused_or_well_formed()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            byte[] file = Save(RandomNetworks.Create(seed));
            var random = new Random(seed);
            for (int run = 0; run < 400; run++)
            {
                byte[] damaged = [.. file];
                for (int changes = random.Next(1, 4); changes > 0; changes--)
                {
                    damaged[random.Next(8, file.Length - 32)] = (byte)random.Next(256);
                }

                Seal(damaged);
                long before = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    NetworkValidator.Validate(Load(damaged));
                }
                catch (PopcornException e)
                {
                    Assert.DoesNotContain('\n', e.Message);
                }

                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
            }
        }
    }

    [Fact]
    public void Other_files_and_versions_are_told_apart()
    {
        byte[] file = Save(RandomNetworks.Create(5));
        file[7] = 9;
        Seal(file);
        Assert.Contains("version 9", Assert.Throws<PopcornException>(() => Load(file)).Message);
        Assert.Contains("not a Popcorn", Assert.Throws<PopcornException>(() => Load("hello"u8.ToArray())).Message);
    }

    [Fact]
    public void Malformed_networks_are_not_written()
    {
        IntegerNetwork network = RandomNetworks.Create(6) with { LogitScale = double.NaN };
        Assert.Throws<PopcornException>(() => Save(network));
    }

    internal static void AssertSame(Layer expected, Layer actual)
    {
        if (expected is LinearLayer linear)
        {
            LinearLayer other = Assert.IsType<LinearLayer>(actual);
            Assert.Equal(linear.Weights, other.Weights);
            Assert.Equal(linear.Bias, other.Bias);
            Assert.Equal(linear.Padding, other.Padding);
            actual = other with { Weights = linear.Weights, Bias = linear.Bias, Padding = linear.Padding };
        }
        else if (expected is AddLayer add)
        {
            AddLayer other = Assert.IsType<AddLayer>(actual);
            Assert.Equal(add.Factors, other.Factors);
            Assert.Equal(add.SecondFactors, other.SecondFactors);
            actual = other with { Factors = add.Factors, SecondFactors = add.SecondFactors };
        }
        else if (expected is ClipLayer clip)
        {
            ClipLayer other = Assert.IsType<ClipLayer>(actual);
            Assert.Equal(clip.Caps, other.Caps);
            actual = other with { Caps = clip.Caps };
        }
        else if (expected is ConcatLayer concat)
        {
            ConcatLayer other = Assert.IsType<ConcatLayer>(actual);
            Assert.Equal(concat.Further, other.Further);
            Assert.Equal((concat.Name, concat.Input, concat.Output), (other.Name, other.Input, other.Output));
            return;
        }

        Assert.Equal(expected, actual);
    }

    private static void Seal(byte[] file) =>
        SHA256.HashData(file.AsSpan(..^32), file.AsSpan(^32..));

    private static byte[] Save(IntegerNetwork network)
    {
        using var stream = new MemoryStream();
        ModelFile.Save(network, stream);
        return stream.ToArray();
    }

    private static IntegerNetwork Load(byte[] file) => ModelFile.Load(new MemoryStream(file));
}
