using Popcorn.Engine.Import.Onnx;

namespace Popcorn.Engine.Import;

/// <summary>
/// Reads an ONNX graph into floating-point nodes: those ONNX nodes that the output depends on, each after what it
/// reads; all that cannot be read is collected before anything is refused.
/// </summary>
internal sealed class GraphReader
{
    private readonly ModelProto _model;
    private readonly ImportOptions _options;
    private readonly ElementOrder? _inputOrder;
    private readonly ReadingContext _context;
    private readonly List<string> _findings = [];
    private readonly List<string> _reports = [];
    private bool _hasUnknownOperator;

    /// <summary>Names of values that were quantized by each image's own range.</summary>
    private readonly HashSet<string> _quantizedByImage = [];

    /// <summary>The value of every name that is known; null: it depends on a node that could not be read.</summary>
    private readonly Dictionary<string, GraphValue?> _values = [];

    private GraphReader(ModelProto model, ImportOptions options, ElementOrder? inputOrder)
    {
        _model = model;
        _options = options;
        _inputOrder = inputOrder;
        ExternalData? external = options.Folder is string folder ? new ExternalData(folder) : null;
        _context = new ReadingContext(new Broadcasting(), new Ranges(options), external, _reports.Add);
    }

    private GraphProto Graph => _model.Graph;

    /// <summary>The node whose value is the graph's output.</summary>
    /// <exception cref="PopcornException">Names every finding.</exception>
    public static FloatNode Read(ModelProto model, ImportOptions options)
    {
        var reader = new GraphReader(model, options, null);
        FloatNode? output;
        try
        {
            output = reader.Read();
        }
        catch (ElementOrderException e)
        {
            reader = new GraphReader(model, options, e.Order);
            output = reader.Read();
        }

        if (output is null || reader._findings.Count > 0)
        {
            throw new PopcornException(reader.Describe());
        }

        reader._reports.ForEach(line => options.Report?.Invoke(line));
        return output;
    }

