namespace Popcorn.Engine.Import;

/// <summary>The operators that can be read.</summary>
internal static class OperatorTable
{
    /// <summary>Their names, in the words of a refusal.</summary>
    public const string Supported =
        "Conv, Gemm, MatMul and their quantized forms, BatchNormalization, Relu, LeakyRelu, PRelu, Clip, Abs, Elu, "
        + "Selu, Celu, Gelu, HardSigmoid, HardSwish, Mish, Softplus, Swish, Tanh, Sigmoid, Softsign, Atan, Erf, Sign, "
        + "comparisons with constants and Where, Mul(x, x), Pow(x, 2), MaxPool, AveragePool, GlobalMaxPool, "
        + "GlobalAveragePool, ReduceMean, ReduceSum, ReduceMax and ReduceMin over planes, Pad with a constant, Concat, "
        + "Slice, Split, Gather, Flatten, Reshape, Squeeze, Unsqueeze, Transpose, Identity, Dropout, Cast, "
        + "QuantizeLinear, DequantizeLinear, arithmetic of constants and shapes, Add, Sub, Sum, Max, Min and Mean, Mul "
        + "and Div with constants, and a final Softmax, LogSoftmax, Hardmax or ArgMax";

    private static readonly Dictionary<string, OnnxOperator> Standard = new()
    {
        ["Conv"] = new(LinearOperators.Conv),
        ["Gemm"] = new(LinearOperators.Gemm),
        ["MatMul"] = new(LinearOperators.MatMul),
        ["QLinearConv"] = new(QLinearOperators.Conv),
        ["QLinearMatMul"] = new(QLinearOperators.MatMul),
        ["ConvInteger"] = new(QLinearOperators.ConvInteger),
        ["MatMulInteger"] = new(QLinearOperators.MatMulInteger),

        ["BatchNormalization"] = new(ElementwiseOperators.BatchNormalization),
        ["Add"] = new(ElementwiseOperators.Add, ConstantFolding.Pairs((a, b) => a + b)),
        ["Sub"] = new(ElementwiseOperators.Sub, ConstantFolding.Pairs((a, b) => a - b)),
        ["Mul"] = new(ElementwiseOperators.Mul, ConstantFolding.Pairs((a, b) => a * b)),
        ["Div"] = new(ElementwiseOperators.Div, ConstantFolding.Div),
        ["Mod"] = new(null, ConstantFolding.Mod),
        ["Sum"] = new(ElementwiseOperators.Sum, ConstantFolding.All((a, b) => a + b)),
        ["Mean"] = new(ElementwiseOperators.Mean, ConstantFolding.Mean),
        ["Neg"] = new(ElementwiseOperators.Neg, ConstantFolding.Each(x => -x)),
        ["Pow"] = new(ElementwiseOperators.Pow, ConstantFolding.Pairs(Math.Pow)),
        ["Sqrt"] = Curve(Math.Sqrt),
        ["Exp"] = Curve(Math.Exp),
        ["Log"] = Curve(Math.Log),
        ["Reciprocal"] = Curve(x => 1 / x),
        ["Floor"] = new(null, ConstantFolding.Each(Math.Floor)),
        ["Ceil"] = new(null, ConstantFolding.Each(Math.Ceiling)),
        ["Round"] = new(null, ConstantFolding.Each(Math.Round)),

        ["Relu"] = new(ActivationOperators.Relu, ConstantFolding.Each(x => Math.Max(x, 0))),
        ["LeakyRelu"] = new(ActivationOperators.LeakyRelu),
        ["PRelu"] = new(ActivationOperators.PRelu),
        ["Abs"] = new(ActivationOperators.Abs, ConstantFolding.Each(Math.Abs)),
        ["Clip"] = new(ActivationOperators.Clip, ConstantFolding.Clip),
        ["Max"] = new(ActivationOperators.Max, ConstantFolding.All(Math.Max)),
        ["Min"] = new(ActivationOperators.Min, ConstantFolding.All(Math.Min)),
        ["HardSigmoid"] = new(ActivationOperators.HardSigmoid),
        ["Tanh"] = Monotone(MonotoneFunction.Tanh),
        ["Sigmoid"] = Monotone(MonotoneFunction.Sigmoid),
        ["Softsign"] = Monotone(MonotoneFunction.Softsign),
        ["Atan"] = Monotone(MonotoneFunction.Atan),
        ["Erf"] = Monotone(MonotoneFunction.Erf),
        ["Softplus"] = Curve(ActivationOperators.Softplus),
        ["Swish"] = new(ActivationOperators.Curve(node =>
            x => x * MonotoneFunction.Sigmoid.Function(node.Float("alpha", 1) * x))),
        ["HardSwish"] = Curve(ActivationOperators.HardSwish),
        ["Mish"] = Curve(ActivationOperators.Mish),
        ["Gelu"] = new(ActivationOperators.Curve(node =>
            node.Text("approximate", "none") == "tanh" ? ActivationOperators.TanhGelu : ActivationOperators.Gelu)),
        ["Elu"] = new(ActivationOperators.Curve(node => x => ActivationOperators.Elu(x, node.Float("alpha", 1)))),
        ["Celu"] = new(ActivationOperators.Curve(node => x => ActivationOperators.Celu(x, node.Float("alpha", 1)))),
        ["Selu"] = new(ActivationOperators.Curve(node => x => ActivationOperators.Selu(x, node))),
        ["ThresholdedRelu"] = new(ActivationOperators.Curve(node =>
            x => x > node.Float("alpha", 1) ? x : 0)),

        ["Sign"] = new(StepOperators.Sign, ConstantFolding.Each(x => double.IsNaN(x) ? x : Math.Sign(x))),
        ["Cast"] = Reading(StepOperators.Cast, ConstantFolding.Cast),
        ["Greater"] = Comparing(true, false, (a, b) => a > b),
        ["GreaterOrEqual"] = Comparing(true, true, (a, b) => a >= b),
        ["Less"] = Comparing(false, false, (a, b) => a < b),
        ["LessOrEqual"] = Comparing(false, true, (a, b) => a <= b),
        ["Equal"] = new(ComparisonOperators.Equal, ConstantFolding.Tests((a, b) => a == b)),
        ["And"] = Reading(ComparisonOperators.And, ConstantFolding.Tests((a, b) => a != 0 && b != 0)),
        ["Or"] = Reading(ComparisonOperators.Or, ConstantFolding.Tests((a, b) => a != 0 || b != 0)),
        ["Not"] = Reading(ComparisonOperators.Not, ConstantFolding.Each(x => x == 0 ? 1 : 0)),
        ["Where"] = Reading(ComparisonOperators.Where, ConstantFolding.Where),

        ["MaxPool"] = new(PoolingOperators.MaxPool),
        ["AveragePool"] = new(PoolingOperators.AveragePool),
        ["GlobalMaxPool"] = new(PoolingOperators.GlobalMaxPool),
        ["GlobalAveragePool"] = new(PoolingOperators.GlobalAveragePool),
        ["ReduceMean"] = new(ReduceOperators.Mean, ConstantFolding.Reduce(values => values.Average())),
        ["ReduceSum"] = new(ReduceOperators.Sum, ConstantFolding.Reduce(values => values.Sum())),
        ["ReduceMax"] = new(ReduceOperators.Max, ConstantFolding.Reduce(values => values.Max())),
        ["ReduceMin"] = new(ReduceOperators.Min, ConstantFolding.Reduce(values => values.Min())),
        ["ReduceProd"] = new(null, ConstantFolding.Reduce(values => values.Aggregate(1.0, (a, b) => a * b))),

        ["QuantizeLinear"] = new(QuantizationOperators.QuantizeLinear, QuantizationOperators.QuantizedConstant),
        ["DequantizeLinear"] = new(QuantizationOperators.DequantizeLinear, QuantizationOperators.DequantizedConstant),
        ["DynamicQuantizeLinear"] = new(QuantizationOperators.DynamicQuantizeLinear),

        ["Identity"] = Moving(ShapeOperators.Same, ShapeOperators.Same),
        ["Dropout"] = Moving(ShapeOperators.Dropout, ShapeOperators.Dropout),
        ["Flatten"] = Reshaping(Dimensions.Flattened),
        ["Reshape"] = Reshaping(Dimensions.Reshaped),
        ["Squeeze"] = Reshaping(Dimensions.Squeezed),
        ["Unsqueeze"] = Reshaping(Dimensions.Unsqueezed),
        ["Transpose"] = Moving(ShapeOperators.Transpose, ConstantShapes.Transpose),
        ["Expand"] = Moving(ShapeOperators.Expand, ConstantShapes.Expand),
        ["Tile"] = Moving(ShapeOperators.Tile),
        ["Shape"] = Moving(ShapeOperators.ShapeOf, ShapeOperators.ShapeOf),
        ["Size"] = Moving(ShapeOperators.SizeOf, ShapeOperators.SizeOf),
        ["Concat"] = new(ShapeOperators.Concat, ConstantShapes.Concat),
        ["Pad"] = new(PadOperator.Read),
        ["Slice"] = new(Selection.Slice, ConstantShapes.Slice),
        ["Split"] = new(Selection.Split, ConstantShapes.Split),
        ["Gather"] = new(Selection.Gather, ConstantShapes.Gather),
        ["Range"] = new(null, ConstantShapes.Range),
        ["ConstantOfShape"] = new(null, ConstantShapes.Filled),
        ["Constant"] = new(null, ConstantFolding.Held),

        ["Softmax"] = new(FinalOperators.Softmax),
        ["LogSoftmax"] = new(FinalOperators.Softmax),
        ["Hardmax"] = new(FinalOperators.Softmax),
        ["ArgMax"] = new(FinalOperators.ArgMax),
    };

