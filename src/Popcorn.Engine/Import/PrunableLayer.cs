namespace Popcorn.Engine.Import;

/// <summary>A layer that can be pruned by its name.</summary>
/// <param name="Name">Its node's name.</param>
/// <param name="Weights">How many weights it has, zeros included.</param>
public sealed record PrunableLayer(string Name, int Weights);
