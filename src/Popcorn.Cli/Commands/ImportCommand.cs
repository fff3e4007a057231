using System.CommandLine;
using System.Globalization;
using Popcorn.Cli.Data;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;
using Spectre.Console;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn import</c>: from ONNX to an integer network.</summary>
internal static class ImportCommand
{
    private static readonly double[] TriedSparsities = [0, 0.5, 0.7, 0.8, 0.9, 0.95];

    public static Command Create()
    {
        var source = new Argument<string>("onnx") { Description = "The network, an ONNX file.", HelpName = "M.onnx" };
        var target = new Option<string>("--out")
        {
            Description = "The integer network to write.",
            HelpName = "M.popcorn",
            Required = true,
        };
        Option<int> weightBits = new Option<int>("--weight-bits")
        {
            Description = "Bits of a weight, sign included: 1 to 12. Weights that are quantized already stay.",
            DefaultValueFactory = _ => 8,
        }.InRange(1, ImportOptions.MostWeightBits);
        Option<double> sparsity = new Option<double>("--sparsity")
        {
            Description = "Prune the weights of least magnitude until this fraction of all is zero (0 to 0.99).",
            DefaultValueFactory = _ => 0,
        }.InRange(0, 0.99);
        var layerSparsity = new Option<string[]>("--layer-sparsity")
        {
            Description = "The same for one layer, by the name of its node; may be given several times.",
            HelpName = "NAME=S",
        };
        Option<double> inputScale = new Option<double>("--input-scale")
        {
            Description = "A pixel enters the network as pixel times this.",
            DefaultValueFactory = _ => 1 / 255.0,
        };
        var means = new Option<double[]>("--mean")
        {
            Description = "Subtracted from pixel times scale: one number, or one for each channel.",
            HelpName = "M",
            AllowMultipleArgumentsPerToken = true,
        };
        var deviations = new Option<double[]>("--deviation")
        {
            Description = "What the result is divided by: one number, or one for each channel.",
            HelpName = "D",
            AllowMultipleArgumentsPerToken = true,
        };
        var bgr = new Option<bool>("--bgr") { Description = "The network takes blue, green, red instead of RGB." };
        Option<int> activationSteps = new Option<int>("--activation-steps")
        {
            Description = "Steps of the staircase that stands for tanh, sigmoid and the like: 1 to 255.",
            DefaultValueFactory = _ => new ImportOptions().ActivationSteps,
        }.InRange(1, 255);
        Option<int> rescale = new Option<int>("--rescale")
        {
            Description = "Round values to N bits (8 to 64) of their typical size where they have twice as many: faster in "
                + "deep networks, no longer exact. 0: never.",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
        }.InRange(0, 64);
        var calibration = new Option<string?>("--calibration")
        {
            Description = "Sample images, as for eval, without labels: weights are rounded so that layers change least on "
                + "them.",
            HelpName = "FILE|DIR",
        };
        Option<int> calibrationLimit = new Option<int>("--calibration-limit")
        {
            Description = "Of these, the first N.",
            HelpName = "N",
            DefaultValueFactory = _ => 256,
        }.InRange(1, 100_000);
        var testSet = new TestSetOptions(required: false);
        var sensitivity = new Option<bool>("--sensitivity")
        {
            Description = "Prune each layer on its own, more and more, and tell the accuracy on --data.",
        };
        var command = new Command("import", "Turn an ONNX network into an integer network.")
        {
            source, target, weightBits, sparsity, layerSparsity, inputScale, means, deviations, bgr, activationSteps,
            rescale, calibration, calibrationLimit, sensitivity,
        };
        testSet.AddTo(command);
        command.SetWork((parsed, output, cancellationToken) =>
        {
            string sourcePath = parsed.GetRequiredValue(source);
            string targetPath = parsed.GetRequiredValue(target);
            var options = new ImportOptions
            {
                WeightBits = parsed.GetValue(weightBits),
                Sparsity = parsed.GetValue(sparsity),
                LayerSparsity = ByLayer(parsed.GetValue(layerSparsity) ?? []),
                InputScale = parsed.GetValue(inputScale),
                InputMeans = parsed.GetValue(means) ?? [],
                InputDeviations = parsed.GetValue(deviations) ?? [],
                InputOrder = parsed.GetValue(bgr) ? ChannelOrder.Bgr : ChannelOrder.Rgb,
                ActivationSteps = parsed.GetValue(activationSteps),
                RescaleBits = parsed.GetValue(rescale),
                Samples = parsed.GetValue(calibration) is not string samples ? null : input =>
                {
                    IImageSource images = ImageInputs.Open(samples, null, input);
                    int count = Math.Min(images.Count, parsed.GetValue(calibrationLimit));
                    return [.. Enumerable.Range(0, count).Select(images.Read)];
                },
                Report = Output.Note,
            };
            IntegerNetwork network = Import(sourcePath, options, out byte[] onnx);
            TestSet? images = testSet.Open(parsed, network.Input)?.RequireLabels();
            if (images is null && parsed.GetValue(sensitivity))
            {
                throw new PopcornException("--sensitivity needs images to measure on; name them with --data.");
            }

            Files.Replace(targetPath, ownerOnly: false, stream => ModelFile.Save(network, stream));
            ImportReport report = Summarize(targetPath, network);
            if (images is not null)
            {
                report = Evaluate(report, network, onnx, options, images, cancellationToken);
                report = parsed.GetValue(sensitivity)
                    ? report with { Sensitivity = Sensitivity(onnx, options, images, cancellationToken) }
                    : report;
            }

            Show(report, output);
            return Task.CompletedTask;
        });
        return command;
    }

