namespace Popcorn.Cli.Kernels;

/// <summary>How much one run of each operation handles.</summary>
/// <param name="Heavy">Numbers, where each takes many products.</param>
/// <param name="Light">Numbers, where each takes a product or a few.</param>
/// <param name="Inputs">Inputs of the linear layers.</param>
internal readonly record struct WorkloadSize(int Heavy, int Light, int Inputs)
{
    /// <summary>Fills 8 lanes of every thread many times over, as the layers of a network do.</summary>
    public static WorkloadSize Full(int threads) => new(64 * threads, 256 * threads, 256);

    /// <summary>Runs short enough that, on a busy machine, many of them go undisturbed.</summary>
    public static WorkloadSize Short { get; } = new(16, 256, 64);
}
