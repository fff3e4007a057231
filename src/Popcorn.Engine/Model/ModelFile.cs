using System.Numerics;
using System.Security.Cryptography;

namespace Popcorn.Engine.Model;

/// <summary>
/// The <c>.popcorn</c> file: magic, version, body, SHA-256 of all that precedes it. Integers of the body are
/// variable-length (seven bits a byte, least first; signed ones zigzag); weights are packed at the least width that
/// holds them, with the zeros of pruned layers reduced to one bit each. See <see cref="WeightCoding"/> for the seam
/// where a denser coding joins.
/// </summary>
public static class ModelFile
{
    /// <summary>Largest file that is read, in bytes.</summary>
    public const int MaxBytes = 1 << 30;

    private const byte Version = 2;
    private const string Advice = "Import the network again.";

    private static ReadOnlySpan<byte> Magic => "POPCORN"u8;

    /// <summary>Kinds of layers, as numbered in the file.</summary>
    private enum Kind : byte
    {
        Linear = 1,
        Relu = 2,
        Square = 3,
        Sign = 4,
        MaxPool = 5,
        MaxPoolWithZero = 6,
        LinearWithPadding = 7,
        Add = 8,
        Concat = 9,
        Clip = 10,
        Rescale = 11,
    }

    /// <summary>Writes a network.</summary>
    /// <exception cref="PopcornException">The network is not well formed.</exception>
    public static void Save(IntegerNetwork network, Stream stream)
    {
        NetworkValidator.Validate(network);
        var writer = new ByteWriter();
        writer.Bytes(Magic);
        writer.Byte(Version);
        writer.Shape(network.Input.Shape);
        writer.Signed(network.Input.Minimum);
        writer.Signed(network.Input.Maximum);
        writer.Double(network.Input.Scale);
        writer.Byte((byte)network.Input.Order);
        writer.Double(network.LogitScale);
        writer.Unsigned(network.Layers.Count);
        foreach (Layer layer in network.Layers)
        {
            WriteLayer(writer, layer);
        }

        writer.Bytes(SHA256.HashData(writer.Written));
        stream.Write(writer.Written);
    }

    /// <summary>Reads and validates a network; the rest of the stream must be exactly one model file.</summary>
    /// <exception cref="PopcornException">The file is not a model, damaged, or of an unknown version.</exception>
    public static IntegerNetwork Load(Stream stream)
    {
        byte[] file = BoundedStream.ReadAll(stream, MaxBytes, "model file");
        ReadOnlySpan<byte> bytes = file;
        if (!bytes.StartsWith(Magic))
        {
            throw new PopcornException(
                "This is not a Popcorn model file. Make one from an ONNX file with 'popcorn import'.");
        }

        if (bytes.Length > Magic.Length && bytes[Magic.Length] != Version)
        {
            throw new PopcornException(
                $"This model file has version {bytes[Magic.Length]}; this program reads version {Version}. {Advice}");
        }

        int bodyEnd = bytes.Length - SHA256.HashSizeInBytes;
        if (bodyEnd <= Magic.Length || !SHA256.HashData(bytes[..bodyEnd]).AsSpan().SequenceEqual(bytes[bodyEnd..]))
        {
            throw new PopcornException($"The model file is damaged or cut short (its checksum is wrong). {Advice}");
        }

        try
        {
            var reader = new ByteReader(bytes[(Magic.Length + 1)..bodyEnd]);
            IntegerNetwork network = ReadNetwork(ref reader);
            NetworkValidator.Validate(network);
            return network;
        }
        catch (PopcornException e)
        {
            throw new PopcornException($"The model file is malformed: {e.Message}. {Advice}", e);
        }
    }

    private static void WriteLayer(ByteWriter writer, Layer layer)
    {
        writer.Byte((byte)(layer switch
        {
            LinearLayer { Padding.Length: > 0 } => Kind.LinearWithPadding,
            LinearLayer => Kind.Linear,
            AddLayer => Kind.Add,
            ConcatLayer => Kind.Concat,
            ClipLayer => Kind.Clip,
            RescaleLayer => Kind.Rescale,
            ReluLayer => Kind.Relu,
            SquareLayer => Kind.Square,
            SignLayer => Kind.Sign,
            MaxPoolLayer { WithZero: true } => Kind.MaxPoolWithZero,
            MaxPoolLayer => Kind.MaxPool,
            _ => throw new NotSupportedException($"A layer of kind {layer.Kind} has no place in a model file."),
        }));
        writer.String(layer.Name);
        writer.Unsigned(layer.Input);
        switch (layer)
        {
            case LinearLayer linear:
                writer.Unsigned(linear.Output.Channels);
                writer.Window(linear.Window);
                writer.Unsigned(linear.Groups);
                WeightCoding.Write(writer, linear.Weights);
                writer.Integers(linear.Bias);
                writer.Integers(linear.Padding);
                break;
            case AddLayer add:
                writer.Unsigned(add.Second);
                foreach (int factor in add.Factors.Concat(add.SecondFactors))
                {
                    writer.Signed(factor);
                }

                break;
            case ConcatLayer concat:
                writer.Unsigned(concat.Further.Count);
                foreach (int value in concat.Further)
                {
                    writer.Unsigned(value);
                }

                break;
            case ClipLayer clip:
                writer.Integers(clip.Caps);
                break;
            case RescaleLayer rescale:
                writer.Unsigned(rescale.Shift);
                break;
            case MaxPoolLayer pool:
                writer.Window(pool.Window);
                break;
            default:
                break;
        }
    }

