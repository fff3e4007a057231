namespace Popcorn.Engine.Import;

/// <summary>What a node can read: a <see cref="Signal"/>, a <see cref="Constant"/>, or nothing.</summary>
internal abstract record GraphValue;

/// <summary>Stands for an optional input that is left out.</summary>
internal sealed record Absent : GraphValue;

/// <summary>What a node with several outputs computes, in their order.</summary>
internal sealed record Several(GraphValue[] Values) : GraphValue;
