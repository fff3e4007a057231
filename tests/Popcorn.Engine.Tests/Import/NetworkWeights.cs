using System.Runtime.InteropServices;
using Google.Protobuf;
using Popcorn.Engine.Import.Onnx;

namespace Popcorn.Engine.Tests.Import;

/// <summary>The weights of a network's convolutions and dense layers, to read and to write where they stand.</summary>
internal sealed class NetworkWeights
{
    /// <summary>ONNX's number of single precision.</summary>
    private const int Float = 1;

    private readonly ModelProto _model;

    private NetworkWeights(byte[] onnx)
    {
        _model = ModelProto.Parser.ParseFrom(onnx);
        Dictionary<string, TensorProto> constants = _model.Graph.Initializer.ToDictionary(t => t.Name);
        foreach (NodeProto node in _model.Graph.Node)
        {
            if (node.OpType == "Constant" && node.Attribute.FirstOrDefault(a => a.T is not null) is { } value)
            {
                constants[node.Output[0]] = value.T;
            }
        }

        Layers = [.. _model.Graph.Node
            .Where(n => n.OpType is "Conv" or "Gemm" or "MatMul")
            .Select(n => (Node: n, Tensor: constants.GetValueOrDefault(n.Input[1])))
            .Where(l => l.Tensor?.DataType == Float)
            .DistinctBy(l => l.Tensor)
            .Select(l => new Layer(l.Tensor!, isTransposed: l.Node.OpType switch
            {
                "Conv" => false,
                "Gemm" => !l.Node.Attribute.Any(a => a.Name == "transB" && a.I != 0),
                _ => true,
            }))];
    }

    public IReadOnlyList<Layer> Layers { get; }

    /// <summary>The same file with what <paramref name="edit"/> makes of the weights.</summary>
    public static byte[] Edit(byte[] onnx, Action<NetworkWeights> edit)
    {
        var weights = new NetworkWeights(onnx);
        edit(weights);
        foreach (Layer layer in weights.Layers)
        {
            layer.Save();
        }

        return weights._model.ToByteArray();
    }

    /// <summary>One layer's weights.</summary>
    /// <param name="tensor">Where they stand.</param>
    /// <param name="isTransposed">Whether output channels are the last side, and not the first.</param>
    internal sealed class Layer(TensorProto tensor, bool isTransposed)
    {
        /// <summary>In the order of the file.</summary>
        public double[] Values { get; } = tensor.RawData.Length == 0
            ? [.. tensor.FloatData.Select(v => (double)v)]
            : Array.ConvertAll(MemoryMarshal.Cast<byte, float>(tensor.RawData.Span).ToArray(), v => (double)v);

        private int Channels { get; } = (int)(isTransposed ? tensor.Dims[^1] : tensor.Dims[0]);

        /// <summary>For each output channel the places of its weights in <see cref="Values"/>.</summary>
        public IEnumerable<int[]> PlacesByChannel() =>
            Enumerable.Range(0, Values.Length)
                .GroupBy(i => isTransposed ? i % Channels : i / (Values.Length / Channels))
                .Select(g => g.ToArray());

        public void Save()
        {
            float[] values = Array.ConvertAll(Values, v => (float)v);
            tensor.FloatData.Clear();
            tensor.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan()));
        }
    }
}
