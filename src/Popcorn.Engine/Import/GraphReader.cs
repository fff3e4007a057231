using Popcorn.Engine.Import.Onnx;

namespace Popcorn.Engine.Import;

/// <summary>
/// Reads an ONNX graph into floating-point nodes, one ONNX node at a time; all that cannot be read is collected before
/// anything is refused.
/// </summary>
internal sealed class GraphReader(GraphProto graph, Action<string>? report)
{
    private readonly Broadcasting _broadcasting = new();
    private readonly List<string> _findings = [];
    private bool _hasUnknownOperator;

    /// <summary>The value of every name that is known; null: it depends on a node that could not be read.</summary>
    private readonly Dictionary<string, GraphValue?> _values = [];

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
        string hint = _hasUnknownOperator ? $" Rewrite the network with {OnnxOperator.Supported}." : "";
        if (_findings is [string single])
        {
            return $"This network cannot be imported: {single}.{hint}";
        }

        IEnumerable<string> lines = _findings.Take(most).Select(f => $"- {f}.");
        string more = _findings.Count > most ? $"\n… and {_findings.Count - most} more." : "";
        return $"This network cannot be imported ({_findings.Count} findings):\n{string.Join('\n', lines)}{more}"
            + (hint.Length > 0 ? "\n" + hint.TrimStart() : "");
    }

    // Numbers that constants computed from others may hold in all: each of a file's own so many times, and some more.
    private const long LeastBudget = 1 << 22;
    private const int FoldsOfEach = 16;

    private FloatNode? Read()
    {
        long held = 0;
        foreach (TensorProto tensor in graph.Initializer)
        {
            Constant? initializer = Try($"initializer '{tensor.Name}'", () => Constant.Read(tensor));
            _values[tensor.Name] = initializer;
            held += initializer?.Values.Length ?? 0;
        }

        ReadInput();
        long mostFolded = LeastBudget + FoldsOfEach * held;
        foreach (NodeProto proto in graph.Node)
        {
            var node = new OnnxNode(proto);
            GraphValue? value = Try($"node '{node.Name}' ({node.Operator})", () => ReadNode(node, proto.Domain));
            if (value is Constant constant)
            {
                mostFolded += (node.Operator == "Constant" ? FoldsOfEach : -1) * (long)constant.Values.Length;
            }

            if (mostFolded < 0)
            {
                Report($"node '{node.Name}' ({node.Operator}): its constants grow beyond all that the file holds; "
                    + "fold constants before exporting");
                return null;
            }

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
        catch (Exception e) when (e is NodeException or OverflowException)
        {
            Report($"{what}: {(e is NodeException ? e.Message : "a size in it is too large")}");
            return null;
        }
    }

    private void ReadInput()
    {
        ValueInfoProto[] inputs = [.. graph.Input.Where(i => !_values.ContainsKey(i.Name))];
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
        if (graph.Output.Count != 1)
        {
            Report(graph.Output.Count == 0
                ? "it has no output"
                : $"it has {graph.Output.Count} outputs ({string.Join(", ", graph.Output.Select(o => o.Name))}); "
                    + "export it with the class scores as its only output");
            return null;
        }

        string name = graph.Output[0].Name;
        if (!_values.TryGetValue(name, out GraphValue? value))
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

    private GraphValue? ReadNode(OnnxNode node, string domain)
    {
        bool isStandard = domain is "" or "ai.onnx";
        if (!isStandard || OnnxOperator.Find(node.Operator) is not { } found)
        {
            _hasUnknownOperator = true;
            throw new NodeException(
                $"the operator {(isStandard ? node.Operator : $"{domain}.{node.Operator}")} is not supported");
        }

        GraphValue?[] inputs = [.. node.Inputs.Select(InputOf)];
        return inputs.Contains(null)
            ? null
            : found.Apply(new OperatorCall(node, inputs!, _broadcasting, report));
    }

    private GraphValue? InputOf(string name) => name.Length == 0 ? new Absent()
        : _values.TryGetValue(name, out GraphValue? value) ? value
        : throw new NodeException($"its input '{name}' is not computed before it; the file is damaged");
}
