using System.CommandLine;
using System.Text;
using Popcorn.Cli.Data;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn import</c>: from ONNX to an integer network.</summary>
internal static class ImportCommand
{
    private static readonly double[] TriedSparsities = [0, 0.5, 0.7, 0.8, 0.9, 0.95];

    private static readonly Argument<string> Source = new("onnx")
    {
        Description = "The network, an ONNX file.",
        HelpName = "M.onnx",
    };

    private static readonly Option<string> Target = new("--out")
    {
        Description = "The integer network to write.",
        HelpName = "M.popcorn",
        Required = true,
    };

    private static readonly Option<int> WeightBits = new Option<int>("--weight-bits")
    {
        Description = "Bits of a weight, sign included: 1 to 12. Weights that are quantized already stay.",
        DefaultValueFactory = _ => 8,
    }.InRange(1, ImportOptions.MostWeightBits);

    private static readonly Option<double> Sparsity = new Option<double>("--sparsity")
    {
        Description = "Prune the weights of least magnitude until this fraction of all is zero (0 to 0.99).",
        DefaultValueFactory = _ => 0,
    }.InRange(0, 0.99);

    private static readonly Option<string[]> LayerSparsity = new("--layer-sparsity")
    {
        Description = "The same for one layer, by the name of its node; may be given several times.",
        HelpName = "NAME=S",
    };

    private static readonly Option<double> InputScale = new Option<double>("--input-scale")
    {
        Description = "A pixel enters the network as pixel times this.",
        DefaultValueFactory = _ => 1 / 255.0,
    }.AnyNumber();

    private static readonly Option<double[]> Means = new Option<double[]>("--mean")
    {
        Description = "Subtracted from pixel times scale: one number, or one for each channel.",
        HelpName = "M",
        AllowMultipleArgumentsPerToken = true,
    }.Numbers();

    private static readonly Option<double[]> Deviations = new Option<double[]>("--deviation")
    {
        Description = "What the result is divided by: one number, or one for each channel.",
        HelpName = "D",
        AllowMultipleArgumentsPerToken = true,
    }.Numbers();

    private static readonly Option<bool> Bgr = new("--bgr")
    {
        Description = "The network takes blue, green, red instead of RGB.",
    };

    private static readonly Option<int> ActivationSteps = new Option<int>("--activation-steps")
    {
        Description = "Steps of the staircase that stands for tanh, sigmoid and the like: 1 to 255.",
        DefaultValueFactory = _ => new ImportOptions().ActivationSteps,
    }.InRange(1, 255);

    private static readonly Option<int> RescaleBits = new Option<int>("--rescale")
    {
        Description = "Round values to N bits (8 to 64) of their typical size where they have twice as many: faster in "
            + "deep networks, no longer exact. 0: never.",
        HelpName = "N",
        DefaultValueFactory = _ => 0,
    }.InRange(0, 64);

    private static readonly Option<int> ActivationBits = new Option<int>("--activation-bits")
    {
        Description = "Keep activations to N bits (2 to 16) by exact shifts, and cut off what exceeds them: values "
            + "stay small however deep the network is. 0: keep all.",
        HelpName = "N",
        DefaultValueFactory = _ => 0,
    }.InRange(0, 16);

    private static readonly Option<string?> CalibrationImages = new("--calibration")
    {
        Description = "Sample images, as for eval, without labels: weights are rounded so that layers change least on "
            + "them.",
        HelpName = "FILE|DIR",
    };

    private static readonly Option<int> CalibrationLimit = new Option<int>("--calibration-limit")
    {
        Description = "Of these, the first N.",
        HelpName = "N",
        DefaultValueFactory = _ => 256,
    }.InRange(1, 100_000);

    private static readonly Option<string?> NetworkOutput = new("--output")
    {
        Description = "Which of the network's outputs holds the class scores, where it has several.",
        HelpName = "NAME",
    };

    private static readonly Option<string?> ClassNames = new("--classes")
    {
        Description = "Names of the classes, one on each line, in the order of the network's outputs.",
        HelpName = "FILE",
    };

    private static readonly Option<string> ModelVersion = new("--model-version")
    {
        Description = "Which version of the model it is; clients are told.",
        HelpName = "TEXT",
        DefaultValueFactory = _ => "",
    };

    private static readonly Option<bool> Sensitivity = new("--sensitivity")
    {
        Description = "Prune each layer on its own, more and more, and tell the accuracy on --data.",
    };

    private static readonly Option<bool> Strict = new("--strict")
    {
        Description = "Fail, and write nothing, where the integer network is far from the float network.",
    };

    private static readonly TestSetOptions TestData = new(required: false);

