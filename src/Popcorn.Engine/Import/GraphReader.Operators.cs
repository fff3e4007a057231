using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>What every operator means.</summary>
internal sealed partial class GraphReader
{
    /// <summary>
    /// Most numbers that the constants of element-wise operators may be spread out to: a small file must not ask for
    /// more memory than its network deserves.
    /// </summary>
    private const long MostSpread = 1L << 26;

    private long _spread;

    private static bool IsSupported(string op) =>
        op is "Conv" or "Gemm" or "MatMul" or "BatchNormalization" or "Relu" or "LeakyRelu" or "Clip" or "HardSigmoid"
            or "Tanh" or "Sigmoid" or "Softsign" or "Atan" or "Sign" or "Greater" or "GreaterOrEqual" or "Less"
            or "LessOrEqual" or "Not" or "Where" or "Pow" or "MaxPool" or "AveragePool" or "GlobalMaxPool"
            or "GlobalAveragePool" or "ReduceMean" or "Add" or "Sub" or "Mul" or "Div" or "Sum" or "Max" or "Min" or "Neg"
            or "Concat" or "Flatten" or "Reshape" or "Squeeze" or "Unsqueeze" or "Transpose" or "Identity" or "Dropout"
            or "Cast" or "Pad" or "QuantizeLinear" or "DequantizeLinear" or "Softmax" or "LogSoftmax" or "ArgMax"
        || ConstantFolding.IsSupported(op);

    private Signal ReadSignal(OnnxNode node, object[] inputs)
    {
        bool onlyReshapes = node.Operator is "Identity" or "Dropout" or "Flatten" or "Reshape" or "Squeeze" or "Unsqueeze"
            or "Cast" or "Transpose";
        if (!onlyReshapes && inputs.OfType<Signal>().Any(s => s.IsProbability))
        {
            throw new Refusal(
                "it computes with the result of a Softmax or ArgMax, which can only stand at the end");
        }

        if (!onlyReshapes && node.Operator is not ("Where" or "Not") && inputs.OfType<Signal>().Any(s => s.IsCondition))
        {
            throw new Refusal("it computes with the result of a comparison; select numbers with Where first");
        }

        return node.Operator switch
        {
            "Conv" => Conv(node, inputs),
            "Gemm" => Gemm(node, inputs),
            "MatMul" => MatMul(node, inputs),
            "BatchNormalization" => BatchNormalization(node, inputs),
            "Relu" => Relu(node, inputs),
            "LeakyRelu" => LeakyRelu(node, inputs),
            "Clip" => Clip(node, inputs),
            "HardSigmoid" => HardSigmoid(node, inputs),
            "Tanh" => Monotone(node, inputs, MonotoneFunction.Tanh),
            "Sigmoid" => Monotone(node, inputs, MonotoneFunction.Sigmoid),
            "Softsign" => Monotone(node, inputs, MonotoneFunction.Softsign),
            "Atan" => Monotone(node, inputs, MonotoneFunction.Atan),
            "Sign" => Sign(node, inputs),
            "Greater" or "GreaterOrEqual" or "Less" or "LessOrEqual" => Comparison(node, inputs),
            "Not" => Not(node, inputs),
            "Where" => Where(node, inputs),
            "Pow" => Pow(node, inputs),
            "Add" or "Sub" or "Mul" or "Div" => Arithmetic(node, inputs),
            "Sum" => Sum(node, inputs),
            "Max" or "Min" => Extreme(node, inputs),
            "Neg" => Scaled(node.Name, SignalAt(inputs, 0), -1, 0),
            "Concat" => Concat(node, inputs),
            "MaxPool" => MaxPool(node, inputs),
            "AveragePool" => AveragePool(node, inputs),
            "Pad" => Pad(node, inputs),
            "GlobalMaxPool" => Global(node, inputs, (name, x, window) => new FloatMaxPool(name, x, window, false)),
            "GlobalAveragePool" => Global(node, inputs, (name, x, window) => new FloatAveragePool(name, x, window)),
            "ReduceMean" => ReduceMean(node, inputs),
            "QuantizeLinear" => QuantizeLinear(node, inputs),
            "DequantizeLinear" or "Identity" or "Dropout" => SignalAt(inputs, 0),
            "Cast" => SignalAt(inputs, 0) with { IsCondition = false },
            "Softmax" or "LogSoftmax" or "ArgMax" => Softmax(node, inputs),
            "Flatten" or "Reshape" or "Squeeze" or "Unsqueeze" => Reshape(node, inputs),
            "Transpose" => Transpose(node, inputs),
            _ => throw new Refusal("it is supported for constants only and depends on the input here"),
        };
    }

