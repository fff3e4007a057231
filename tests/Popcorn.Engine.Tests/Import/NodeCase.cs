using Google.Protobuf;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Import;

/// <summary>
/// One of the ONNX project's tests of a node, as a network that reads one of the node's inputs and holds the others.
/// </summary>
internal sealed class NodeCase
{
    /// <summary>ONNX's number of 64-bit integers.</summary>
    private const int Int64 = 7;

    /// <summary>The input's integers reach so far either way.</summary>
    private const int Finest = 1 << 15;

    /// <summary>Inputs that are smaller are memory that a test was written from by mistake.</summary>
    private const double Tiniest = 1e-30;

    /// <summary>Share of the largest output that one may be off by.</summary>
    private const double Tolerance = 0.01;

    private readonly ModelProto _model;
    private readonly Constant _input;
    private readonly Constant _expected;

    private NodeCase(string name, ModelProto model, Constant input, Constant expected)
    {
        (Name, _model, _input, _expected) = (name, model, input, expected);
        InputName = model.Graph.Input[0].Name;
    }

    public enum Outcome
    {
        Right,
        Refused,
        Wrong,
    }

    public string Name { get; }

    public int InputSize => _input.Values.Length;

    private string InputName { get; }

    /// <summary>Whether the import drops the last node, which <see cref="Ended"/> makes good.</summary>
    private bool IsEnded => _model.Graph.Node[^1].OpType is "Softmax" or "LogSoftmax" or "ArgMax" or "Hardmax";

