using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Reads an ONNX graph into floating-point nodes, one ONNX node at a time; all that cannot be read is collected before
/// anything is refused.
/// </summary>
internal sealed partial class GraphReader
{
    private const string SupportedOperators =
        "Conv, Gemm, MatMul, BatchNormalization, Relu, LeakyRelu, Clip, HardSigmoid, Tanh, Sigmoid, Softsign, Atan, "
        + "Sign, comparisons with constants and Where, Mul(x, x), Pow(x, 2), MaxPool, AveragePool, GlobalMaxPool, "
        + "GlobalAveragePool, ReduceMean over a plane, Pad with a constant, Concat, Flatten, Reshape, Squeeze, "
        + "Unsqueeze, Transpose at the borders, Identity, Dropout, Cast, QuantizeLinear, DequantizeLinear, constants, "
        + "Add and Sub, Mul and Div with constants, Max and Min with a constant, and a final Softmax, LogSoftmax or ArgMax";

    private readonly GraphProto _graph;
    private readonly Action<string>? _report;
    private readonly List<string> _findings = [];
    private bool _hasUnknownOperator;

    /// <summary>
    /// Every name that is known: a <see cref="Signal"/>, a <see cref="Constant"/>, or null for what depends on a node
    /// that could not be read.
    /// </summary>
    private readonly Dictionary<string, object?> _values = [];

    private GraphReader(GraphProto graph, Action<string>? report)
    {
        _graph = graph;
        _report = report;
    }

    /// <summary>The node whose value is the graph's output.</summary>
    /// <exception cref="PopcornException">Names every finding.</exception>
    public static FloatNode Read(GraphProto graph, Action<string>? report)
    {
        var reader = new GraphReader(graph, report);
        FloatNode? output = reader.Read();
        return output is not null && reader._findings.Count == 0
            ? output
            : throw new PopcornException(reader.Describe());
    }

    private string Describe()
    {
        const int most = 100;
        string hint = _hasUnknownOperator ? $" Rewrite the network with {SupportedOperators}." : "";
        if (_findings is [string single])
        {
            return $"This network cannot be imported: {single}.{hint}";
        }

        IEnumerable<string> lines = _findings.Take(most).Select(f => $"- {f}.");
        string more = _findings.Count > most ? $"\n… and {_findings.Count - most} more." : "";
        return $"This network cannot be imported ({_findings.Count} findings):\n{string.Join('\n', lines)}{more}"
            + (hint.Length > 0 ? "\n" + hint.TrimStart() : "");
    }

    private FloatNode? Read()
    {
        foreach (TensorProto tensor in _graph.Initializer)
        {
            _values[tensor.Name] = Try($"initializer '{tensor.Name}'", () => Constant.Read(tensor));
        }

        ReadInput();
        foreach (NodeProto proto in _graph.Node)
        {
            var node = new OnnxNode(proto);
            object? value = Try($"node '{node.Name}' ({node.Operator})", () => ReadNode(node, proto.Domain));
            for (int i = 0; i < node.Outputs.Count; i++)
            {
                // Further outputs (masks, indices, statistics) are unknown; whoever reads one is refused.
                if (node.Outputs[i].Length > 0)
                {
                    _values[node.Outputs[i]] = i == 0 ? value : null;
                }
            }
        }

        return ReadOutput();
    }

    /// <summary>Notes a finding; names come from the file and may hold anything.</summary>
    private void Report(string finding) => _findings.Add(OneLine.Of(finding));

    private T? Try<T>(string what, Func<T?> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Refusal e)
        {
            Report($"{what}: {e.Message}");
            return null;
        }
    }

    private void ReadInput()
    {
        ValueInfoProto[] inputs = [.. _graph.Input.Where(i => !_values.ContainsKey(i.Name))];
        foreach (ValueInfoProto input in inputs)
        {
            _values[input.Name] = inputs.Length > 1
                ? null
                : Try($"input '{input.Name}'", () => Signal.Input(input));
        }

        if (inputs.Length != 1)
        {
            Report(inputs.Length == 0
                ? "it has no input"
                : $"it has {inputs.Length} inputs ({string.Join(", ", inputs.Select(i => i.Name))}); "
                    + "export it with a single image as input");
        }
    }

    private FloatNode? ReadOutput()
    {
        if (_graph.Output.Count != 1)
        {
            Report(_graph.Output.Count == 0
                ? "it has no output"
                : $"it has {_graph.Output.Count} outputs ({string.Join(", ", _graph.Output.Select(o => o.Name))}); "
                    + "export it with the class scores as its only output");
            return null;
        }

        string name = _graph.Output[0].Name;
        if (!_values.TryGetValue(name, out object? value))
        {
            Report($"its output '{name}' is not computed by any node");
        }
        else if (value is Constant)
        {
            Report($"its output '{name}' does not depend on its input");
        }
        else if (value is null && _findings.Count == 0)
        {
            Report($"its output '{name}' is a by-product of a node; make the node's first output the output");
        }

        return (value as Signal)?.Node;
    }

    private object? ReadNode(OnnxNode node, string domain)
    {
        if (domain is not ("" or "ai.onnx") || !IsSupported(node.Operator))
        {
            string qualified = domain is "" or "ai.onnx" ? node.Operator : $"{domain}.{node.Operator}";
            _hasUnknownOperator = true;
            throw new Refusal($"the operator {qualified} is not supported");
        }

        var inputs = new object?[node.Inputs.Count];
        for (int i = 0; i < inputs.Length; i++)
        {
            string name = node.Inputs[i];
            if (name.Length == 0)
            {
                inputs[i] = Absent;
            }
            else if (!_values.TryGetValue(name, out inputs[i]))
            {
                throw new Refusal($"its input '{name}' is not computed before it; the file is damaged");
            }
        }

        if (inputs.Contains(null))
        {
            return null;
        }

        if (node.Operator == "Shape" && inputs is [Signal shaped])
        {
            return ConstantFolding.ShapeOf(node, shaped.Dims);
        }

        return inputs.OfType<Signal>().Any() ? ReadSignal(node, inputs!) : ConstantFolding.Fold(node, inputs!);
    }

    /// <summary>Stands for an optional input that is left out.</summary>
    private static readonly object Absent = new();
}