    public static Command Create()
    {
        var command = new Command("import", "Turn an ONNX network into an integer network.")
        {
            Source, Target, WeightBits, Sparsity, LayerSparsity, InputScale, Means, Deviations, Bgr, ActivationSteps,
            ActivationBits, RescaleBits, CalibrationImages, CalibrationLimit, NetworkOutput, ClassNames, ModelVersion,
            Sensitivity, Strict,
        };
        TestData.AddTo(command);
        command.SetWork((parsed, output, cancellationToken) =>
        {
            Show(Run(parsed, cancellationToken), output);
            return Task.CompletedTask;
        });
        return command;
    }

    private static ImportReport Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        string target = parsed.GetRequiredValue(Target);
        Files.RequireModelOrNone(target);
        ImportOptions options = OptionsOf(parsed);
        ImportFidelity? fidelity = null;
        IntegerNetwork network = Import(
            parsed.GetRequiredValue(Source), options with { Measured = measured => fidelity = measured },
            out byte[] onnx);
        if (parsed.GetValue(ClassNames) is string names)
        {
            network = network with { ClassNames = ReadClassNames(names, network.Outputs) };
        }

        network = network with { Version = parsed.GetRequiredValue(ModelVersion) };
        TestSet? images = TestData.Open(parsed, network.Input)?.RequireLabels();
        if (images is null && parsed.GetValue(Sensitivity))
        {
            throw new PopcornException("--sensitivity needs images to measure on; name them with --data.");
        }

        string? warning = fidelity is { IsBad: true } ? FidelityText.Warning(fidelity, options) : null;
        if (warning is not null && parsed.GetValue(Strict))
        {
            throw new PopcornException($"{target} was not written: {warning}");
        }

        Files.Replace(target, ownerOnly: false, stream => ModelFile.Save(network, stream));
        if (warning is not null)
        {
            Output.Note($"warning: {warning}");
        }

        ImportReport report = Summarize(target, network) with { Fidelity = fidelity };
        if (images is null)
        {
            return report;
        }

