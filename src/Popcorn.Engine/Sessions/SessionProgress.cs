using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Sessions;

/// <summary>How far an inference is.</summary>
/// <param name="Layer">The step at work, as shown to users.</param>
/// <param name="Phase">When the step runs.</param>
/// <param name="Step">Its number, from 0.</param>
/// <param name="Steps">Steps of the plan.</param>
/// <param name="Done">Items of the step that are done.</param>
/// <param name="Total">Items of the step.</param>
public readonly record struct SessionProgress(string Layer, Phase Phase, int Step, int Steps, int Done, int Total);
