using System.Runtime.InteropServices;
using Popcorn.Engine.Import.Onnx;

namespace Popcorn.Engine.Tests.Import;

/// <summary>
/// Evaluates ONNX graphs in floating point, straight from the operators' definitions and from nothing of the importer:
/// what imported networks are compared with.
/// </summary>
internal sealed class FloatReference
{
    private readonly GraphProto _graph;
    private readonly Dictionary<string, Tensor> _constants = [];

    public FloatReference(ModelProto model)
    {
        _graph = model.Graph;
        foreach (TensorProto t in _graph.Initializer)
        {
            _constants[t.Name] = Read(t);
        }
    }

    private sealed record Tensor(int[] Dims, double[] Values)
    {
        public double this[params ReadOnlySpan<int> at] => Values[Offset(at)];

        private int Offset(ReadOnlySpan<int> at)
        {
            int offset = 0;
            for (int i = 0; i < Dims.Length; i++)
            {
                offset = offset * Dims[i] + at[i];
            }

            return offset;
        }
    }

    /// <summary>The output for one image, whose elements are real (scaled) already.</summary>
    public double[] Run(double[] image)
    {
        string inputName = _graph.Input.Single(i => !_constants.ContainsKey(i.Name)).Name;
        var dims = _graph.Input.Single(i => i.Name == inputName).Type.TensorType.Shape.Dim;
        var values = new Dictionary<string, Tensor>(_constants)
        {
            [inputName] = new([.. dims.Select((d, i) => i == 0 ? 1 : (int)d.DimValue)], image),
        };
        foreach (NodeProto node in _graph.Node)
        {
            values[node.Output[0]] = Evaluate(node, [.. node.Input.Select(name => values[name])]);
        }

        return values[_graph.Output[0].Name].Values;
    }

