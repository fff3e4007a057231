using Google.Protobuf;
using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Builds small ONNX networks, node by node; names are made up.</summary>
public sealed class OnnxBuilder
{
    public const string Image = "image";

    /// <summary>ONNX's number of single precision.</summary>
    private const int Float = 1;

    private int _next;

    /// <param name="dims">Sides of the input, batch first (0: open).</param>
    public OnnxBuilder(params int[] dims)
    {
        Model = new ModelProto { IrVersion = 7, Graph = new GraphProto { Name = "network" } };
        Model.OpsetImport.Add(new OperatorSetIdProto { Version = 12 });
        Model.Graph.Input.Add(Info(Image, dims));
    }

    internal ModelProto Model { get; }

    /// <summary>ONNX's number of the input's type.</summary>
    public int InputType { set => Model.Graph.Input[0].Type.TensorType.ElemType = value; }

    /// <summary>The operator set that the nodes are of.</summary>
    public long OperatorSet { set => Model.OpsetImport[0].Version = value; }

    internal static ValueInfoProto Info(string name, params int[] dims)
    {
        var shape = new TensorShapeProto();
        shape.Dim.AddRange(dims.Select(d => d == 0
            ? new TensorShapeProto.Types.Dimension { DimParam = "N" }
            : new TensorShapeProto.Types.Dimension { DimValue = d }));
        var type = new TypeProto { TensorType = new() { ElemType = Float, Shape = shape } };
        return new ValueInfoProto { Name = name, Type = type };
    }

    /// <summary>Adds a node and returns the name of its output.</summary>
    public string Node(string op, string[] inputs, params (string Name, object Value)[] attributes)
    {
        var node = new NodeProto { OpType = op, Name = $"{op.ToLowerInvariant()}{_next++}" };
        node.Input.AddRange(inputs);
        node.Output.Add(node.Name + "_out");
        node.Attribute.AddRange(attributes.Select(a => Attribute(a.Name, a.Value)));
        Model.Graph.Node.Add(node);
        return node.Output[0];
    }

    public string Node(string op, string input, params (string Name, object Value)[] attributes) =>
        Node(op, [input], attributes);

    /// <summary>Adds a node with several outputs and returns their names.</summary>
    public string[] Nodes(string op, int outputs, string[] inputs, params (string Name, object Value)[] attributes)
    {
        Node(op, inputs, attributes);
        NodeProto node = Model.Graph.Node[^1];
        node.Output.Clear();
        node.Output.AddRange(Enumerable.Range(0, outputs).Select(i => $"{node.Name}_out{i}"));
        return [.. node.Output];
    }

    /// <summary>Adds a Clip and returns the name of its output.</summary>
    public string Clip(string input, double low, double high) =>
        Node("Clip", [input, Floats([], low), Floats([], high)]);

    /// <summary>Adds a float initializer and returns its name.</summary>
    public string Floats(int[] dims, params double[] values) => Initializer(Tensor(dims, values));

    /// <summary>Adds an int64 initializer and returns its name.</summary>
    public string Integers(params long[] values)
    {
        var tensor = new TensorProto { DataType = 7 };
        tensor.Dims.Add(values.Length);
        tensor.Int64Data.AddRange(values);
        return Initializer(tensor);
    }

    /// <summary>Adds an initializer of bytes and returns its name.</summary>
    /// <param name="type">ONNX's number of the type.</param>
    /// <param name="dims">Its sides.</param>
    /// <param name="data">Its elements as they lie in memory.</param>
    public string Raw(int type, int[] dims, params byte[] data)
    {
        var tensor = new TensorProto { DataType = type, RawData = ByteString.CopyFrom(data) };
        tensor.Dims.AddRange(dims.Select(d => (long)d));
        return Initializer(tensor);
    }

    internal string Initializer(TensorProto tensor)
    {
        tensor.Name = $"constant{_next++}";
        Model.Graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    internal static TensorProto Tensor(int[] dims, params double[] values)
    {
        var tensor = new TensorProto { DataType = Float };
        tensor.Dims.AddRange(dims.Select(d => (long)d));
        tensor.FloatData.AddRange(values.Select(v => (float)v));
        return tensor;
    }

    public byte[] Build(string output)
    {
        Model.Graph.Output.Clear();
        Model.Graph.Output.Add(new ValueInfoProto
        {
            Name = output,
            Type = new TypeProto { TensorType = new() { ElemType = Float } },
        });
        return Model.ToByteArray();
    }

    public IntegerNetwork Import(string output, ImportOptions? options = null) =>
        OnnxImporter.Import(Build(output), options);

    private static AttributeProto Attribute(string name, object value)
    {
        // ONNX's numbers of the types; the importer does without, ONNX Runtime does not.
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case double f: (attribute.Type, attribute.F) = (1, (float)f); break;
            case int i: (attribute.Type, attribute.I) = (2, i); break;
            case string s: (attribute.Type, attribute.S) = (3, ByteString.CopyFromUtf8(s)); break;
            case TensorProto tensor: (attribute.Type, attribute.T) = (4, tensor); break;
            case double[] floats: attribute.Type = 6; attribute.Floats.AddRange(floats.Select(f => (float)f)); break;
            case int[] ints: attribute.Type = 7; attribute.Ints.AddRange(ints.Select(i => (long)i)); break;
            default: throw new ArgumentException($"{value.GetType()} is no attribute.", nameof(value));
        }

        return attribute;
    }
}
