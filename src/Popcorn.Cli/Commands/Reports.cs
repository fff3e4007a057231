using System.Text.Json.Serialization;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Costs;

namespace Popcorn.Cli.Commands;

// What the commands print with --json. Keys are part of the command line's contract: add, never rename.

internal sealed record KeygenReport(
    string PublicKey, string PrivateKey, int Bits, string Fingerprint, double Seconds);

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
    IReadOnlyList<LayerSensitivity>? Sensitivity = null);

internal sealed record ImportedLayer(
    string Name,
    string Kind,
    IReadOnlyList<int> Output,
    long? Weights,
    long? Nnz,
    double? Sparsity,
    int? WeightBits,
    int? DistinctWeights,
    int BoundBits);

internal sealed record InspectReport(
    string Input, IReadOnlyList<LayerReport> Layers, Prediction Predicted, int KeyBits);

internal sealed record EvalReport(
    double? Accuracy, double? Top5, int Count, double Seconds, IReadOnlyList<IReadOnlyList<string>>? Logits);

internal sealed record ServeReport(string Url, IReadOnlyList<string> Models);

internal sealed record InferReport(
    IReadOnlyList<ImagePrediction> Results, string Model, int KeyBits, double? KeySeconds, double TableSeconds);

internal sealed record ImagePrediction(
    string Image,
    int Label,
    int? Expected,
    IReadOnlyList<string> Logits,
    double Seconds,
    long BytesUp,
    long BytesDown,
    int Rounds,
    int Images);

internal sealed record KernelsReport(
    string Isa,
    int KeyBits,
    int Threads,
    double ReferencePowmMicroseconds,
    IReadOnlyList<MeasuredOperation> Operations);

internal sealed record NetworkReport(
    string Model,
    string Isa,
    int KeyBits,
    int Threads,
    int Images,
    int Inferences,
    bool Exact,
    double Seconds,
    double ServerSeconds,
    double ClientSeconds,
    double PredictedSeconds,
    long Products,
    long PredictedProducts,
    long BytesUp,
    long BytesDown,
    int Rounds,
    long PeakMemoryBytes,
    double KeySeconds,
    double CompileSeconds,
    double TableSeconds,
    long AllocatedBytes);

internal sealed record MeasuredOperation(string Name, double Microseconds, double RatioToPowm);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(KeygenReport))]
[JsonSerializable(typeof(ImportReport))]
[JsonSerializable(typeof(InspectReport))]
[JsonSerializable(typeof(EvalReport))]
[JsonSerializable(typeof(ServeReport))]
[JsonSerializable(typeof(InferReport))]
[JsonSerializable(typeof(KernelsReport))]
[JsonSerializable(typeof(NetworkReport))]
internal sealed partial class ReportJson : JsonSerializerContext;
