
namespace Popcorn.Engine.Import;

/// <summary>How nodes of one operator are read.</summary>
/// <param name="Read">The value of a node that depends on the image; null: none may.</param>
/// <param name="Fold">The value of a node whose inputs are all constant; null: none may.</param>
internal sealed record OnnxOperator(Func<OperatorCall, GraphValue>? Read, Func<OperatorCall, Constant>? Fold = null)
{
    /// <summary>The operators that can be read, in the words of a refusal.</summary>
    public const string Supported =
        "Conv, Gemm, MatMul, BatchNormalization, Relu, LeakyRelu, Clip, HardSigmoid, Tanh, Sigmoid, Softsign, Atan, "
        + "Sign, comparisons with constants and Where, Mul(x, x), Pow(x, 2), MaxPool, AveragePool, GlobalMaxPool, "
        + "GlobalAveragePool, ReduceMean over a plane, Pad with a constant, Concat, Flatten, Reshape, Squeeze, "
        + "Unsqueeze, Transpose at the borders, Identity, Dropout, Cast, QuantizeLinear, DequantizeLinear, constants, "
        + "Add and Sub, Mul and Div with constants, Max and Min with a constant, and a final Softmax, LogSoftmax or "
        + "ArgMax";

    private static readonly Dictionary<string, OnnxOperator> ByName = new()
    {
        ["Conv"] = new(LinearOperators.Conv),
        ["Gemm"] = new(LinearOperators.Gemm),
        ["MatMul"] = new(LinearOperators.MatMul),

        ["BatchNormalization"] = new(ElementwiseOperators.BatchNormalization),
        ["Add"] = new(ElementwiseOperators.Add, ConstantFolding.Pairs((a, b) => a + b)),
        ["Sub"] = new(ElementwiseOperators.Sub, ConstantFolding.Pairs((a, b) => a - b)),
        ["Mul"] = new(ElementwiseOperators.Mul, ConstantFolding.Pairs((a, b) => a * b)),
        ["Div"] = new(ElementwiseOperators.Div, ConstantFolding.Pairs((a, b) => a / b)),
        ["Sum"] = new(ElementwiseOperators.Sum),
        ["Neg"] = new(ElementwiseOperators.Neg, ConstantFolding.Each(x => -x)),
        ["Pow"] = new(ElementwiseOperators.Pow, ConstantFolding.Pairs(Math.Pow)),
        ["Abs"] = new(null, ConstantFolding.Each(Math.Abs)),
        ["Sqrt"] = new(null, ConstantFolding.Each(Math.Sqrt)),
        ["Reciprocal"] = new(null, ConstantFolding.Each(x => 1 / x)),

        ["Relu"] = new(ActivationOperators.Relu),
        ["LeakyRelu"] = new(ActivationOperators.LeakyRelu),
        ["Clip"] = new(ActivationOperators.Clip),
        ["Max"] = new(ActivationOperators.Max),
        ["Min"] = new(ActivationOperators.Min),
        ["HardSigmoid"] = new(ActivationOperators.HardSigmoid),
        ["Tanh"] = new(call => ActivationOperators.Monotone(call, MonotoneFunction.Tanh)),
        ["Sigmoid"] = new(call => ActivationOperators.Monotone(call, MonotoneFunction.Sigmoid)),
        ["Softsign"] = new(call => ActivationOperators.Monotone(call, MonotoneFunction.Softsign)),
        ["Atan"] = new(call => ActivationOperators.Monotone(call, MonotoneFunction.Atan)),

        ["Sign"] = new(ComparisonOperators.Sign, ConstantFolding.Each(x => double.IsNaN(x) ? x : Math.Sign(x))),
        ["Greater"] = Comparing(true, false, (a, b) => a > b),
        ["GreaterOrEqual"] = Comparing(true, true, (a, b) => a >= b),
        ["Less"] = Comparing(false, false, (a, b) => a < b),
        ["LessOrEqual"] = Comparing(false, true, (a, b) => a <= b),
        ["Not"] = new(ComparisonOperators.Not) { ReadsConditions = true },
        ["Where"] = new(ComparisonOperators.Where, ConstantFolding.Where) { ReadsConditions = true },

        ["MaxPool"] = new(PoolingOperators.MaxPool),
        ["AveragePool"] = new(PoolingOperators.AveragePool),
        ["GlobalMaxPool"] = new(PoolingOperators.GlobalMaxPool),
        ["GlobalAveragePool"] = new(PoolingOperators.GlobalAveragePool),
        ["ReduceMean"] = new(PoolingOperators.ReduceMean),

        ["QuantizeLinear"] = new(QuantizationOperators.QuantizeLinear),
        ["DequantizeLinear"] = new(ShapeOperators.Same, QuantizationOperators.Dequantized),

        ["Identity"] = Moving(ShapeOperators.Same, call => call.ConstantAt(0)),
        ["Dropout"] = Moving(ShapeOperators.Same),
        ["Cast"] = Moving(ShapeOperators.Cast, call => call.ConstantAt(0)),
        ["Flatten"] = Reshaping(Dimensions.Flattened),
        ["Reshape"] = Reshaping(Dimensions.Reshaped),
        ["Squeeze"] = Reshaping(Dimensions.Squeezed),
        ["Unsqueeze"] = Reshaping(Dimensions.Unsqueezed),
        ["Transpose"] = Moving(ShapeOperators.Transpose, ConstantFolding.Transpose),
        ["Shape"] = Moving(ShapeOperators.ShapeOf, call => ShapeOperators.ShapeOf(call, call.ConstantAt(0).Dims)),
        ["Concat"] = new(ShapeOperators.Concat, ConstantFolding.Concat),
        ["Pad"] = new(ShapeOperators.Pad),
        ["Gather"] = new(null, ConstantFolding.Gather),
        ["Constant"] = new(null, ConstantFolding.Held),

        ["Softmax"] = new(call => ShapeOperators.DropAtTheEnd(call, defaultAxis: 1)),
        ["LogSoftmax"] = new(call => ShapeOperators.DropAtTheEnd(call, defaultAxis: 1)),
        ["ArgMax"] = new(call => ShapeOperators.DropAtTheEnd(call, defaultAxis: 0)),
    };

    /// <summary>Whether a node may read a comparison's result.</summary>
    private bool ReadsConditions { get; init; }

    /// <summary>Whether a node may read what a Softmax, or the like, was dropped from.</summary>
    private bool ReadsProbabilities { get; init; }

    /// <summary>The operator of a name, or null where it cannot be read.</summary>
    public static OnnxOperator? Find(string name) => ByName.GetValueOrDefault(name);

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

    private static OnnxOperator Comparing(bool greater, bool orEqual, Func<double, double, bool> compare) => new(
        call => ComparisonOperators.Compare(call, greater, orEqual),
        ConstantFolding.Pairs((a, b) => compare(a, b) ? 1 : 0));

    /// <summary>An operator that computes nothing, whatever it reads.</summary>
    private static OnnxOperator Moving(
        Func<OperatorCall, GraphValue> read, Func<OperatorCall, Constant>? fold = null) =>
        new(read, fold) { ReadsConditions = true, ReadsProbabilities = true };

    /// <summary>An operator that gives other sides to the same elements.</summary>
    private static OnnxOperator Reshaping(Func<OperatorCall, int[], int[]> newDims) => Moving(
        call => call.SignalAt(0).Reshaped(dims => newDims(call, dims)),
        call => call.ConstantAt(0).Reshaped(dims => newDims(call, dims)));
}