    private static readonly Dictionary<string, OnnxOperator> Microsoft = new()
    {
        ["QuantizeLinear"] = Standard["QuantizeLinear"],
        ["DequantizeLinear"] = Standard["DequantizeLinear"],
        ["QLinearAdd"] = new(QLinearOperators.Add),
        ["QLinearConcat"] = new(QLinearOperators.Concat),
        ["QLinearGlobalAveragePool"] = new(QLinearOperators.GlobalAveragePool),
        ["QLinearLeakyRelu"] = new(QLinearOperators.LeakyRelu),
        ["QLinearSigmoid"] = new(QLinearOperators.Sigmoid),
        ["Gelu"] = Curve(ActivationOperators.Gelu),
        ["QuickGelu"] = new(ActivationOperators.Curve(node =>
            x => x * MonotoneFunction.Sigmoid.Function(node.Float("alpha", 1.702f) * x))),
    };

    /// <summary>The operator of a name, or null where it cannot be read.</summary>
    public static OnnxOperator? Find(string domain, string name) => domain switch
    {
        "" or "ai.onnx" => Standard.GetValueOrDefault(name),
        "com.microsoft" => Microsoft.GetValueOrDefault(name),
        _ => null,
    };

    private static OnnxOperator Monotone(MonotoneFunction function) => new(
        call => ActivationOperators.Monotone(call, function), ConstantFolding.Each(function.Function));

