namespace Popcorn.Engine.Import;

/// <summary>What the reading of all nodes of a graph shares.</summary>
/// <param name="Broadcasting">Spreads constants over what depends on the image.</param>
/// <param name="Ranges">Between which numbers values lie.</param>
/// <param name="Tensors">Reads tensors of the file.</param>
/// <param name="Report">Takes one line for each liberty that the import takes.</param>
internal sealed record ReadingContext(
    Broadcasting Broadcasting, Ranges Ranges, TensorReader Tensors, Action<string> Report);