    /// <summary>The cases of a test's folder; none where its inputs or its output hold no numbers.</summary>
    public static IEnumerable<NodeCase> In(string folder)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(folder, "model.onnx"));
        int inputs = ModelProto.Parser.ParseFrom(file).Graph.Input.Count;
        for (int varying = 0; varying < inputs; varying++)
        {
            ModelProto model = ModelProto.Parser.ParseFrom(file);
            if (Numbers("output_0") is not { } output
                || Enumerable.Range(0, inputs).Select(i => Numbers($"input_{i}")).ToArray() is var given
                && given.Contains(null))
            {
                yield break;
            }

            GraphProto graph = model.Graph;
            for (int i = 0; i < inputs; i++)
            {
                if (i != varying)
                {
                    TensorProto held = given[i]!.Value.Tensor.Clone();
                    held.Name = graph.Input[i].Name;
                    graph.Initializer.Add(held);
                }
            }

            ValueInfoProto read = graph.Input[varying];
            graph.Input.Clear();
            graph.Input.Add(read);
            while (graph.Output.Count > 1)
            {
                graph.Output.RemoveAt(1);
            }

            yield return new NodeCase(
                $"{Path.GetFileName(folder)} by {read.Name}", model, given[varying]!.Value.Numbers, output.Numbers);
        }

        (TensorProto Tensor, Constant Numbers)? Numbers(string name)
        {
            string path = Path.Combine(folder, "test_data_set_0", name + ".pb");
            if (!File.Exists(path))
            {
                return null;
            }

            try
            {
                TensorProto tensor = TensorProto.Parser.ParseFrom(File.ReadAllBytes(path));
                Constant numbers = Constant.Of(tensor, external: null);
                return numbers.Values.All(v => Math.Abs(v) <= int.MaxValue) ? (tensor, numbers) : null;
            }
            catch (Exception e) when (e is NodeException or InvalidProtocolBufferException)
            {
                // Words, sequences, optional values.
                return null;
            }
        }
    }

    /// <summary>Imports the network and compares what it computes; says what came of it.</summary>
    public (Outcome Outcome, string Why) Try()
    {
        // Logits may share an offset that nobody needs, unless something reads them that knows where 0 is. Sides that
        // no image has are made of others. What is dropped at the end nothing may read, and something must stand
        // before it.
        (ModelProto Model, bool IsSigned)[] variants =
        [
            (WithSigns(_model, behind: true), true), (Lifted(), true), (_model, false),
            (WithSigns(_model, behind: false), false),
        ];
        string refusal = "";
        foreach ((ModelProto model, bool isSigned) in variants)
        {
            (Outcome Outcome, string Why) tried = Try(model, isSigned);
            if (tried.Outcome != Outcome.Refused)
            {
                return tried;
            }

            refusal = model == _model ? tried.Why : refusal;
        }

        return (Outcome.Refused, refusal);
    }

    /// <summary>Whether a refusal says which node or end of the network it is about, or that it is about all.</summary>
    public bool IsNamedIn(string refusal)
    {
        GraphProto graph = _model.Graph;
        return refusal.Contains($"input '{InputName}'", StringComparison.Ordinal)
            || refusal.Contains($"output '{graph.Output[0].Name}'", StringComparison.Ordinal)
            || refusal.Contains("it computes nothing", StringComparison.Ordinal)
            || graph.Node.Any(n =>
                refusal.Contains($"'{(n.Name.Length > 0 ? n.Name : n.Output[0])}'", StringComparison.Ordinal)
                && refusal.Contains(n.OpType, StringComparison.OrdinalIgnoreCase));
    }

    private (Outcome Outcome, string Why) Try(ModelProto model, bool isSigned)
    {
        try
        {
            return Difference(model, isSigned) is { } difference ? (Outcome.Wrong, difference) : (Outcome.Right, "");
        }
        catch (PopcornException e)
        {
            return (Outcome.Refused, e.Message);
        }
        catch (Exception e)
        {
            return (Outcome.Wrong, $"{e.GetType().Name}: {e.Message}");
        }
    }

    private string? Difference(ModelProto model, bool isSigned)
    {
        double largest = _input.Values.Select(Math.Abs).DefaultIfEmpty(0).Max();
        bool isWhole = _input.Values.All(double.IsInteger);
        double scale = isWhole || largest < Tiniest ? 1 : largest / Finest;
        int range = (int)Math.Max(1, Math.Round(largest / scale));
        var options = new ImportOptions
        {
            WeightBits = ImportOptions.MostWeightBits,
            ActivationSteps = 255,
            InputScale = scale,
            InputMinimum = _input.Values.Any(v => v < 0) ? -range : 0,
            InputMaximum = range,
        };
        IntegerNetwork network = OnnxImporter.Import(model.ToByteArray(), options);
        int size = network.Input.Shape.Size;
        int[] image = Array.ConvertAll(_input.Values, v => (int)Math.Round(v / scale));
        if (image.Length % size != 0)
        {
            return $"it reads images of {size} elements of {image.Length}";
        }

        var evaluator = new PlainEvaluator(network);
        double[] actual = [.. image.Chunk(size)
            .SelectMany(x => Ended(Array.ConvertAll(evaluator.Run(x), l => (double)l * network.LogitScale)))];
        if (actual.Length != _expected.Values.Length)
        {
            return $"{actual.Length} outputs for {_expected.Values.Length}";
        }

        if (!isSigned && !IsEnded && actual.Length > 0)
        {
            double offset = actual.Average() - _expected.Values.Average();
            actual = Array.ConvertAll(actual, v => v - offset);
        }

        double tolerance = Tolerance * _expected.Values.Select(Math.Abs).DefaultIfEmpty(0).Max() + 1e-6;
        int worst = Enumerable.Range(0, actual.Length).MaxBy(i => Math.Abs(actual[i] - _expected.Values[i]));
        return actual.Length == 0 || Math.Abs(actual[worst] - _expected.Values[worst]) <= tolerance
            ? null
            : $"output {worst} is {actual[worst]:G4} for {_expected.Values[worst]:G4}, tolerance {tolerance:G2}";
    }

    /// <summary>What the import drops at the end of a network.</summary>
    private double[] Ended(double[] logits)
    {
        double largest = logits.Max();
        double sum = logits.Sum(l => Math.Exp(l - largest));
        return _model.Graph.Node[^1].OpType switch
        {
            "Softmax" => Array.ConvertAll(logits, l => Math.Exp(l - largest) / sum),
            "LogSoftmax" => Array.ConvertAll(logits, l => l - largest - Math.Log(sum)),
            "ArgMax" => [Array.IndexOf(logits, largest)],
            "Hardmax" => [.. logits.Select((_, i) => i == Array.IndexOf(logits, largest) ? 1.0 : 0)],
            _ => logits,
        };
    }

    /// <summary>The same network, reading a flat input.</summary>
    private ModelProto Lifted()
    {
        ModelProto model = WithSigns(_model, behind: true);
        GraphProto graph = model.Graph;
        string read = graph.Input[0].Name + "_flat";
        var sides = new TensorProto { Name = "sides", DataType = Int64 };
        sides.Dims.Add(_input.Dims.Length);
        sides.Int64Data.AddRange(_input.Dims.Select(d => (long)d));
        graph.Initializer.Add(sides);
        graph.Node.Insert(0, Node("Reshape", graph.Input[0].Name, read, "sides"));
        int type = graph.Input[0].Type.TensorType.ElemType;
        graph.Input[0] = OnnxBuilder.Info(read, 1, _input.Values.Length);
        graph.Input[0].Type.TensorType.ElemType = type;
        return model;
    }

    /// <summary>A network, before or behind it max(y, 0) − max(−y, 0).</summary>
    private static ModelProto WithSigns(ModelProto original, bool behind)
    {
        ModelProto model = original.Clone();
        GraphProto graph = model.Graph;
        string read = graph.Output[0].Name, made = "signed";
        if (behind)
        {
            graph.Output[0].Name = made;
        }
        else
        {
            (read, made) = (graph.Input[0].Name + "_unsigned", graph.Input[0].Name);
            graph.Input[0].Name = read;
        }

        NodeProto[] signs =
        [
            Node("Relu", "sign_a", read),
            Node("Neg", "sign_b", read),
            Node("Relu", "sign_c", "sign_b"),
            Node("Sub", made, "sign_a", "sign_c"),
        ];
        NodeProto[] nodes = [.. graph.Node];
        graph.Node.Clear();
        graph.Node.AddRange(behind ? [.. nodes, .. signs] : [.. signs, .. nodes]);
        return model;
    }

    private static NodeProto Node(string op, string output, params string[] inputs)
    {
        var node = new NodeProto { OpType = op, Name = output };
        node.Input.AddRange(inputs);
        node.Output.Add(output);
        return node;
    }
}