    private static OnnxOperator Curve(Func<double, double> function) =>
        new(ActivationOperators.Curve(_ => function), ConstantFolding.Each(function));

    private static OnnxOperator Comparing(bool greater, bool orEqual, Func<double, double, bool> compare) => new(
        call => ComparisonOperators.Compare(call, greater, orEqual), ConstantFolding.Tests(compare));

    /// <summary>An operator that reads conditions too.</summary>
    private static OnnxOperator Reading(
        Func<OperatorCall, GraphValue> read, Func<OperatorCall, GraphValue> fold) =>
        new(read, fold) { ReadsConditions = true };

    /// <summary>An operator that computes nothing, whatever it reads.</summary>
    private static OnnxOperator Moving(
        Func<OperatorCall, GraphValue> read, Func<OperatorCall, GraphValue>? fold = null) =>
        new(read, fold) { ReadsConditions = true, ReadsProbabilities = true };

    /// <summary>An operator that gives other sides to the same elements.</summary>
    private static OnnxOperator Reshaping(Func<OperatorCall, int[], int[]> newDims) => Moving(
        call => call.SignalAt(0).Reshaped(dims => newDims(call, dims)),
        call => call.ConstantAt(0).Reshaped(dims => newDims(call, dims)));
}

/// <summary>How nodes of one operator are read.</summary>
/// <param name="Read">The value of a node that depends on the image; null: none may.</param>
/// <param name="Fold">The value of a node whose inputs are all constant; null: none may.</param>
internal sealed record OnnxOperator(
    Func<OperatorCall, GraphValue>? Read, Func<OperatorCall, GraphValue>? Fold = null)
{
    /// <summary>Whether a node may read a comparison's result.</summary>
    public bool ReadsConditions { get; init; }

    /// <summary>Whether a node may read what a Softmax, or the like, was dropped from.</summary>
    public bool ReadsProbabilities { get; init; }

    /// <summary>The value of a node.</summary>
    public GraphValue Apply(OperatorCall call)
    {
        Signal[] signals = [.. call.Inputs.OfType<Signal>()];
        if (signals.Length == 0)
        {
            return Fold is not null
                ? Fold(call)
                : throw new NodeException(call.Inputs.Length == 0
                    ? "its first input is missing; the file is damaged"
                    : "all its inputs are constant; fold constants before exporting");
        }

        if (!ReadsProbabilities && signals.Any(s => s.IsProbability))
        {
            throw new NodeException(
                "it computes with the result of a Softmax or ArgMax, which can only stand at the end");
        }

        if (!ReadsConditions && signals.Any(s => s.IsCondition))
        {
            throw new NodeException("it computes with the result of a comparison; select numbers with Where first");
        }

        return Read is not null
            ? Read(call)
            : throw new NodeException("it is supported for constants only and depends on the input here");
    }
}
