using System.Text.Json.Serialization;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Planning;

namespace Popcorn.Cli.Measurement;

/// <summary>
/// What the phases of a query took, for reports; absent where all of it is online. Keys of JSON: add, never rename.
/// </summary>
internal abstract record PhaseFigures
{
    /// <summary>Where the figures come from.</summary>
    [JsonIgnore]
    public QueryUse Use { get; init; } = new(null, PhaseUse.None);

    public double? PrepareSeconds => Use.Prepare?.Seconds;

    public double? OnlineSeconds => Online?.Seconds;

    public long? PrepareBytesUp => Use.Prepare?.BytesUp;

    public long? PrepareBytesDown => Use.Prepare?.BytesDown;

    public long? OnlineBytesUp => Online?.BytesUp;

    public long? OnlineBytesDown => Online?.BytesDown;

    public int? PrepareRounds => Use.Prepare?.Rounds;

    public int? OnlineRounds => Online?.Rounds;

    private PhaseUse? Online => Use.Prepare is null ? null : Use.Online;

    /// <summary>The phases in words, after what they took together; empty where all of it is online.</summary>
    public string PhasesInWords() => Use.Prepare is PhaseUse prepare
        ? $"prepared: {InWords(prepare)}; online: {InWords(Use.Online)}"
        : "";

    private static string InWords(PhaseUse phase) =>
        $"{Units.Seconds(phase.Seconds)}, {Units.Bytes(phase.BytesUp)} up, {Units.Bytes(phase.BytesDown)} down";
}