    private static Tensor Evaluate(NodeProto node, Tensor[] x) => node.OpType switch
    {
        "Conv" => Conv(node, x),
        "Gemm" => Gemm(node, x),
        "MatMul" => Multiply(x[0], x[1], (_, _) => 0),
        "BatchNormalization" => BatchNormalization(node, x),
        "Relu" => Map(x[0], v => Math.Max(v, 0)),
        "Pow" => Broadcast(x[0], x[1], Math.Pow),
        "Add" => Broadcast(x[0], x[1], (a, b) => a + b),
        "Sub" => Broadcast(x[0], x[1], (a, b) => a - b),
        "Mul" => Broadcast(x[0], x[1], (a, b) => a * b),
        "Div" => Broadcast(x[0], x[1], (a, b) => a / b),
        "MaxPool" => Pool(node, x[0], Ints(node, "kernel_shape")!, (v, _) => v.Max()),
        "AveragePool" => Pool(node, x[0], Ints(node, "kernel_shape")!, (v, taps) => v.Sum() / taps),
        "GlobalAveragePool" => Pool(node, x[0], x[0].Dims[2..], (v, _) => v.Average()),
        "GlobalMaxPool" => Pool(node, x[0], x[0].Dims[2..], (v, _) => v.Max()),
        "Identity" or "Dropout" => x[0],
        "Pad" => PadPlane(x[0], [.. x[1].Values.Select(v => (int)v)], x.Length > 2 ? x[2].Values[0] : 0),
        "LeakyRelu" => Map(x[0], v => v < 0 ? Float(node, "alpha", 0.01) * v : v),
        "Clip" => Map(x[0], v => Math.Min(
            Math.Max(v, x.Length > 1 ? x[1].Values[0] : Float(node, "min", double.NegativeInfinity)),
            x.Length > 2 ? x[2].Values[0] : Float(node, "max", double.PositiveInfinity))),
        "Max" => Broadcast(x[0], x[1], Math.Max),
        "Min" => Broadcast(x[0], x[1], Math.Min),
        "Sum" => x.Aggregate((a, b) => Broadcast(a, b, (v, w) => v + w)),
        "Neg" => Map(x[0], v => -v),
        "Abs" => Map(x[0], Math.Abs),
        "HardSigmoid" => Map(x[0], v => Math.Clamp(Float(node, "alpha", 0.2) * v + Float(node, "beta", 0.5), 0, 1)),
        "Tanh" => Map(x[0], Math.Tanh),
        "Sigmoid" => Map(x[0], v => 1 / (1 + Math.Exp(-v))),
        "Softsign" => Map(x[0], v => v / (1 + Math.Abs(v))),
        "Atan" => Map(x[0], Math.Atan),
        "Sign" => Map(x[0], v => Math.Sign(v)),
        "Greater" => Broadcast(x[0], x[1], (a, b) => a > b ? 1 : 0),
        "GreaterOrEqual" => Broadcast(x[0], x[1], (a, b) => a >= b ? 1 : 0),
        "Less" => Broadcast(x[0], x[1], (a, b) => a < b ? 1 : 0),
        "LessOrEqual" => Broadcast(x[0], x[1], (a, b) => a <= b ? 1 : 0),
        "Not" => Map(x[0], v => 1 - v),
        "Cast" => x[0],
        "Where" => Broadcast(
            Broadcast(x[0], x[1], (c, v) => c * v), Broadcast(x[0], x[2], (c, v) => (1 - c) * v), (a, b) => a + b),
        "Concat" => Concat(x),
        "DequantizeLinear" => Broadcast(
            x.Length > 2 ? Broadcast(x[0], x[2], (v, z) => v - z) : x[0], x[1], (v, s) => v * s),
        // Without the rounding, which the importer leaves out; the zero point is 0, of an unsigned type.
        "QuantizeLinear" => Map(x[0], v => Math.Max(v / x[1].Values[0], 0)),
        "ArgMax" => x[0],
        "ReduceMean" => Pool(node, x[0], x[0].Dims[2..], (v, _) => v.Average()),
        // Logits, for comparison: Softmax only changes how they are expressed.
        "Softmax" or "LogSoftmax" => x[0],
        "Flatten" => new([x[0].Dims[0], x[0].Values.Length / x[0].Dims[0]], x[0].Values),
        "Reshape" => Reshape(x[0], x[1]),
        "Squeeze" => x[0] with { Dims = [.. x[0].Dims.Where((side, i) => i == 0 || side != 1)] },
        "Unsqueeze" => x[0] with { Dims = [x[0].Dims[0], 1, .. x[0].Dims[1..]] },
        "Transpose" => x[0].Dims.Length == 2 ? Transpose(x[0]) : Permute(x[0], Ints(node, "perm")!),
        "Constant" => Read(node.Attribute[0].T),
        _ => throw new NotSupportedException(node.OpType),
    };

    private static Tensor Conv(NodeProto node, Tensor[] x)
    {
        Tensor input = x[0], weights = x[1];
        int groups = Int(node, "group", 1);
        (int[] strides, int[] dilations, int[] pads, int[] outputs) = Geometry(node, input, weights.Dims[2..]);
        int perGroup = weights.Dims[0] / groups;
        return Make([1, weights.Dims[0], .. outputs], at =>
        {
            double sum = x.Length > 2 ? x[2].Values[at[1]] : 0;
            for (int c = 0; c < weights.Dims[1]; c++)
            {
                for (int ky = 0; ky < weights.Dims[2]; ky++)
                {
                    for (int kx = 0; kx < weights.Dims[3]; kx++)
                    {
                        int y = at[2] * strides[0] + ky * dilations[0] - pads[0];
                        int z = at[3] * strides[1] + kx * dilations[1] - pads[1];
                        if (y >= 0 && y < input.Dims[2] && z >= 0 && z < input.Dims[3])
                        {
                            sum += weights[at[1], c, ky, kx] * input[0, at[1] / perGroup * weights.Dims[1] + c, y, z];
                        }
                    }
                }
            }

            return sum;
        });
    }

