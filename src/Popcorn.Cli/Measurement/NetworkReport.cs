namespace Popcorn.Cli.Measurement;

/// <summary>What <c>popcorn bench network</c> found. Keys of JSON: add, never rename.</summary>
internal sealed record NetworkReport : PhaseFigures
{
    public required string Model { get; init; }

    public required string Family { get; init; }

    public required string Isa { get; init; }

    public required int KeyBits { get; init; }

    public required string KeyOrder { get; init; }

    public required int Threads { get; init; }

    public required int Images { get; init; }

    public required int Inferences { get; init; }

    public required bool Exact { get; init; }

    public required double Seconds { get; init; }

    public required double ServerSeconds { get; init; }

    public required double ClientSeconds { get; init; }

    public required double PredictedSeconds { get; init; }

    public required long Products { get; init; }

    public required long PredictedProducts { get; init; }

    public required long BytesUp { get; init; }

    public required long BytesDown { get; init; }

    public required int Rounds { get; init; }

    public required long PeakMemoryBytes { get; init; }

    public required double KeySeconds { get; init; }

    public required double CompileSeconds { get; init; }

    public required double TableSeconds { get; init; }

    public required long AllocatedBytes { get; init; }

    /// <summary>Of the phase before the input is known; absent where there is none.</summary>
    public double? PredictedPrepareSeconds { get; init; }

    /// <summary>Of the phase with the input.</summary>
    public double? PredictedOnlineSeconds { get; init; }

    /// <summary>From the first message until the server was ready; absent where queries work online only.</summary>
    public double? SetupSeconds { get; init; }

    /// <summary>Bytes of messages in both directions until then.</summary>
    public long? SetupBytes { get; init; }
}
