namespace Popcorn.Engine.Import;

/// <summary>A node that is being read, with what its inputs are.</summary>
internal sealed class OperatorCall(OnnxNode node, GraphValue[] inputs, ReadingContext context)
{
    public OnnxNode Node => node;

    public string Name => node.Name;

    public GraphValue[] Inputs => inputs;

    public ExternalData? External => context.External;

    public Ranges Ranges => context.Ranges;

    /// <summary>Its inputs where the one depends on the image and the other is constant, in whichever order.</summary>
    public (Signal Signal, Constant Constant, bool ConstantFirst)? SignalAndConstant => inputs switch
    {
        [Signal signal, Constant constant] => (signal, constant, false),
        [Constant constant, Signal signal] => (signal, constant, true),
        _ => null,
    };

    public Signal SignalAt(int index) => At(index) as Signal ?? throw new NodeException(
        $"its input {index + 1} is constant; the value that depends on the image must stand there");

    public Constant ConstantAt(int index) => At(index) as Constant ?? throw new NodeException(
        $"its input {index + 1} depends on the image; only constants can stand there");

    /// <summary>A constant that may be left out.</summary>
    public Constant? OptionalAt(int index) => index < inputs.Length && inputs[index] is not Absent
        ? ConstantAt(index)
        : null;

    /// <summary>Integers that are an input in later operator sets and an attribute in earlier ones.</summary>
    public long[]? IntegersAt(int index, string attribute) =>
        OptionalAt(index)?.Integers() ?? node.Attribute(attribute)?.Ints.ToArray();

    /// <inheritdoc cref="Broadcasting.Spread"/>
    public double[] Spread(Constant constant, Signal x) => context.Broadcasting.Spread(constant, x);

    public void Report(string line) => context.Report(line);

    private GraphValue At(int index) => index < inputs.Length && inputs[index] is not Absent
        ? inputs[index]
        : throw new NodeException($"its input {index + 1} is missing; the file is damaged");
}

/// <summary>What the reading of all nodes of a graph shares.</summary>
/// <param name="Broadcasting">Spreads constants over what depends on the image.</param>
/// <param name="Ranges">Between which numbers values lie.</param>
/// <param name="External">Tensors whose data lies beside the file; null: nobody knows where that is.</param>
/// <param name="Report">Takes one line for each liberty that the import takes.</param>
internal sealed record ReadingContext(
    Broadcasting Broadcasting, Ranges Ranges, ExternalData? External, Action<string> Report);