        var measurement = new Measurement(onnx, options, images, cancellationToken);
        return measurement.Accuracies(report, network) with
        {
            Sensitivity = parsed.GetValue(Sensitivity) ? measurement.Sensitivity() : null,
        };
    }

    private static ImportOptions OptionsOf(ParseResult parsed) => new()
    {
        WeightBits = parsed.GetValue(WeightBits),
        Sparsity = parsed.GetValue(Sparsity),
        LayerSparsity = ByLayer(parsed.GetValue(LayerSparsity) ?? []),
        InputScale = parsed.GetValue(InputScale),
        InputMeans = parsed.GetValue(Means) ?? [],
        InputDeviations = parsed.GetValue(Deviations) ?? [],
        InputOrder = parsed.GetValue(Bgr) ? ChannelOrder.Bgr : ChannelOrder.Rgb,
        ActivationSteps = parsed.GetValue(ActivationSteps),
        ActivationBits = parsed.GetValue(ActivationBits),
        RescaleBits = parsed.GetValue(RescaleBits),
        Output = parsed.GetValue(NetworkOutput),
        Folder = Path.GetDirectoryName(Path.GetFullPath(parsed.GetRequiredValue(Source))),
        Samples = parsed.GetValue(CalibrationImages) is string path
            ? input => FirstImages(path, parsed.GetValue(CalibrationLimit), input)
            : null,
        Report = Output.Note,
    };

    private static string[] ReadClassNames(string path, int outputs)
    {
        const int MostBytes = 1 << 22;
        using FileStream file = Files.OpenRead(path);
        string text = Encoding.UTF8.GetString(BoundedStream.ReadAll(file, MostBytes, "list of classes"));
        string[] names = [.. text.TrimStart('\uFEFF').TrimEnd().Split('\n').Select(name => name.Trim())];
        return names.Length == outputs
            ? names
            : throw new PopcornException(
                $"'{path}' names {names.Length} classes, one on each line, and the network has {outputs} outputs.");
    }

    private static IReadOnlyList<int[]> FirstImages(string path, int limit, InputDescription input)
    {
        IImageSource images = ImageInputs.Open(path, null, input);
        return [.. Enumerable.Range(0, Math.Min(images.Count, limit)).Select(images.Read)];
    }

    private static IntegerNetwork Import(string path, ImportOptions options, out byte[] onnx)
    {
        using var progress = new ProgressLine("importing");
        using FileStream file = Files.OpenRead(path);
        try
        {
            onnx = BoundedStream.ReadAll(file, OnnxImporter.MaxBytes, "ONNX file");
            return OnnxImporter.Import(onnx, options with { Progress = progress.Report });
        }
        catch (PopcornException e)
        {
            throw new PopcornException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>What is measured on a test set.</summary>
    private sealed record Measurement(
        byte[] Onnx, ImportOptions Options, TestSet Images, CancellationToken CancellationToken)
    {
        /// <summary>
        /// Beside the accuracy that of the network before anything was pruned and with the finest weights.
        /// </summary>
        public ImportReport Accuracies(ImportReport report, IntegerNetwork network)
        {
            using var progress = new ProgressLine("evaluating before and after");
            IntegerNetwork before = OnnxImporter.Import(Onnx, Options with
            {
                WeightBits = ImportOptions.MostWeightBits,
                Sparsity = 0,
                LayerSparsity = new Dictionary<string, double>(),
                Samples = null,
                Report = null,
            });
            return report with { Accuracy = AccuracyOf(network), AccuracyBefore = AccuracyOf(before) };
        }

        public IReadOnlyList<LayerSensitivity> Sensitivity()
        {
            using var progress = new ProgressLine("sensitivity");
            ImportOptions quiet = Options with { Sparsity = 0, Report = null };
            return PruningSensitivity.Measure(
                OnnxImporter.LayersOf(Onnx, quiet), Options.LayerSparsity, TriedSparsities,
                pruned => AccuracyOf(OnnxImporter.Import(Onnx, quiet with { LayerSparsity = pruned })),
                progress.Report);
        }

        private double AccuracyOf(IntegerNetwork network) => Images.AccuracyOf(network, CancellationToken);
    }

    private static Dictionary<string, double> ByLayer(string[] given)
    {
        var result = new Dictionary<string, double>();
        foreach (string one in given)
        {
            int equals = one.LastIndexOf('=');
            if (equals < 0 || OptionValues.Read(one[(equals + 1)..]) is not double sparsity)
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
        ImportedLayer[] layers =
            [.. network.Layers.Select((layer, i) => Summarize(layer, bounds.Layers[i].BoundBits))];
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

    private static ImportedLayer Summarize(Layer layer, int boundBits)
    {
        PublicLayer described = layer.Describe(boundBits);
        var summary = new ImportedLayer(
            layer.Name, layer.KindName, Dimensions(layer.Output), null, null, null, null, null, boundBits,
            described.Shift > 0 ? described.Shift : null,
            described.SaturationBits > 0 ? described.SaturationBits : null);
        return layer is not LinearLayer { IsPool: false } linear ? summary : summary with
        {
            Weights = linear.Weights.Length,
            Nnz = linear.NonZero,
            Sparsity = Fraction(linear.Weights.Length - linear.NonZero, linear.Weights.Length),
            WeightBits = linear.WeightBits,
            DistinctWeights = linear.DistinctWeights,
        };
    }

    private static void Show(ImportReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.ImportReport);
            return;
        }

        ShowLayers(report, output);
        output.Line(
            $"{report.Model}: {Units.Bytes(report.Bytes)}, input {string.Join('x', report.Input)}, "
            + $"{report.Outputs} outputs, {Units.Count(report.Nnz)} of {Units.Count(report.Weights)} weights non-zero "
            + $"({Units.Percent(report.Sparsity)} zeros)");
        if (report.Fidelity is { } fidelity)
        {
            output.Line(OneLine.Of(FidelityText.Summary(fidelity)));
        }

        if (report.Accuracy is double after && report.AccuracyBefore is double before)
        {
            output.Line(
                $"accuracy {Units.Percent(after)}; with all weights at {ImportOptions.MostWeightBits} bits "
                + Units.Percent(before));
        }

        if (report.Sensitivity is { } sensitivity)
        {
            ShowSensitivity(sensitivity, output);
        }
    }

    private static void ShowLayers(ImportReport report, Output output)
    {
        var table = new Table(
            "layer", "kind", "output", ">weights", "?>non-zero", ">zeros", "?>bits", "?>values", ">bound");
        foreach (ImportedLayer layer in report.Layers)
        {
            table.Add(
                layer.Name,
                InspectCommand.KindOf(layer.Kind, layer.Shift, layer.SaturationBits),
                string.Join('x', layer.Output),
                layer.Weights is long weights ? Units.Count(weights) : "",
                layer.Nnz is long nonZero ? Units.Count(nonZero) : "",
                layer.Sparsity is double sparsity ? Units.Percent(sparsity) : "",
                layer.WeightBits?.ToString() ?? "",
                layer.DistinctWeights is int distinct ? Units.Count(distinct) : "",
                layer.BoundBits.ToString());
        }

        output.Table(table);
    }

    private static void ShowSensitivity(IReadOnlyList<LayerSensitivity> sensitivity, Output output)
    {
        var table = new Table(
            ["layer", ">weights", .. TriedSparsities.Select(sparsity => $">{sparsity:0 %}")]);
        foreach (LayerSensitivity layer in sensitivity)
        {
            table.Add(
                [layer.Name, Units.Count(layer.Weights), .. layer.Accuracy.Select(a => Units.Percent(a.Accuracy))]);
        }

        output.Line("Accuracy when one layer is pruned and no other, until so much of it is zero:");
        output.Table(table);
    }

    private static int[] Dimensions(Shape shape) => [shape.Channels, shape.Height, shape.Width];

    private static double Fraction(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
}
