using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>An integer network, and what stands in it for the nodes that it was made of.</summary>
/// <param name="Network">The network.</param>
/// <param name="Values">By node; that of one that only comparisons read may have become another.</param>
internal sealed record QuantizedNetwork(
    IntegerNetwork Network, IReadOnlyDictionary<FloatNode, QuantizedValue> Values);