    private static IntegerNetwork ReadNetwork(ref ByteReader reader)
    {
        Shape shape = reader.Shape();
        var input = new InputDescription(
            shape, reader.Signed(), reader.Signed(), reader.Double(), (ChannelOrder)reader.Byte());
        double logitScale = reader.Double();
        int count = reader.Unsigned(NetworkValidator.MaxLayers);
        var layers = new List<Layer>();
        var network = new IntegerNetwork(input, layers, logitScale);
        for (int i = 0; i < count; i++)
        {
            layers.Add(ReadLayer(ref reader, network));
        }

        if (reader.Remaining != 0)
        {
            throw new PopcornException($"{reader.Remaining} bytes are left over after the last layer");
        }

        return network;
    }

    private static Layer ReadLayer(ref ByteReader reader, IntegerNetwork network)
    {
        var kind = (Kind)reader.Byte();
        string name = reader.String(NetworkValidator.MaxNameLength);
        int source = reader.Unsigned(network.Layers.Count);
        Shape shape = network.ShapeOf(source);
        switch (kind)
        {
            case Kind.Linear or Kind.LinearWithPadding:
                return ReadLinear(ref reader, name, source, shape, kind == Kind.LinearWithPadding);
            case Kind.Add:
                int second = reader.Unsigned(network.Layers.Count);
                return new AddLayer(
                    name, source, second, shape, ReadFactors(ref reader, shape), ReadFactors(ref reader, shape));
            case Kind.Concat:
                return ReadConcat(ref reader, name, source, network);
            case Kind.Clip:
                return new ClipLayer(name, source, shape, reader.Integers(shape.Channels, NetworkValidator.MaxBiasBits));
            case Kind.Rescale:
                return new RescaleLayer(name, source, shape, reader.Unsigned(NetworkValidator.MaxShift));
            case Kind.Relu:
                return new ReluLayer(name, source, shape);
            case Kind.Square:
                return new SquareLayer(name, source, shape);
            case Kind.Sign:
                return new SignLayer(name, source, shape);
            case Kind.MaxPool or Kind.MaxPoolWithZero:
                Window window = reader.Window();
                var output = new Shape(shape.Channels, window.OutputHeight, window.OutputWidth);
                return new MaxPoolLayer(name, source, output, window, kind == Kind.MaxPoolWithZero);
            default:
                throw new PopcornException($"layer kind {(byte)kind} is not known");
        }
    }

    private static int[] ReadFactors(ref ByteReader reader, Shape shape)
    {
        reader.Expect(shape.Channels);
        var factors = new int[shape.Channels];
        for (int i = 0; i < factors.Length; i++)
        {
            factors[i] = reader.Signed();
        }

        return factors;
    }

    private static ConcatLayer ReadConcat(ref ByteReader reader, string name, int source, IntegerNetwork network)
    {
        var further = new int[reader.Unsigned(NetworkValidator.MaxJoined)];
        long channels = network.ShapeOf(source).Channels;
        for (int i = 0; i < further.Length; i++)
        {
            further[i] = reader.Unsigned(network.Layers.Count);
            channels += network.ShapeOf(further[i]).Channels;
        }

        Shape shape = network.ShapeOf(source) with { Channels = (int)Math.Min(channels, int.MaxValue) };
        return shape.IsValid
            ? new ConcatLayer(name, source, further, shape)
            : throw new PopcornException($"layer '{name}' joins values to one that is too large");
    }

    private static LinearLayer ReadLinear(
        ref ByteReader reader, string name, int source, Shape shape, bool hasPadding)
    {
        int channels = reader.Unsigned(Shape.MaxSize);
        Window window = reader.Window();
        int groups = reader.Unsigned(Shape.MaxSize);
        var output = new Shape(channels, window.OutputHeight, window.OutputWidth);
        if (!output.IsValid || groups == 0)
        {
            throw new PopcornException($"layer '{name}' has no valid output shape or groups");
        }

        Int128 count = NetworkValidator.WeightCount(output, shape, window, groups);
        if (count > NetworkValidator.MaxWeights)
        {
            throw new PopcornException($"layer '{name}' claims {count} weights");
        }

        int[] weights = WeightCoding.Read(ref reader, (int)count);
        BigInteger[] bias = reader.Integers(channels, NetworkValidator.MaxBiasBits);
        long padding = hasPadding ? (long)channels * window.Taps : 0;
        return new LinearLayer(name, source, output, window, groups, weights, bias)
        {
            Padding = reader.Integers(padding, NetworkValidator.MaxBiasBits),
        };
    }
}
