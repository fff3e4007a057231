using System.Globalization;
using System.Text.Json;
using Popcorn.Interop;

namespace Popcorn.Bench.Gate;

/// <summary>A whole inference, both parties in a process of their own, in units of the reference.</summary>
internal static class InferenceMeasurement
{
    private const int Repeat = 6;
    private const int ReferenceRuns = 16;

    /// <summary>That of which the baseline is: which is cheaper depends on the machine.</summary>
    private const string Family = "blinded";

    /// <summary>What a model's inference is called.</summary>
    public static string OperationOf(string model) => $"inference {Path.GetFileNameWithoutExtension(model)}";

    /// <summary>Measures one; the fastest of some counts.</summary>
    /// <param name="popcorn">The command to measure with.</param>
    /// <param name="model">An integer network's file.</param>
    /// <param name="slowDownPercent">Makes it longer by this much, to show that the gate notices.</param>
    public static Measurement Of(PopcornCommand popcorn, string model, double slowDownPercent)
    {
        double reference = PaillierLibrary.MeasureReferencePowm(ReferenceRuns).TotalMicroseconds / ReferenceRuns;
        JsonElement figures = popcorn.Run(
            "bench", "network", model, "--family", Family, "--repeat", Repeat.ToString(CultureInfo.InvariantCulture));
        double microseconds = figures.GetProperty("seconds").GetDouble() * 1e6 * (1 + slowDownPercent / 100);
        return new Measurement(
            figures.GetProperty("isa").GetString()!, OperationOf(model), microseconds, microseconds / reference,
            RelativeError: 0, AllocatedBytes: null)
        {
            Work = new InferenceWork(
                figures.GetProperty("predictedProducts").GetInt64(),
                figures.GetProperty("bytesUp").GetInt64(),
                figures.GetProperty("bytesDown").GetInt64(),
                figures.GetProperty("rounds").GetInt32(),
                figures.GetProperty("allocatedBytes").GetInt64()),
        };
    }
}
