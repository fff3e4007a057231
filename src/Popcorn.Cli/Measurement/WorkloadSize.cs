namespace Popcorn.Cli.Measurement;

/// <summary>How much one run of each operation handles.</summary>
/// <param name="Heavy">Numbers, where each takes many products.</param>
/// <param name="Light">Numbers, where each takes a product or a few.</param>
/// <param name="Inputs">Inputs of the linear layers.</param>
internal readonly record struct WorkloadSize(int Heavy, int Light, int Inputs)
{
    /// <summary><see cref="Heavy"/> for one thread: 8 lanes. Short runs more often go undisturbed.</summary>
    public const int FullHeavy = 8;

    /// <summary><see cref="Heavy"/> for each of several threads: enough to share.</summary>
    private const int SharedHeavy = 64;

    /// <summary><see cref="Light"/> for one thread: it fits in a core's cache.</summary>
    public const int FullLight = 256;

    /// <summary><see cref="Inputs"/> of a layer as networks have them.</summary>
    public const int FullInputs = 256;

    /// <summary>Runs short enough that, on a busy machine, many of them go undisturbed.</summary>
    public static WorkloadSize Short { get; } = new(16, FullLight, 64);

    /// <summary>What figures are quoted for.</summary>
    public static WorkloadSize Full(int threads) =>
        new(threads == 1 ? FullHeavy : SharedHeavy * threads, FullLight * threads, FullInputs);
}
