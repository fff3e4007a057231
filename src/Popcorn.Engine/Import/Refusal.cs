namespace Popcorn.Engine.Import;

/// <summary>
/// Why a node cannot be imported, and what to do. The importer adds the node's name and operator and collects all of
/// them into one <see cref="PopcornException"/>.
/// </summary>
internal sealed class Refusal(string reason) : Exception(reason);
