using Popcorn.Engine.Model;

namespace Popcorn.Engine.Shares;

/// <summary>
/// What the server tells of a layer beyond the public network, because its parties cannot do without: docs/PROTOCOL.md
/// and docs/THREAT_MODEL.md say what that shows.
/// </summary>
internal abstract record LayerTerms;

/// <summary>Of a layer of which there is nothing more to tell.</summary>
internal sealed record NoTerms : LayerTerms
{
    /// <summary>The only one that is needed.</summary>
    public static NoTerms Instance { get; } = new();
}

/// <summary>Of an average pool: its weights are all 1, so each party sums windows of its shares.</summary>
internal sealed record PoolTerms : LayerTerms;

/// <summary>Of a linear layer that is computed on ciphertexts.</summary>
/// <param name="LoadBits">
/// By how many bits a sum of the client's shares outgrows one of them: ⌊log₂ min(Σ|w|, 5.48·‖w‖₂ + |Σw|/2^k)⌋ over the
/// heaviest output channel, the second only where it may be used (<see cref="Rings.HasFreshInputs"/>).
/// </param>
/// <param name="ProductsLog">⌈log₂⌉ of the products that an output takes: what a grid costs depends on it.</param>
internal sealed record PackedTerms(int LoadBits, int ProductsLog) : LayerTerms;

/// <summary>Of a sum: the factors, channel by channel.</summary>
internal sealed record SumTerms(int[] First, int[] Second) : LayerTerms;

/// <summary>The terms of all layers, and how they travel.</summary>
internal static class SharesTerms
{
    /// <summary>Largest load that a ring leaves room for.</summary>
    public const int MostLoadBits = 62;

    private const int MostProductsLog = 40;

    /// <summary>Writes the terms of all layers, in order.</summary>
    public static byte[] Encode(IReadOnlyList<LayerTerms> layers)
    {
        var writer = new ByteWriter();
        foreach (LayerTerms terms in layers)
        {
            switch (terms)
            {
                case NoTerms:
                    break;
                case PoolTerms:
                    writer.Byte(1);
                    break;
                case PackedTerms packed:
                    writer.Byte(0);
                    writer.Unsigned(packed.LoadBits);
                    writer.Unsigned(packed.ProductsLog);
                    break;
                case SumTerms sum:
                    Array.ForEach(sum.First, writer.Signed);
                    Array.ForEach(sum.Second, writer.Signed);
                    break;
                default:
                    throw new NotSupportedException($"There is no way to write {terms.GetType().Name}.");
            }
        }

        return writer.Written.ToArray();
    }

    /// <summary>Reads what a server sent.</summary>
    /// <exception cref="PopcornException">It is not the terms of such a network.</exception>
    public static LayerTerms[] Decode(PublicNetwork network, ReadOnlySpan<byte> bytes)
    {
        var reader = new ByteReader(bytes);
        var layers = new LayerTerms[network.Layers.Count];
        for (int i = 0; i < layers.Length; i++)
        {
            PublicLayer layer = network.Layers[i];
            layers[i] = layer.Kind switch
            {
                LayerKind.Linear => ReadLinear(ref reader, network, layer),
                LayerKind.Add => new SumTerms(
                    reader.SignedIntegers(layer.Output.Channels), reader.SignedIntegers(layer.Output.Channels)),
                LayerKind.Relu or LayerKind.MaxPool or LayerKind.MaxPoolRelu or LayerKind.Square or LayerKind.Sign
                    or LayerKind.Concat or LayerKind.Clip or LayerKind.Rescale or LayerKind.Shift => NoTerms.Instance,
            };
        }

        Require(reader.Remaining == 0, "say more than there are layers");
        return layers;
    }

    private static LayerTerms ReadLinear(ref ByteReader reader, PublicNetwork network, PublicLayer layer)
    {
        if (reader.Byte() != 0)
        {
            Require(
                layer.Groups == layer.Output.Channels && network.ShapeOf(layer.Input).Channels == layer.Groups,
                "name a pool that is none");
            return new PoolTerms();
        }

        return new PackedTerms(reader.Unsigned(MostLoadBits), reader.Unsigned(MostProductsLog));
    }

    private static void Require(bool condition, string finding)
    {
        if (!condition)
        {
            throw new PopcornException(PopcornError.Protocol, $"The server's terms {finding}; refused.");
        }
    }
}