    private static IntegerNetwork Import(string path, ImportOptions options, out byte[] onnx)
    {
        using var progress = new ProgressLine("importing");
        using FileStream file = Files.OpenRead(path);
        try
        {
            onnx = BoundedStream.ReadAll(file, OnnxImporter.MaxBytes, "ONNX file");
            return OnnxImporter.Import(onnx, options);
        }
        catch (PopcornException e)
        {
            throw new PopcornException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Beside the accuracy that of the network before anything was pruned and with the finest weights.</summary>
    private static ImportReport Evaluate(
        ImportReport report, IntegerNetwork network, byte[] onnx, ImportOptions options, TestSet images,
        CancellationToken cancellationToken)
    {
        using var progress = new ProgressLine("evaluating before and after");
        IntegerNetwork before = OnnxImporter.Import(onnx, options with
        {
            WeightBits = ImportOptions.MostWeightBits,
            Sparsity = 0,
            LayerSparsity = new Dictionary<string, double>(),
            Samples = null,
            Report = null,
        });
        return report with
        {
            Accuracy = images.AccuracyOf(network, cancellationToken),
            AccuracyBefore = images.AccuracyOf(before, cancellationToken),
        };
    }

    private static IReadOnlyList<LayerSensitivity> Sensitivity(
        byte[] onnx, ImportOptions options, TestSet images, CancellationToken cancellationToken)
    {
        using var progress = new ProgressLine("sensitivity");
        return PruningSensitivity.Measure(
            onnx, options, TriedSparsities, network => images.AccuracyOf(network, cancellationToken), progress.Report);
    }

    private static Dictionary<string, double> ByLayer(string[] given)
    {
        var result = new Dictionary<string, double>();
        foreach (string one in given)
        {
            int equals = one.LastIndexOf('=');
            if (equals < 0 || !double.TryParse(
                one.AsSpan(equals + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double sparsity))
            {
                throw new PopcornException($"--layer-sparsity {one} is not of the form NAME=0.9.");
            }

            result[one[..equals]] = sparsity;
        }

        return result;
    }

    private static ImportReport Summarize(string path, IntegerNetwork network)
    {
        PublicNetwork bounds = PublicNetwork.From(network);
        ImportedLayer[] layers = [.. network.Layers.Select((layer, i) =>
        {
            int[] shape = Dimensions(layer.Output);
            int boundBits = bounds.Layers[i].BoundBits;
            return layer is LinearLayer { IsPool: false } linear
                ? new ImportedLayer(
                    layer.Name,
                    layer.KindName,
                    shape,
                    linear.Weights.Length,
                    linear.NonZero,
                    Fraction(linear.Weights.Length - linear.NonZero, linear.Weights.Length),
                    linear.WeightBits,
                    linear.DistinctWeights,
                    boundBits)
                : new ImportedLayer(layer.Name, layer.KindName, shape, null, null, null, null, null, boundBits);
        })];
        long weights = layers.Sum(layer => layer.Weights ?? 0);
        long nonZero = layers.Sum(layer => layer.Nnz ?? 0);
        return new ImportReport(
            path,
            Dimensions(network.Input.Shape),
            network.Outputs,
            layers,
            weights,
            nonZero,
            Fraction(weights - nonZero, weights),
            new FileInfo(path).Length);
    }

    private static void Show(ImportReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.ImportReport);
            return;
        }

        Table table = Tables.Create("layer", "kind", "output", ">weights", ">non-zero", ">zeros", ">bits", ">values", ">bound bits");
        foreach (ImportedLayer layer in report.Layers)
        {
            table.AddCells(
                layer.Name,
                layer.Kind,
                string.Join('x', layer.Output),
                layer.Weights is long weights ? Units.Count(weights) : "",
                layer.Nnz is long nonZero ? Units.Count(nonZero) : "",
                layer.Sparsity is double sparsity ? Units.Percent(sparsity) : "",
                layer.WeightBits?.ToString() ?? "",
                layer.DistinctWeights is int distinct ? Units.Count(distinct) : "",
                layer.BoundBits.ToString());
        }

        output.Screen.Write(table);
        output.Line(
            $"{report.Model}: {Units.Bytes(report.Bytes)}, input {string.Join('x', report.Input)}, "
            + $"{report.Outputs} outputs, {Units.Count(report.Nnz)} of {Units.Count(report.Weights)} weights non-zero "
            + $"({Units.Percent(report.Sparsity)} zeros)");
        if (report.Accuracy is double after && report.AccuracyBefore is double before)
        {
            output.Line(
                $"accuracy {Units.Percent(after)}; with all weights at {ImportOptions.MostWeightBits} bits "
                + Units.Percent(before));
        }

        if (report.Sensitivity is { } sensitivity)
        {
            Table pruned = Tables.Create(
                ["layer", ">weights", .. TriedSparsities.Select(sparsity => $">{sparsity:0 %} zeros")]);
            foreach (LayerSensitivity layer in sensitivity)
            {
                pruned.AddCells(
                    [layer.Name, Units.Count(layer.Weights), .. layer.Accuracy.Select(a => Units.Percent(a.Accuracy))]);
            }

            output.Line("Accuracy when one layer is pruned and no other:");
            output.Screen.Write(pruned);
        }
    }

    private static int[] Dimensions(Shape shape) => [shape.Channels, shape.Height, shape.Width];

    private static double Fraction(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
}
