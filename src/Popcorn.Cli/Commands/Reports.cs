using System.Text.Json.Serialization;
using Popcorn.Cli.Measurement;
using Popcorn.Cli.Service;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Import;

namespace Popcorn.Cli.Commands;

// What the commands print with --json. Keys are part of the command line's contract: add, never rename.

internal sealed record KeygenReport(
    string PublicKey, string PrivateKey, int Bits, string KeyOrder, string Fingerprint, double Seconds);

internal sealed record ImportReport(
    string Model,
    IReadOnlyList<int> Input,
    int Outputs,
    IReadOnlyList<ImportedLayer> Layers,
    long Weights,
    long Nnz,
    double Sparsity,
    long Bytes,
    double? Accuracy = null,
    double? AccuracyBefore = null,
    IReadOnlyList<LayerSensitivity>? Sensitivity = null,
    ImportFidelity? Fidelity = null);

internal sealed record ImportedLayer(
    string Name,
    string Kind,
    IReadOnlyList<int> Output,
    long? Weights,
    long? Nnz,
    double? Sparsity,
    int? WeightBits,
    int? DistinctWeights,
    int BoundBits,
    int? Shift,
    int? SaturationBits);

/// <summary>A model by the family that is cheapest for the link, and what each family will take.</summary>
internal sealed record InspectReport(
    string Input, IReadOnlyList<LayerReport> Layers, Prediction Predicted, int KeyBits, string KeyOrder,
    string Family, IReadOnlyList<FamilyReport> Families);

/// <summary>What a family will take on this machine, and in seconds over the link.</summary>
internal sealed record FamilyReport(string Family, double LinkSeconds, Prediction Predicted);

/// <summary>What an integer network makes of a test set.</summary>
/// <param name="Accuracy">The share that it puts into their class.</param>
/// <param name="Top5">The share whose class is among its first five.</param>
/// <param name="Count">How many images it was evaluated on.</param>
/// <param name="Seconds">What that took.</param>
/// <param name="Logits">By the images' numbers; null where one has none.</param>
internal sealed record EvalReport(
    double? Accuracy, double? Top5, int Count, double Seconds, IReadOnlyList<IReadOnlyList<string>?>? Logits)
{
    /// <summary>How many images there were to evaluate it on.</summary>
    [JsonIgnore]
    public int Images { get; init; }

    /// <summary>True where an error or the user ended it before it had seen all images; absent otherwise.</summary>
    public bool? Incomplete => Count < Images ? true : null;
}

/// <summary>What <c>popcorn doctor</c> finds.</summary>
internal sealed record DoctorReport
{
    public required string Version { get; init; }

    public required string Rid { get; init; }

    public required string Runtime { get; init; }

    public required string Processor { get; init; }

    public required int Cores { get; init; }

    /// <summary>What this process may use, in a container its limit.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>What a server's clients get of it by default.</summary>
    public required long BudgetBytes { get; init; }

    public required string Kernel { get; init; }

    public required IReadOnlyList<string> Kernels { get; init; }

    public required string GmpVersion { get; init; }

    public required bool AesInstructions { get; init; }

    /// <summary>Whether the native library has transfers with vectors of several blocks for this processor.</summary>
    public required bool AesVectors { get; init; }

    /// <summary>For whom the system has huge pages: "always", "madvise" or "never"; null: unknown.</summary>
    public required string? HugePages { get; init; }

    /// <summary>Where measured times are kept; null: nowhere.</summary>
    public string? DataFolder { get; init; }

    /// <summary>Whether every kernel computes what it should.</summary>
    public required bool IsRight { get; init; }

    public IReadOnlyList<string> Advice { get; init; } = [];
}

internal sealed record TokenReport(string Client, string Token);

internal sealed record ServeReport(string Url, IReadOnlyList<string> Models);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DoctorReport))]
[JsonSerializable(typeof(KeygenReport))]
[JsonSerializable(typeof(ImportReport))]
[JsonSerializable(typeof(InspectReport))]
[JsonSerializable(typeof(EvalReport))]
[JsonSerializable(typeof(ServeReport))]
[JsonSerializable(typeof(InferReport))]
[JsonSerializable(typeof(KernelsReport))]
[JsonSerializable(typeof(NetworkReport))]
[JsonSerializable(typeof(TransfersReport))]
[JsonSerializable(typeof(TokenReport))]
internal sealed partial class ReportJson : JsonSerializerContext;
