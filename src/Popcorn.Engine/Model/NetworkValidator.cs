using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>
/// What a well-formed integer network is: the limits that hold for all, and the one check that the importer and the
/// loader both pass through, so that everything behind them may rely on shapes, windows and references.
/// </summary>
internal static class NetworkValidator
{
    /// <summary>Most layers that a network may have.</summary>
    public const int MaxLayers = 1 << 12;

    /// <summary>Longest layer name, in characters.</summary>
    public const int MaxNameLength = 256;

    /// <summary>Longest name of a class, in characters.</summary>
    public const int MaxClassNameLength = 256;

    /// <summary>Characters of a model's version.</summary>
    public const int MaxVersionLength = 64;

    /// <summary>Most weights that a layer may have.</summary>
    public const int MaxWeights = 1 << 28;

    /// <summary>Most bits that a rescaling or a shift may drop.</summary>
    public const int MaxShift = 1 << 10;

    /// <summary>Most bits at which a shift may saturate.</summary>
    public const int MaxSaturationBits = 64;

    /// <summary>Most values that a layer may join.</summary>
    public const int MaxJoined = 64;

    /// <summary>
    /// Most taps of all windows of max-pools over one channel: a plan takes memory and time for each. ImageNet networks
    /// stay below two fifths of it.
    /// </summary>
    public const int MaxPoolTaps = 1 << 18;

    /// <summary>Most bits that a bias may have: far more than a plaintext of the largest key can hold.</summary>
    public const int MaxBiasBits = 1 << 13;

    /// <summary>Most bits that the bound of a value may have: beyond the plaintexts of the largest key.</summary>
    public const int MaxBoundBits = 4096;

    /// <summary>Accepts a well-formed network and refuses any other.</summary>
    /// <exception cref="PopcornException">Names the layer and what is wrong with it.</exception>
    public static void Validate(IntegerNetwork network)
    {
        network.Input.Validate();
        Require(network.Input.Minimum < network.Input.Maximum, "the input's range holds one number only");
        Require(
            double.IsFinite(network.LogitScale) && network.LogitScale > 0,
            "the scale of the logits is not a positive number");
        int count = network.Layers.Count;
        Require(count is > 0 and <= MaxLayers, $"it has {count} layers, not 1…{MaxLayers}");
        for (int i = 0; i < count; i++)
        {
            Layer layer = network.Layers[i];
            try
            {
                Require(layer.Name.Length <= MaxNameLength, $"its name is longer than {MaxNameLength} characters");
                Require(!layer.Name.Any(char.IsControl), "its name holds a control character");
                layer.Describe(boundBits: 1).Validate(i, network.ShapeOf);
                layer.Validate(network.ShapeOf(layer.Input));
            }
            catch (PopcornException e)
            {
                string name = string.Concat(layer.Name.Take(MaxNameLength).Where(c => !char.IsControl(c)));
                throw new PopcornException($"layer {i + 1} ({layer.KindName} '{name}'): {e.Message}", e);
            }
        }

        RequireVersion(network.Version);
        RequireClassNames(network.ClassNames, network.Outputs);
    }

    /// <summary>Accepts what can be shown to a person in a line, or nothing.</summary>
    internal static void RequireVersion(string version)
    {
        Require(
            version.Length <= MaxVersionLength,
            $"its version has {version.Length} characters, more than {MaxVersionLength}");
        Require(!version.Any(char.IsControl), "its version holds a control character");
    }

    /// <summary>Accepts a name for each logit, or none at all: names that can be shown to a person.</summary>
    internal static void RequireClassNames(IReadOnlyList<string> names, int logits)
    {
        Require(names.Count == 0 || names.Count == logits, $"it has {names.Count} class names for {logits} logits");
        foreach (string name in names)
        {
            Require(
                name.Length is > 0 and <= MaxClassNameLength,
                $"a class name has {name.Length} characters, not 1…{MaxClassNameLength}");
            Require(!name.Any(char.IsControl), "a class name holds a control character");
        }
    }

    internal static void Require(bool condition, string finding)
    {
        if (!condition)
        {
            throw new PopcornException(finding);
        }
    }

    internal static void RequireBits(BigInteger[] values, string what) => Require(
        Array.TrueForAll(values, v => v.GetBitLength() <= MaxBiasBits), $"{what} has more than {MaxBiasBits} bits");
}
