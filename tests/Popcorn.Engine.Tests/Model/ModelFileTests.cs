using System.Diagnostics;
using System.Numerics;
using Google.Protobuf;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Import;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Model;

public class ModelFileTests
{
    [Fact]
    public void Networks_survive_the_file()
    {
        Seeds.Check(seed =>
        {
            IntegerNetwork network = Savable(seed);
            network = network with
            {
                Input = network.Input with { Order = seed % 2 == 0 ? ChannelOrder.Rgb : ChannelOrder.Bgr },
                Version = $"of {seed}",
            };
            byte[] file = Save(network);
            IntegerNetwork loaded = Load(file);
            Assert.Equal(network.Input, loaded.Input);
            Assert.Equal(network.LogitScale, loaded.LogitScale);
            Assert.Equal(network.Version, loaded.Version);
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
        BigInteger[] bias = [1 - BigInteger.Pow(2, NetworkValidator.MaxBoundBits - 1)];
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
        byte[] file = Save(Savable(3));
        for (int length = 0; length < file.Length; length++)
        {
            Assert.Throws<PopcornException>(() => Load(file[..length]));
        }

        Assert.Throws<PopcornException>(() => Load([.. file, 0]));
    }

    [Fact]
    public void Any_flipped_bit_is_noticed()
    {
        byte[] file = Save(Savable(4));
        for (int bit = 0; bit < 8 * file.Length; bit++)
        {
            byte[] damaged = [.. file];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<PopcornException>(() => Load(damaged));
        }
    }

    /// <summary>
    /// With right checksums over wrong contents, in either part: refused, or a network that is well formed; never
    /// another exception, never long, and never more memory than a file of this size can ask for.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Lying_contents_are_refused_or_well_formed(bool inSecret)
    {
        for (int seed = 0; seed < 20; seed++)
        {
            (byte[] description, byte[] secret) = Parts(Save(Savable(seed)));
            byte[] part = inSecret ? secret : description;
            byte[] original = [.. part];
            var random = new Random(seed);
            for (int run = 0; run < (SharedData.SlowTests ? 400 : 120); run++)
            {
                original.CopyTo(part, 0);
                for (int changes = random.Next(1, 4); changes > 0; changes--)
                {
                    part[random.Next(part.Length)] = random.Next(3) switch
                    {
                        0 => 0xff,
                        1 => 0x7f,
                        _ => (byte)random.Next(256),
                    };
                }

                LoadQuietly(ModelFile.Assemble(description, secret));
                LoadQuietly(ModelFile.Assemble(description, secret.AsSpan(..random.Next(secret.Length))));
                LoadQuietly(ModelFile.Assemble(description.AsSpan(..random.Next(description.Length)), secret));
            }
        }
    }

    /// <summary>Lengths of sections and of what they expand to that no content backs.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(0x7fffffff)]
    [InlineData(0xffffffff)]
    public void Lying_lengths_are_refused(uint length)
    {
        byte[] file = Save(Savable(7));
        (byte[] description, byte[] secret) = Parts(file);
        byte[] lie = BitConverter.GetBytes(length);
        foreach (int at in new[] { 8, 8 + 4 + description.Length + 32 })
        {
            byte[] damaged = [.. file];
            lie.CopyTo(damaged, at);
            Assert.Throws<PopcornException>(() => Load(damaged));
            LoadQuietly(damaged);
        }

        byte[] first = Section.Append("POPCORN\u0003"u8, description);
        byte[] compressed = Section.Compress(secret);
        lie.CopyTo(compressed, 0);
        LoadQuietly(Section.Append(first, compressed));
    }

    /// <summary>A file never asks for much more memory than it is long, however well its contents compress.</summary>
    [Fact]
    public void Weights_that_are_all_pruned_survive_the_file()
    {
        LinearLayer layer = new(
            "l", 0, new Shape(1, 1, 1), Window.Whole(1, 1), 1, new int[1 << 20], [5]);
        var network = new IntegerNetwork(new InputDescription(new Shape(1 << 20, 1, 1), 0, 255, 1), [layer], 1);
        byte[] file = Save(network);
        AssertSame(layer, Load(file).Layers[0]);
        Assert.InRange(file.Length, (1 << 20) / 8 / 64, 10_000);
    }

    /// <summary>Deep Compression's SqueezeNet: 0.42 MB is the entropy of its weights, each by itself.</summary>
    [SharedFact]
    public void A_pruned_network_takes_little_more_than_the_entropy_of_its_weights() =>
        Assert.InRange(Save(SharedNetworks.Import("squeezenet1.0-deepcompression")).Length, 100_000, 650_000);

    [Fact]
    public void The_public_part_stands_alone()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            IntegerNetwork network = Savable(seed);
            byte[] file = Save(network);
            (byte[] description, byte[] secret) = Parts(file);
            Assert.Equal(PublicNetworkCodec.Encode(PublicNetwork.From(network)).ToByteArray(), description);
            byte[] cut = file[..(8 + 4 + description.Length + 32)];
            foreach (byte[] whole in new[] { file, cut })
            {
                var loaded = ModelFile.LoadPublic(new MemoryStream(whole));
                Assert.Equal(description, PublicNetworkCodec.Encode(loaded).ToByteArray());
            }

            Assert.Contains("public part", Assert.Throws<PopcornException>(() => Load(cut)).Message);
            Assert.Throws<PopcornException>(() => ModelFile.LoadPublic(new MemoryStream(cut[..^1])));
        }
    }

    [Fact]
    public void Other_files_and_versions_are_told_apart()
    {
        byte[] file = Save(Savable(5));
        foreach (byte version in new byte[] { 1, 2, 9 })
        {
            file[7] = version;
            string message = Assert.Throws<PopcornException>(() => Load(file)).Message;
            Assert.Contains($"version {version}", message);
            Assert.Contains("Import the network again", message);
        }

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
            Assert.Equal(concat.OtherInputs, other.OtherInputs);
            Assert.Equal((concat.Name, concat.Input, concat.Output), (other.Name, other.Input, other.Output));
            return;
        }

        Assert.Equal(expected, actual);
    }

    /// <summary>A random network whose values a plan can name; squares of squares may be wider.</summary>
    private static IntegerNetwork Savable(int seed)
    {
        IntegerNetwork network = RandomNetworks.Create(seed);
        Bounds bounds = Bounds.Of(network);
        return Enumerable.Range(0, network.Layers.Count + 1)
            .All(v => bounds.Hull(v).MagnitudeBits <= NetworkValidator.MaxBoundBits)
            ? network
            : Savable(seed + 1);
    }

    private static (byte[] Description, byte[] Secret) Parts(byte[] file)
    {
        int position = 8;
        Assert.True(Section.TryTake(file, ref position, out ReadOnlySpan<byte> description));
        Assert.True(Section.TryTake(file, ref position, out ReadOnlySpan<byte> secret));
        return (description.ToArray(), Section.Expand(secret));
    }

    private static void LoadQuietly(byte[] file)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        long start = Stopwatch.GetTimestamp();
        try
        {
            NetworkValidator.Validate(Load(file));
        }
        catch (PopcornException e)
        {
            Assert.DoesNotContain('\n', e.Message);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 10);
    }

    private static byte[] Save(IntegerNetwork network)
    {
        using var stream = new MemoryStream();
        ModelFile.Save(network, stream);
        return stream.ToArray();
    }

    private static IntegerNetwork Load(byte[] file) => ModelFile.Load(new MemoryStream(file));
}