    private static Tensor Pool(NodeProto node, Tensor input, int[] kernel, Func<List<double>, int, double> combine)
    {
        (int[] strides, int[] dilations, int[] pads, int[] outputs) = Geometry(node, input, kernel);
        return Make([1, input.Dims[1], .. outputs], at =>
        {
            var seen = new List<double>();
            for (int ky = 0; ky < kernel[0]; ky++)
            {
                for (int kx = 0; kx < kernel[1]; kx++)
                {
                    int y = at[2] * strides[0] + ky * dilations[0] - pads[0];
                    int z = at[3] * strides[1] + kx * dilations[1] - pads[1];
                    if (y >= 0 && y < input.Dims[2] && z >= 0 && z < input.Dims[3])
                    {
                        seen.Add(input[0, at[1], y, z]);
                    }
                }
            }

            return combine(seen, kernel[0] * kernel[1]);
        });
    }

    private static (int[] Strides, int[] Dilations, int[] Pads, int[] Outputs) Geometry(
        NodeProto node, Tensor input, int[] kernel)
    {
        bool isGlobal = node.OpType.StartsWith("Global", StringComparison.Ordinal) || node.OpType == "ReduceMean";
        int[] strides = isGlobal ? [1, 1] : Ints(node, "strides") ?? [1, 1];
        int[] dilations = isGlobal ? [1, 1] : Ints(node, "dilations") ?? [1, 1];
        int[] pads = isGlobal ? [0, 0, 0, 0] : Ints(node, "pads") ?? [0, 0, 0, 0];
        string automatic = node.Attribute.FirstOrDefault(a => a.Name == "auto_pad")?.S.ToStringUtf8() ?? "";
        bool ceiling = Int(node, "ceil_mode", 0) == 1;
        var outputs = new int[2];
        for (int i = 0; i < 2; i++)
        {
            int size = input.Dims[2 + i];
            int span = (kernel[i] - 1) * dilations[i] + 1;
            if (automatic.StartsWith("SAME", StringComparison.Ordinal))
            {
                outputs[i] = (int)Math.Ceiling(size / (double)strides[i]);
                int total = Math.Max(0, (outputs[i] - 1) * strides[i] + span - size);
                pads[i] = automatic == "SAME_LOWER" ? (total + 1) / 2 : total / 2;
                continue;
            }

            double steps = (size + pads[i] + pads[2 + i] - span) / (double)strides[i];
            outputs[i] = (int)(ceiling ? Math.Ceiling(steps) : Math.Floor(steps)) + 1;
            if (ceiling && (outputs[i] - 1) * strides[i] >= size + pads[i])
            {
                outputs[i]--;
            }
        }

        return (strides, dilations, pads, outputs);
    }

    private static Tensor Gemm(NodeProto node, Tensor[] x)
    {
        double alpha = Float(node, "alpha", 1), beta = Float(node, "beta", 1);
        Tensor b = Int(node, "transB", 0) == 1 ? Transpose(x[1]) : x[1];
        Tensor scaled = Map(b, v => alpha * v);
        return Multiply(x[0], scaled, (_, j) => x.Length > 2 ? beta * x[2].Values[x[2].Values.Length == 1 ? 0 : j] : 0);
    }

    private static Tensor Multiply(Tensor a, Tensor b, Func<int, int, double> initial) =>
        Make([a.Dims[0], b.Dims[1]], at =>
        {
            double sum = initial(at[0], at[1]);
            for (int k = 0; k < b.Dims[0]; k++)
            {
                sum += a[at[0], k] * b[k, at[1]];
            }

            return sum;
        });

    private static Tensor BatchNormalization(NodeProto node, Tensor[] x)
    {
        double epsilon = Float(node, "epsilon", 1e-5f);
        return Make(x[0].Dims, at =>
        {
            int c = at[1];
            double normal = (x[0][at] - x[3].Values[c]) / Math.Sqrt(x[4].Values[c] + epsilon);
            return normal * x[1].Values[c] + x[2].Values[c];
        });
    }

