using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Popcorn.Bench.Gate;

/// <summary>What the gate compares with: bench/baseline.json.</summary>
/// <param name="Allocations">Managed bytes that one run of an operation allocates, whatever kernel and machine.</param>
/// <param name="Inferences">What whole inferences do, whatever machine.</param>
/// <param name="Transfers">What either party's side of transfers sends and keeps, whatever machine.</param>
/// <param name="Ratios">Times by the reference's: machine → kernel → operation.</param>
internal sealed record Baseline(
    SortedDictionary<string, long> Allocations,
    SortedDictionary<string, InferenceWork> Inferences,
    SortedDictionary<string, TransferSizes> Transfers,
    SortedDictionary<string, SortedDictionary<string, SortedDictionary<string, double>>> Ratios)
{
    /// <summary>A baseline that knows nothing.</summary>
    public static Baseline Empty => new([], [], [], []);

    /// <summary>Reads a baseline; a file that is absent knows nothing.</summary>
    /// <exception cref="JsonException">It is not a baseline.</exception>
    public static Baseline Load(string path) => File.Exists(path)
        ? JsonSerializer.Deserialize(File.ReadAllText(path), GateJson.Default.Baseline)
            ?? throw new JsonException($"{path} holds no baseline.")
        : Empty;

    /// <summary>Writes it.</summary>
    public void Save(string path) =>
        File.WriteAllText(path, JsonSerializer.Serialize(this, GateJson.Default.Baseline) + "\n");

    /// <summary>The ratio of an operation, or null where none is known.</summary>
    public double? RatioOf(string? machine, string kernel, string operation) =>
        machine is not null
        && Ratios.TryGetValue(machine, out var kernels)
        && kernels.TryGetValue(kernel, out var operations)
        && operations.TryGetValue(operation, out double ratio)
            ? ratio
            : null;

    /// <summary>Whether an inference's work is as expected.</summary>
    public bool Knows(string inference, InferenceWork work) =>
        Inferences.TryGetValue(inference, out InferenceWork? known) && work.Matches(known);

    /// <summary>Whether one party's side of transfers has the sizes that are expected.</summary>
    public bool Knows(string operation, TransferSizes sizes) =>
        Transfers.TryGetValue(operation, out TransferSizes? known) && known == sizes;

    /// <summary>Takes over what was measured.</summary>
    /// <param name="machine">Null leaves ratios as they are.</param>
    /// <param name="measurements">All of them.</param>
    public void Update(string? machine, IEnumerable<Measurement> measurements)
    {
        foreach (Measurement measured in measurements)
        {
            if (measured.AllocatedBytes is long bytes)
            {
                Allocations[measured.Operation] = bytes;
            }

            if (measured.Work is { } work)
            {
                Inferences[measured.Operation] = work;
            }

            if (measured.Sizes is { } sizes)
            {
                Transfers[measured.Operation] = sizes;
            }

            if (machine is not null)
            {
                Ratios.TryAdd(machine, []);
                Ratios[machine].TryAdd(measured.Kernel, []);
                Ratios[machine][measured.Kernel][measured.Operation] = Rounded(measured.Ratio);
            }
        }
    }

    /// <summary>Four digits, so that a change of the file shows what changed.</summary>
    private static double Rounded(double ratio) =>
        double.Parse(ratio.ToString("E3", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Baseline))]
[JsonSerializable(typeof(GateReport))]
internal sealed partial class GateJson : JsonSerializerContext;