    private string Describe()
    {
        const int most = 100;
        string hint = _hasUnknownOperator ? $" Rewrite the network with {OperatorTable.Supported}." : "";
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
        if (OutputName() is not string output)
        {
            return null;
        }

        NodeOrder order = NodeOrder.Of(Graph, output);
        if (order.Cycle is { } cycle)
        {
            OnnxNode first = Describe(cycle);
            Report($"node '{first.Name}' ({first.Operator}): it depends on its own result; the file is damaged");
            return null;
        }

        long held = ReadInitializers(order.Names);
        ReadInput(order.Names);
        long mostFolded = LeastBudget + FoldsOfEach * held;
        foreach (NodeProto proto in order.Nodes)
        {
            OnnxNode node = Describe(proto);
            GraphValue? value = Try($"node '{node.Name}' ({node.Operator})", () => ReadNode(node, proto.Domain));
            List<GraphValue?> values = value is Several several ? [.. several.Values] : [value];
            long folded = values.OfType<Constant>().Sum(c => (long)c.Values.Length);
            mostFolded += (node.Operator == "Constant" ? FoldsOfEach : -1) * folded;
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
                    _values[node.Outputs[i]] = values.ElementAtOrDefault(i);
                }
            }
        }

        return ReadOutput(output);
    }

    private OnnxNode Describe(NodeProto proto)
    {
        // Without a word on it, the operators are taken to be recent.
        const long recent = 21;
        long version = _model.OpsetImport.FirstOrDefault(set => set.Domain is "" or "ai.onnx")?.Version ?? recent;
        return new OnnxNode(proto, version);
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
        catch (ElementOrderException) when (_inputOrder is not null)
        {
            Report($"{what}: it needs the input in another order of its elements than others do");
            return null;
        }
        catch (Exception e) when (e is NodeException or OverflowException)
        {
            Report($"{what}: {(e is NodeException ? e.Message : "a size in it is too large")}");
            return null;
        }
    }

    /// <summary>Reads the initializers that are needed; returns how many numbers they hold.</summary>
    private long ReadInitializers(HashSet<string> needed)
    {
        long held = 0;
        foreach (TensorProto tensor in Graph.Initializer.Where(t => needed.Contains(t.Name)))
        {
            Constant? initializer = Try($"initializer '{tensor.Name}'", () => Constant.Of(tensor, _context.External));
            _values[tensor.Name] = initializer;
            held += initializer?.Values.Length ?? 0;
        }

        return held;
    }

    private void ReadInput(HashSet<string> needed)
    {
        HashSet<string> constants = [.. Graph.Initializer.Select(t => t.Name)];
        ValueInfoProto[] all = [.. Graph.Input.Where(i => !constants.Contains(i.Name))];
        ValueInfoProto[] inputs = all.Length > 1 ? [.. all.Where(i => needed.Contains(i.Name))] : all;
        foreach (ValueInfoProto input in inputs)
        {
            Signal? signal = inputs.Length > 1
                ? null
                : Try($"input '{input.Name}'", () => Signal.Input(input, _inputOrder));
            _values[input.Name] = signal;
            if (signal is not null && signal.Type.IsInteger() && !double.IsInteger(_options.InputScale))
            {
                _reports.Add(
                    $"The input '{input.Name}' holds integers ({ElementTypes.Name(signal.Type)}) in the file and "
                    + $"enters as pixel times {_options.InputScale:G4}: choose the scale 1 for pixels as they are "
                    + "(--input-scale).");
            }
        }

        if (inputs.Length > 1)
        {
            Report($"it has {inputs.Length} inputs ({string.Join(", ", inputs.Select(i => i.Name))}); export it with a "
                + "single image as input");
        }
        else if (all.Length == 0)
        {
            Report("it has no input");
        }
    }

    /// <summary>The output that was asked for, or the only one.</summary>
    private string? OutputName()
    {
        string[] names = [.. Graph.Output.Select(o => o.Name)];
        if (_options.Output is string wanted)
        {
            if (names.Contains(wanted))
            {
                return wanted;
            }

            Report($"it has no output '{wanted}', but {string.Join(", ", names)}");
        }
        else if (names.Length == 1)
        {
            return names[0];
        }
        else
        {
            Report(names.Length == 0
                ? "it has no output"
                : $"it has {names.Length} outputs ({string.Join(", ", names)}); choose the one with the class scores "
                    + "by --output");
        }

        return null;
    }

    private FloatNode? ReadOutput(string name)
    {
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

        if (_quantizedByImage.Contains(name))
        {
            Report($"its output '{name}' is quantized by the image's own range (DynamicQuantizeLinear); make the real "
                + "scores the output");
        }

        FloatNode? node = value is Signal scores
            ? Try($"output '{name}'", () => scores.IsInOrder ? scores.Node : Selection.Ordered(name, scores))
            : null;
        foreach (FloatCurve curve in node is null ? [] : FloatGraph.InOrder(node).OfType<FloatCurve>())
        {
            if (curve.Lines is null)
            {
                Report($"node '{curve.Name}' ({curve.Operator}): what it computes of a single value approaches no "
                    + "straight lines; only squares and functions such as ReLU, SiLU, GELU or tanh can be imported");
            }
        }

        return node;
    }

    private GraphValue? ReadNode(OnnxNode node, string domain)
    {
        if (OperatorTable.Find(domain, node.Operator) is not { } found)
        {
            _hasUnknownOperator = true;
            throw new NodeException(
                $"the operator {(domain is "" or "ai.onnx" ? "" : domain + ".")}{node.Operator} is not supported");
        }

        const string dynamic = "DynamicQuantizeLinear";
        if (node.Operator == dynamic && node.Outputs.Count > 0)
        {
            _quantizedByImage.Add(node.Outputs[0]);
        }
        else if (node.Inputs.Any(_quantizedByImage.Contains)
            && node.Operator is not ("MatMulInteger" or "ConvInteger" or "DequantizeLinear"))
        {
            throw new NodeException(
                $"it computes with the result of a {dynamic}, whose scale depends on the image; only MatMulInteger, "
                + "ConvInteger and DequantizeLinear undo it");
        }

        GraphValue?[] inputs = [.. node.Inputs.Select(InputOf)];
        return inputs.Contains(null)
            ? null
            : found.Apply(new OperatorCall(node, OldBroadcast.Applied(node, inputs!), _context));
    }

    private GraphValue? InputOf(string name) => name.Length == 0 ? new Absent()
        : _values.TryGetValue(name, out GraphValue? value) ? value
        : throw new NodeException($"its input '{name}' is not computed by any node; the file is damaged");
}
