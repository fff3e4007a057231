using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Attributes of an ONNX node, checked and with their defaults.</summary>
internal sealed class OnnxNode(NodeProto node)
{
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

    /// <summary>A pair of attributes for height and width, or twice the default.</summary>
    public (int Y, int X) Pair(string name, int otherwise) => Ints(name) switch
    {
        null => (otherwise, otherwise),
        [int y, int x] => (y, x),
        int[] values => throw new NodeException(
            $"its {name} has {values.Length} entries; only windows over height and width can be imported"),
    };

    private static int ToInt(string name, long value) =>
        value is >= int.MinValue and <= int.MaxValue ? (int)value : throw new NodeException($"its {name} is {value}");

    private static string Shorten(string name) =>
        OneLine.Of(name.Length <= NetworkValidator.MaxNameLength ? name : name[..NetworkValidator.MaxNameLength]);
}