    private static Tensor Broadcast(Tensor a, Tensor b, Func<double, double, double> function)
    {
        int rank = Math.Max(a.Dims.Length, b.Dims.Length);
        int[] Widen(int[] dims) => [.. Enumerable.Repeat(1, rank - dims.Length), .. dims];
        Tensor x = a with { Dims = Widen(a.Dims) }, y = b with { Dims = Widen(b.Dims) };
        double At(Tensor t, int[] at) => t[at.Select((i, d) => t.Dims[d] == 1 ? 0 : i).ToArray()];
        return Make([.. x.Dims.Zip(y.Dims, Math.Max)], at => function(At(x, at), At(y, at)));
    }

    private static Tensor Reshape(Tensor x, Tensor shape)
    {
        int[] dims = [.. shape.Values.Select((s, i) => s == 0 ? x.Dims[i] : (int)s)];
        int open = Array.IndexOf(dims, -1);
        if (open >= 0)
        {
            dims[open] = x.Values.Length / dims.Where(d => d > 0).Aggregate(1, (a, b) => a * b);
        }

        return x with { Dims = dims };
    }

    private static Tensor Concat(Tensor[] parts)
    {
        int[] dims = [.. parts[0].Dims];
        dims[1] = parts.Sum(p => p.Dims[1]);
        return new(dims, [.. parts.SelectMany(p => p.Values)]);
    }

    private static Tensor PadPlane(Tensor x, int[] pads, double value) => Make(
        [x.Dims[0], x.Dims[1], x.Dims[2] + pads[2] + pads[6], x.Dims[3] + pads[3] + pads[7]],
        at =>
        {
            int y = at[2] - pads[2], column = at[3] - pads[3];
            return y >= 0 && y < x.Dims[2] && column >= 0 && column < x.Dims[3] ? x[at[0], at[1], y, column] : value;
        });

    private static Tensor Transpose(Tensor x) => Make([x.Dims[1], x.Dims[0]], at => x[at[1], at[0]]);

    private static Tensor Permute(Tensor x, int[] permutation) =>
        Make([.. permutation.Select(p => x.Dims[p])], at =>
        {
            var from = new int[at.Length];
            for (int i = 0; i < at.Length; i++)
            {
                from[permutation[i]] = at[i];
            }

            return x[from];
        });

    private static Tensor Map(Tensor x, Func<double, double> function) =>
        x with { Values = Array.ConvertAll(x.Values, v => function(v)) };

    private static Tensor Make(int[] dims, Func<int[], double> element)
    {
        var values = new double[dims.Aggregate(1, (a, b) => a * b)];
        var at = new int[dims.Length];
        for (int i = 0; i < values.Length; i++)
        {
            for (int d = dims.Length - 1, rest = i; d >= 0; rest /= dims[d--])
            {
                at[d] = rest % dims[d];
            }

            values[i] = element(at);
        }

        return new(dims, values);
    }

    private static Tensor Read(TensorProto t)
    {
        double[] Raw() =>
            [.. MemoryMarshal.Cast<byte, float>(t.RawData.Span).ToArray().Select(f => (double)f)];
        double[] values = t.DataType is 2 or 3 ? Bytes(t)
            : t.RawData.Length > 0 ? Raw()
            : t.FloatData.Count > 0 ? [.. t.FloatData.Select(f => (double)f)] : [.. t.Int64Data.Select(i => (double)i)];
        return new([.. t.Dims.Select(d => (int)d)], values);
    }

    /// <summary>Integers of a file's quantized weights.</summary>
    private static double[] Bytes(TensorProto t) =>
        [.. t.RawData.Span.ToArray().Select(b => t.DataType == 3 ? (sbyte)b : (double)b)];

    private static int Int(NodeProto node, string name, int otherwise) =>
        (int)(node.Attribute.FirstOrDefault(a => a.Name == name)?.I ?? otherwise);

    private static double Float(NodeProto node, string name, double otherwise) =>
        node.Attribute.FirstOrDefault(a => a.Name == name)?.F ?? otherwise;

    private static int[]? Ints(NodeProto node, string name) =>
        node.Attribute.FirstOrDefault(a => a.Name == name)?.Ints.Select(i => (int)i).ToArray();
}
