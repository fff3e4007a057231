using Google.Protobuf;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Makes integer networks of ONNX files, in four steps: read the graph, simplify it (exactly), prune it, quantize it.
/// </summary>
public static class OnnxImporter
{
    /// <summary>Samples that statistics are taken of, at most.</summary>
    private const int MostMeasured = 64;

    /// <summary>Largest file that is read, in bytes.</summary>
    public const int MaxBytes = 1 << 30;

    // Nodes, attributes, tensors and the like that a file may hold: each has a name, a type, a shape.
    private const int LeastMessages = 1 << 12, BytesOfMessage = 8;

    /// <summary>Imports an ONNX file, gzipped or not.</summary>
    /// <exception cref="PopcornException">
    /// The file is damaged, or holds what cannot be imported: every finding with its node, on a line of its own.
    /// </exception>
    public static IntegerNetwork Import(Stream file, ImportOptions? options = null) =>
        Import(BoundedStream.ReadAll(file, MaxBytes, "ONNX file"), options);

    /// <inheritdoc cref="Import(Stream, ImportOptions?)"/>
    public static IntegerNetwork Import(byte[] file, ImportOptions? options = null)
    {
        options ??= new ImportOptions();
        FloatNode read = Read(file, options);
        IReadOnlyList<int[]>? samples = SamplesFor(read, options);
        FidelityMeasurement? measurement = options.Measured is null ? null : new(read, samples, options);
        FloatNode output = Simplify(read, options);
        Prune(LinearLayersOf(output), options);
        ActivationStatistics statistics = ActivationStatistics.Of(
            output, samples?.Take(MostMeasured).ToArray() ?? GeneratedImages.Of(InputOf(output, options)), options);
        var demands = new ScaleDemands();
        QuantizedNetwork quantized = Quantizer.Quantize(output, options, statistics, demands);
        if (samples is not null)
        {
            var calibration = new Calibration(quantized.Network, samples, options.Progress);
            quantized = Quantizer.Quantize(output, options, statistics, demands, calibration);
        }

        if (measurement is not null)
        {
            options.Measured?.Invoke(measurement.Compare(output, quantized));
        }

        IntegerNetwork network = DeadChannels.Remove(quantized.Network, out int removed);
        if (removed > 0)
        {
            options.Report?.Invoke($"{removed} channels without effect were removed.");
        }

        NetworkValidator.Validate(network);
        return network;
    }

    /// <summary>The layers with weights to prune, by their nodes' names, and how many weights each has.</summary>
    /// <exception cref="PopcornException">The file cannot be imported.</exception>
    public static IReadOnlyList<(string Name, int Weights)> LayersOf(byte[] file, ImportOptions options) =>
        [.. LinearLayersOf(Simplify(Read(file, options), options)).Select(l => (l.Name, l.Weights.Length))];

    /// <summary>The floating-point network that is quantized, before anything is pruned.</summary>
    internal static FloatNode ReadFloat(byte[] file, ImportOptions options) => Simplify(Read(file, options), options);

    private static FloatNode Read(byte[] file, ImportOptions options)
    {
        options.Validate();
        return GraphReader.Read(Parse(Unpack(file)), options);
    }

    private static FloatNode Simplify(FloatNode read, ImportOptions options)
    {
        FloatNode output = Staircases.DropLast(Simplifier.Simplify(read), options);
        output = ImpliedClips.Drop(output, options);
        return Simplifier.Simplify(Staircases.Replace(output, options));
    }

    private static IReadOnlyList<int[]>? SamplesFor(FloatNode network, ImportOptions options)
    {
        if (options.Samples is null)
        {
            return null;
        }

        InputDescription input = InputOf(network, options);
        IReadOnlyList<int[]> samples = options.Samples(input);
        foreach (int[] sample in samples)
        {
            input.Require(sample);
        }

        return samples;
    }

    private static InputDescription InputOf(FloatNode network, ImportOptions options) =>
        options.InputOf(FloatGraph.InputOf(FloatGraph.InOrder(network)));

    private static FloatLinear[] LinearLayersOf(FloatNode output) =>
        [.. FloatGraph.InOrder(output).OfType<FloatLinear>().Where(layer => !layer.IsMove)];

    private static void Prune(FloatLinear[] layers, ImportOptions options)
    {
        foreach ((string name, double sparsity) in options.LayerSparsity)
        {
            FloatLinear layer = Array.Find(layers, l => l.Name == name) ?? throw new PopcornException(
                $"There is no layer '{name}' to prune; there are {string.Join(", ", layers.Select(l => l.Name))}.");
            MagnitudePruner.Prune([layer.Weights], sparsity);
        }

        MagnitudePruner.Prune(Array.ConvertAll(layers, l => l.Weights), options.Sparsity);
    }

    private static byte[] Unpack(byte[] file)
    {
        if (!BoundedStream.IsGzip(file))
        {
            return file;
        }

        try
        {
            return BoundedStream.Unpack(new MemoryStream(file), MaxBytes, "ONNX file");
        }
        catch (InvalidDataException e)
        {
            throw new PopcornException("This gzipped ONNX file is damaged. Fetch it again.", e);
        }
    }

    private static ModelProto Parse(byte[] file)
    {
        ModelProto model;
        try
        {
            model = BoundedMessage.Parse(
                ModelProto.Parser, ModelProto.Descriptor, file, LeastMessages + file.Length / BytesOfMessage);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new PopcornException("This is not an ONNX file, or it is damaged. Export the network again.", e);
        }

        return model.Graph is { Node.Count: > 0 }
            ? model
            : throw new PopcornException("This is not an ONNX file, or it holds no network. Export the network again.");
    }
}