    private static Signal Conv(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0).RequirePlane();
        Constant weights = ConstantAt(inputs, 1);
        if (weights.Dims is not [int outputs, int inputsPerGroup, int kernelY, int kernelX])
        {
            throw new Refusal("its weights have not four sides; only two-dimensional convolutions can be imported");
        }

        if (node.Ints("kernel_shape") is { } kernel && !kernel.AsSpan().SequenceEqual([kernelY, kernelX]))
        {
            throw new Refusal("its kernel_shape differs from its weights' shape; the file is damaged");
        }

        int groups = node.Int("group", 1);
        if (groups < 1 || outputs < 1 || outputs % groups != 0
            || (long)groups * inputsPerGroup != x.Node.Shape.Channels)
        {
            throw new Refusal(
                $"{groups} groups of {inputsPerGroup} input channels and {outputs} output channels do not fit the "
                + $"{x.Node.Shape.Channels} channels it reads; the file is damaged");
        }

        Window window = OnnxWindow.Read(node, (kernelY, kernelX), x.Node.Shape).Window;
        return x.Plane(Linear(node, x.Node, window, groups, weights.Values, Bias(inputs, 2, outputs)));
    }

    private static Signal Gemm(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0).RequireVector();
        if (node.Flag("transA"))
        {
            throw new Refusal("its transA is set; feed it N×features");
        }

        double alpha = node.Float("alpha", 1);
        double beta = node.Float("beta", 1);
        (double[] weights, int outputs) = Matrix(x, ConstantAt(inputs, 1), node.Flag("transB"));
        double[] bias = Bias(inputs, 2, outputs);
        return x.Vector(Linear(
            node, x.Node, Whole(x.Node.Shape), 1,
            Array.ConvertAll(weights, w => alpha * w), Array.ConvertAll(bias, b => beta * b)));
    }

    private static Signal MatMul(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0).RequireVector();
        (double[] weights, int outputs) = Matrix(x, ConstantAt(inputs, 1), transposed: false);
        return x.Vector(Linear(node, x.Node, Whole(x.Node.Shape), 1, weights, new double[outputs]));
    }

    /// <summary>Weights as [output][input], whichever way the file holds them.</summary>
    private static (double[] Weights, int Outputs) Matrix(Signal x, Constant matrix, bool transposed)
    {
        int features = x.Node.Shape.Size;
        if (matrix.Dims is not [int rows, int columns] || (transposed ? columns : rows) != features
            || matrix.Values.Length == 0)
        {
            throw new Refusal(
                $"its weights are {Signal.Describe(matrix.Dims)} and it reads {features} features; the file is "
                + "damaged");
        }

        if (transposed)
        {
            return (matrix.Values, rows);
        }

        var weights = new double[matrix.Values.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                weights[column * rows + row] = matrix.Values[row * columns + column];
            }
        }

        return (weights, columns);
    }

    private static double[] Bias(object[] inputs, int index, int outputs)
    {
        if (index >= inputs.Length || inputs[index] == Absent)
        {
            return new double[outputs];
        }

        Constant bias = ConstantAt(inputs, index);
        if (bias.Values.Length == 1)
        {
            return [.. Enumerable.Repeat(bias.Values[0], outputs)];
        }

        return bias.Values.Length == outputs
            ? bias.Values
            : throw new Refusal($"it has {bias.Values.Length} biases for {outputs} outputs; the file is damaged");
    }

    private static FloatLinear Linear(
        OnnxNode node, FloatNode source, Window window, int groups, double[] weights, double[] bias)
    {
        RequireFinite(weights);
        RequireFinite(bias);
        var output = new Shape(bias.Length, window.OutputHeight, window.OutputWidth);
        if (!output.IsValid || !window.IsValid || weights.Length > NetworkValidator.MaxWeights)
        {
            throw new Refusal($"its output of {output} or its {weights.Length} weights are more than can be evaluated");
        }

        // Copies: layers may share an initializer, and pruning changes weights in place.
        return new FloatLinear(node.Name, source, window, groups, [.. weights], [.. bias]);
    }

    private Signal BatchNormalization(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        if (node.Flag("training_mode"))
        {
            throw new Refusal("it is in training mode; export the network for inference");
        }

        double epsilon = node.Float("epsilon", 1e-5f);
        double[] gamma = ConstantAt(inputs, 1).Values;
        double[] beta = ConstantAt(inputs, 2).Values;
        double[] mean = ConstantAt(inputs, 3).Values;
        double[] variance = ConstantAt(inputs, 4).Values;
        int channels = x.Dims.Length >= 2 ? x.Dims[1] : 0;
        if (new[] { gamma, beta, mean, variance }.Any(p => p.Length != channels))
        {
            throw new Refusal($"its parameters do not fit the {channels} channels it reads; the file is damaged");
        }

        double[] scale = [.. gamma.Zip(variance, (g, v) => g / Math.Sqrt(v + epsilon))];
        double[] shift = [.. beta.Zip(mean, scale).Select(p => p.First - p.Third * p.Second)];
        int[] sides = [channels, .. Enumerable.Repeat(1, x.Dims.Length - 2)];
        return Affine(node, x, new Constant(sides, scale), new Constant(sides, shift));
    }

    private static Signal Relu(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        return x.Same(new FloatRelu(node.Name, x.Node));
    }

    /// <summary>slope·x + (1 − slope)·max(x, 0).</summary>
    private static Signal LeakyRelu(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        double slope = node.Float("alpha", 0.01f);
        FloatNode positive = Scaled(node.Name, x.Same(new FloatRelu(node.Name, x.Node)), 1 - slope, 0).Node;
        return x.Same(new FloatAdd(node.Name, positive, Scaled(node.Name, x, slope, 0).Node));
    }

    private static Signal Clip(OnnxNode node, object[] inputs)
    {
        return Clip(
            node, SignalAt(inputs, 0), Limit("min", 1, double.NegativeInfinity), Limit("max", 2, double.PositiveInfinity));

        double Limit(string name, int index, double otherwise) => inputs.Length > index && inputs[index] != Absent
            ? ConstantAt(inputs, index).Single
            : node.Float(name, otherwise);
    }

    private static Signal Clip(OnnxNode node, Signal x, double low, double high)
    {
        // Exporters write the limits of the type where they mean none.
        low = low <= float.MinValue ? double.NegativeInfinity : low;
        high = high >= float.MaxValue ? double.PositiveInfinity : high;
        if (!(low < high) || double.IsPositiveInfinity(low) || double.IsNegativeInfinity(high))
        {
            throw new Refusal($"it clips to {low} … {high}, where nothing remains");
        }

        if (low == 0 && double.IsPositiveInfinity(high))
        {
            return x.Same(new FloatRelu(node.Name, x.Node));
        }

        if (double.IsFinite(low))
        {
            return x.Same(new FloatClip(node.Name, x.Node, low, high));
        }

        // min(x, high) = −max(−x, −high)
        return double.IsPositiveInfinity(high)
            ? x
            : Scaled(
                node.Name,
                x.Same(new FloatClip(node.Name, Scaled(node.Name, x, -1, 0).Node, -high, double.PositiveInfinity)), -1, 0);
    }

    private static Signal HardSigmoid(OnnxNode node, object[] inputs) => Clip(
        node,
        Scaled(node.Name, SignalAt(inputs, 0), node.Float("alpha", 0.2f), node.Float("beta", 0.5)), 0, 1);

    private static Signal Monotone(OnnxNode node, object[] inputs, MonotoneFunction function)
    {
        Signal x = SignalAt(inputs, 0);
        return x.Same(new FloatMonotone(node.Name, x.Node, function));
    }

    /// <summary>−1, 0 or 1: two steps, which are one where x is never 0.</summary>
    private static Signal Sign(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        Cut[] cuts = [.. Enumerable.Range(0, 2 * x.Node.Shape.Channels).Select(i => new Cut(0, i % 2 == 1))];
        return x.Same(new FloatSteps(node.Name, x.Node, cuts, 0, [1, -1]));
    }

    private Signal Comparison(OnnxNode node, object[] inputs)
    {
        if (inputs is not [Signal or Constant, Signal or Constant] || (inputs[0] is Signal && inputs[1] is Signal))
        {
            throw new Refusal("it compares two values that depend on the input; only constants can stand on one side");
        }

        bool constantFirst = inputs[0] is Constant;
        Signal x = SignalAt(inputs, constantFirst ? 1 : 0);
        double[] thresholds = Spread(ConstantAt(inputs, constantFirst ? 0 : 1), x);
        if (thresholds.Length != x.Node.Shape.Channels || !Array.TrueForAll(thresholds, double.IsFinite))
        {
            throw new Refusal("its constant differs within a channel or is not finite; use one number for each channel");
        }

        // x > t is not (x ≤ t).
        bool greater = node.Operator.StartsWith("Greater", StringComparison.Ordinal) != constantFirst;
        bool strict = !node.Operator.EndsWith("OrEqual", StringComparison.Ordinal);
        Cut[] cuts = Array.ConvertAll(thresholds, t => new Cut(t, greater == strict));
        FloatSteps steps = strict
            ? new FloatSteps(node.Name, x.Node, cuts, 1, [-1])
            : new FloatSteps(node.Name, x.Node, cuts, 0, [1]);
        return x.Same(steps) with { IsCondition = true };
    }

    private static Signal Not(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        return x.IsCondition
            ? Scaled(node.Name, x, -1, 1)
            : throw new Refusal("it negates what is no comparison's result");
    }

    private Signal Where(OnnxNode node, object[] inputs)
    {
        Signal condition = SignalAt(inputs, 0);
        if (!condition.IsCondition || inputs is not [_, Constant yes, Constant no])
        {
            throw new Refusal("it does not select between two constants by a comparison; only signs can be imported");
        }

        double[] high = Spread(yes, condition), low = Spread(no, condition);
        int length = Math.Max(high.Length, low.Length);
        high = length == high.Length ? high : PerElement(high, condition.Node.Shape);
        low = length == low.Length ? low : PerElement(low, condition.Node.Shape);
        RequireFinite(high);
        RequireFinite(low);
        var affine = new FloatAffine(node.Name, condition.Node, [.. high.Zip(low, (h, l) => h - l)], low);
        return condition.Same(affine) with { IsCondition = false };
    }

    private static Signal Sum(OnnxNode node, object[] inputs)
    {
        Signal sum = SignalAt(inputs, 0);
        for (int i = 1; i < inputs.Length; i++)
        {
            sum = Add(node, sum, SignalAt(inputs, i));
        }

        return sum;
    }

    private static Signal Extreme(OnnxNode node, object[] inputs)
    {
        if (inputs.Length != 2 || inputs.OfType<Signal>().Count() != 1)
        {
            throw new Refusal("it compares two values that depend on the input; only a constant can stand on one side");
        }

        int signal = inputs[0] is Signal ? 0 : 1;
        Constant limit = ConstantAt(inputs, 1 - signal);
        if (limit.Values.Length == 0 || !Array.TrueForAll(limit.Values, v => v == limit.Values[0]))
        {
            throw new Refusal("its constants differ; use one for all");
        }

        return node.Operator == "Max"
            ? Clip(node, SignalAt(inputs, signal), limit.Values[0], double.PositiveInfinity)
            : Clip(node, SignalAt(inputs, signal), double.NegativeInfinity, limit.Values[0]);
    }

    private static Signal Add(OnnxNode node, Signal left, Signal right) =>
        left.Node.Shape == right.Node.Shape && left.Dims.AsSpan().SequenceEqual(right.Dims)
            ? left.Same(new FloatAdd(node.Name, left.Node, right.Node))
            : throw new Refusal(
                $"it adds {Signal.Describe(left.Dims)} and {Signal.Describe(right.Dims)}; both must have one shape");

    private static Signal Concat(OnnxNode node, object[] inputs)
    {
        if (inputs.Length > NetworkValidator.MaxJoined || inputs.Any(i => i is not Signal))
        {
            throw new Refusal(
                $"it joins constants to values that depend on the input, or more than {NetworkValidator.MaxJoined} values");
        }

        Signal[] parts = [.. inputs.Cast<Signal>()];
        Signal first = parts[0];
        int rank = first.Dims.Length;
        int axis = node.Int("axis", 1);
        bool isVector = rank == 2;
        if ((axis < 0 ? axis + rank : axis) != 1)
        {
            throw new Refusal($"it joins along axis {axis}; only channels (axis 1) can be joined");
        }

        foreach (Signal part in parts)
        {
            if (part.Dims.Length != rank || !part.Dims.AsSpan(2).SequenceEqual(first.Dims.AsSpan(2))
                || part.Batch != first.Batch)
            {
                throw new Refusal("the values that it joins differ in more than their channels; the file is damaged");
            }

            if (!isVector || part.Node.Shape.Area != 1)
            {
                part.RequirePlane();
            }
        }

        long channels = parts.Sum(p => (long)p.Node.Shape.Channels);
        if (channels > Shape.MaxSize || !(first.Node.Shape with { Channels = (int)channels }).IsValid)
        {
            throw new Refusal("what it joins is larger than can be evaluated");
        }

        var concat = new FloatConcat(node.Name, [.. parts.Select(p => p.Node)]);
        return isVector ? first.Vector(concat) : first.Plane(concat);
    }

    /// <summary>scale·x + shift with the same numbers for all elements.</summary>
    private static Signal Scaled(string name, Signal x, double scale, double shift)
    {
        int channels = x.Node.Shape.Channels;
        return x.Same(new FloatAffine(
            name, x.Node, [.. Enumerable.Repeat(scale, channels)], [.. Enumerable.Repeat(shift, channels)]));
    }

    private static Signal ReduceMean(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0).RequirePlane();
        long[]? axes = inputs.Length > 1 && inputs[1] != Absent
            ? ConstantAt(inputs, 1).Integers()
            : node.Ints("axes")?.Select(a => (long)a).ToArray();
        if (axes is null || !axes.Select(a => a < 0 ? a + 4 : a).Order().SequenceEqual([2L, 3L]))
        {
            throw new Refusal("it does not run over height and width; only means over whole planes can be imported");
        }

        var pool = new FloatAveragePool(node.Name, x.Node, Whole(x.Node.Shape));
        return node.Int("keepdims", 1) != 0 ? x.Plane(pool) : x.Vector(pool);
    }

    /// <summary>
    /// Activations are exact here and need no rounding. Of their range only a lower end at 0 is kept: it is how
    /// quantized networks write ReLU. The other ends are where values of the training data hardly go.
    /// </summary>
    private Signal QuantizeLinear(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        Constant? zeroPoint = inputs.Length > 2 && inputs[2] != Absent ? ConstantAt(inputs, 2) : null;
        _report?.Invoke(
            $"QuantizeLinear '{node.Name}' was dropped: activations need no rounding here"
            + " (accuracy may differ a little from that of the quantized network).");
        bool startsAtZero = zeroPoint is null || Array.TrueForAll(zeroPoint.Values, v => v == zeroPoint.LeastOfType);
        return startsAtZero && x.Node is not (FloatInput or FloatRelu or FloatMaxPool { WithZero: true })
            ? x.Same(new FloatRelu(node.Name, x.Node))
            : x;
    }

    private static Signal Transpose(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        return x.Transposed(node.Ints("perm") ?? [.. Enumerable.Range(0, x.Dims.Length).Reverse()]);
    }

    private static Signal Pow(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        double exponent = ConstantAt(inputs, 1).Single;
        return exponent == 2
            ? x.Same(new FloatSquare(node.Name, x.Node))
            : throw new Refusal($"only the exponent 2 can be evaluated, not {exponent}");
    }

    private Signal Arithmetic(OnnxNode node, object[] inputs)
    {
        if (inputs.Length != 2)
        {
            throw Missing(inputs.Length);
        }

        if (inputs[0] is Signal left && inputs[1] is Signal right)
        {
            return node.Operator switch
            {
                "Add" => Add(node, left, right),
                "Sub" => Add(node, left, Scaled(node.Name, right, -1, 0)),
                "Mul" when left.Node == right.Node && left.Dims.AsSpan().SequenceEqual(right.Dims) =>
                    left.Same(new FloatSquare(node.Name, left.Node)),
                _ => throw new Refusal(
                    "it multiplies or divides two values that depend on the input, which is not supported; only sums of "
                    + "branches are"),
            };
        }

        bool constantFirst = inputs[0] is Constant;
        Signal x = SignalAt(inputs, constantFirst ? 1 : 0);
        Constant c = ConstantAt(inputs, constantFirst ? 0 : 1);
        Constant one = Constant.Scalar(1);
        Constant zero = Constant.Scalar(0);
        return node.Operator switch
        {
            "Add" => Affine(node, x, one, c),
            "Mul" => Affine(node, x, c, zero),
            "Sub" when constantFirst => Affine(node, x, Constant.Scalar(-1), c),
            "Sub" => Affine(node, x, one, c with { Values = Array.ConvertAll(c.Values, v => -v) }),
            "Div" when constantFirst => throw new Refusal("it divides by a value that depends on the input"),
            _ => Affine(node, x, c with { Values = Array.ConvertAll(c.Values, v => 1 / v) }, zero),
        };
    }

    private Signal Affine(OnnxNode node, Signal x, Constant scale, Constant shift)
    {
        Shape shape = x.Node.Shape;
        double[] scales = Spread(scale, x);
        double[] shifts = Spread(shift, x);
        if (scales.Length != shifts.Length)
        {
            scales = PerElement(scales, shape);
            shifts = PerElement(shifts, shape);
        }

        RequireFinite(scales);
        RequireFinite(shifts);
        return x.Same(new FloatAffine(node.Name, x.Node, scales, shifts));
    }

    /// <summary>
    /// A constant as it meets a signal by ONNX's rules of broadcasting: one number for each channel where it is the
    /// same over every plane, else one for each element.
    /// </summary>
    private double[] Spread(Constant constant, Signal x)
    {
        Shape shape = x.Node.Shape;
        int[] steps = BroadcastSteps(constant, x);
        bool hasChannels = x.Dims.Length >= 2 && x.Dims[1] == shape.Channels;
        if (hasChannels && steps.Skip(2).All(s => s == 0))
        {
            return [.. Enumerable.Range(0, shape.Channels).Select(c => constant.Values[c * steps[1]])];
        }

        _spread += shape.Size;
        if (_spread > MostSpread)
        {
            throw new Refusal("the constants of element-wise operators up to here are more than can be imported");
        }

        var result = new double[shape.Size];
        for (int i = 0; i < result.Length; i++)
        {
            int rest = i, at = 0;
            for (int d = steps.Length - 1; d >= 0; d--)
            {
                at += rest % x.Dims[d] * steps[d];
                rest /= x.Dims[d];
            }

            result[i] = constant.Values[at];
        }

        return Enumerable.Range(0, result.Length).All(i => result[i].Equals(result[i / shape.Area * shape.Area]))
            ? [.. Enumerable.Range(0, shape.Channels).Select(c => result[c * shape.Area])]
            : result;
    }

    /// <summary>How far to go in a constant for a step along each side of a signal; 0 where it is repeated.</summary>
    private static int[] BroadcastSteps(Constant constant, Signal x)
    {
        int[] dims = x.Dims;
        if (dims.Length == 0 || dims[0] != x.Batch)
        {
            throw new Refusal($"it reads {Signal.Describe(dims)}, whose first side is not the batch");
        }

        int[] steps = new int[dims.Length];
        int step = 1;
        for (int i = 1; i <= Math.Max(dims.Length, constant.Dims.Length); i++)
        {
            int side = i <= constant.Dims.Length ? constant.Dims[^i] : 1;
            bool fits = i < dims.Length && side == dims[^i];
            if (side != 1 && !fits)
            {
                throw new Refusal(
                    $"its constant of {Signal.Describe(constant.Dims)} does not fit {Signal.Describe(dims)}; use one "
                    + "for each channel or one for all");
            }

            if (side != 1)
            {
                steps[^i] = step;
                step *= side;
            }
        }

        return steps;
    }

    private static double[] PerElement(double[] values, Shape shape) => values.Length == shape.Size
        ? values
        : [.. Enumerable.Range(0, shape.Size).Select(i => values[i / shape.Area])];

    private static Signal MaxPool(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0).RequirePlane();
        Window window = OnnxWindow.Read(node, Kernel(node), x.Node.Shape).Window;
        return window.AlwaysSees(x.Node.Shape.Height, x.Node.Shape.Width)
            ? x.Plane(new FloatMaxPool(node.Name, x.Node, window, withZero: false))
            : throw new Refusal("one of its windows lies wholly in the padding; give it less padding");
    }

    private static Signal AveragePool(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0).RequirePlane();
        OnnxWindow window = OnnxWindow.Read(node, Kernel(node), x.Node.Shape);
        bool whole = node.Flag("count_include_pad")
            ? window.AlwaysWithinPadding
            : window.Window.AlwaysWithin(x.Node.Shape.Height, x.Node.Shape.Width);
        if (!whole)
        {
            throw new Refusal(
                "some of its windows cover fewer elements than others (padding that does not count, or ceil_mode); use "
                + "a pool whose windows are all whole, or count_include_pad = 1");
        }

        return x.Plane(AveragePool(node.Name, x.Node, window.Window));
    }

    /// <summary>A constant around a plane.</summary>
    private static Signal Pad(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        long[] pads = inputs.Length > 1 && inputs[1] != Absent
            ? ConstantAt(inputs, 1).Integers()
            : [.. (node.Ints("pads") ?? []).Select(p => (long)p)];
        double[] values = inputs.Length > 2 && inputs[2] != Absent
            ? ConstantAt(inputs, 2).Values
            : [node.Float("value", 0)];
        bool isConstant = node.Text("mode", "constant") == "constant" && values is [var filling]
            && double.IsFinite(filling);
        if (Array.TrueForAll(pads, p => p == 0))
        {
            return x;
        }

        x = x.RequirePlane();
        if (!isConstant
            || pads is not [0, 0, >= 0 and var top, >= 0 and var left, 0, 0, >= 0 and var bottom, >= 0 and var right])
        {
            throw new Refusal(
                "it does not pad height and width with one finite number; pad with zeros or another constant there");
        }

        Shape shape = x.Node.Shape;
        long height = shape.Height + top + bottom, width = shape.Width + left + right;
        Window window = Math.Max(height, width) <= 1 << 14
            ? new Window(1, 1, 1, 1, 1, 1, (int)top, (int)left, (int)height, (int)width)
            : default;
        return window.IsValid && new Shape(shape.Channels, (int)height, (int)width).IsValid
            ? x.Plane(FloatLinear.Border(node.Name, x.Node, window, values[0]))
            : throw new Refusal("it makes a plane larger than can be evaluated");
    }

    private static FloatAveragePool AveragePool(string name, FloatNode source, Window window) =>
        (long)source.Shape.Channels * window.Taps <= Shape.MaxSize
            ? new FloatAveragePool(name, source, window)
            : throw new Refusal("its window is too large for what can be evaluated");

    private static (int Y, int X) Kernel(OnnxNode node) => node.Ints("kernel_shape") switch
    {
        [int y, int x] => (y, x),
        _ => throw new Refusal("its kernel_shape has not two entries; only two-dimensional pools can be imported"),
    };

    private static Signal Global(OnnxNode node, object[] inputs, Func<string, FloatNode, Window, FloatNode> pool)
    {
        Signal x = SignalAt(inputs, 0).RequirePlane();
        return x.Plane(pool(node.Name, x.Node, Whole(x.Node.Shape)));
    }

    private Signal Softmax(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        int axis = node.Int("axis", node.Operator == "ArgMax" ? 0 : 1);
        axis = axis < 0 ? axis + x.Dims.Length : axis;
        // Older opsets flatten from the axis on, so that axis 1 means the classes in any case.
        if (axis < 0 || axis >= x.Dims.Length || (axis != 1 && x.Dims[axis] != x.Node.Shape.Size)
            || x.Node.Shape.Area != 1)
        {
            throw new Refusal("it does not run over all classes; remove it, for the scores rank alike without it");
        }

        _report?.Invoke(
            $"{node.Operator} '{node.Name}' was dropped: the ranking of the classes is the same without it.");
        return x with { IsProbability = true };
    }

    private static Signal Reshape(OnnxNode node, object[] inputs)
    {
        Signal x = SignalAt(inputs, 0);
        var argument = inputs.Length > 1 ? inputs[1] as Constant : null;
        return x.Reshaped(ConstantFolding.NewDims(node, x.Dims, argument, hasBatch: true));
    }

    private static Window Whole(Shape shape)
    {
        Window window = Window.Whole(shape.Height, shape.Width);
        return window.IsValid ? window : throw new Refusal($"it covers a plane of {shape}, more than can be evaluated");
    }

    private static void RequireFinite(double[] values)
    {
        if (!Array.TrueForAll(values, double.IsFinite))
        {
            throw new Refusal("its weights or constants hold a value that is no finite number; export it again");
        }
    }

    private static Signal SignalAt(object[] inputs, int index) => index >= inputs.Length || inputs[index] == Absent
        ? throw Missing(index)
        : inputs[index] as Signal
            ?? throw new Refusal(
                $"its input {index + 1} is constant; the value that depends on the image must stand there");

    private static Constant ConstantAt(object[] inputs, int index) => index >= inputs.Length || inputs[index] == Absent
        ? throw Missing(index)
        : inputs[index] as Constant
            ?? throw new Refusal($"its input {index + 1} depends on the image; only constants can stand there");

    private static Refusal Missing(int index) => new($"its input {index + 1} is missing; the file is damaged");
}
