using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Attributes of an ONNX node, checked and with their defaults.</summary>
/// <param name="node">The node.</param>
/// <param name="operatorSet">The version of the operator set that it is of.</param>
internal sealed class OnnxNode(NodeProto node, long operatorSet)
{
    public long OperatorSet => operatorSet;


    public string Operator => node.OpType;

    /// <summary>The node's name, or its first output's where it has none.</summary>
    public string Name { get; } = Shorten(node.Name.Length > 0 ? node.Name : node.Output.FirstOrDefault(""));

    public IReadOnlyList<string> Inputs => node.Input;

    public IReadOnlyList<string> Outputs => node.Output;

    public AttributeProto? Attribute(string name) => node.Attribute.FirstOrDefault(a => a.Name == name);

    public int Int(string name, int otherwise) => Attribute(name) is { } a ? ToInt(name, a.I) : otherwise;

    public bool Flag(string name) => Int(name, 0) != 0;

    public double Float(string name, double otherwise) => Attribute(name)?.F ?? otherwise;

    public string Text(string name, string otherwise) => Attribute(name)?.S.ToStringUtf8() ?? otherwise;

    public int[]? Ints(string name) => Attribute(name)?.Ints.Select(i => ToInt(name, i)).ToArray();

    /// <summary>An order of the sides; by default the reverse one.</summary>
    public int[] Permutation(int rank) => Ints("perm") ?? [.. Enumerable.Range(0, rank).Reverse()];

    /// <summary>
    /// A pair of attributes for height and width, or twice the default; along one dimension the height's is 1.
    /// </summary>
    public (int Y, int X) Pair(string name, int otherwise, int dimensions) => (Ints(name), dimensions) switch
    {
        (null, 1) => (1, otherwise),
        (null, _) => (otherwise, otherwise),
        ([int x], 1) => (1, x),
        ([int y, int x], 2) => (y, x),
        (int[] values, _) => throw new NodeException(
            $"its {name} has {values.Length} entries for {dimensions} dimensions; the file is damaged"),
    };

    private static int ToInt(string name, long value) =>
        value is >= int.MinValue and <= int.MaxValue ? (int)value : throw new NodeException($"its {name} is {value}");

    private static string Shorten(string name) =>
        OneLine.Of(name.Length <= NetworkValidator.MaxNameLength ? name : name[..NetworkValidator.MaxNameLength]);
}
