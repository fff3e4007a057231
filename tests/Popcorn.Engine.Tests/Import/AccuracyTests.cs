using System.Globalization;
using Popcorn.Engine.Import;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Networks that are hard to round: imported, they lose what rounding their weights costs.</summary>
public class AccuracyTests(ITestOutputHelper output)
{
    /// <summary>How much less like the original an import may be than the network whose weights are rounded.</summary>
    private const double Room = 0.005;

    /// <summary>The one that takes as long as all others.</summary>
    private const string Slow = "real/mlc_ic";

    private static readonly string[] Folders = ["quantizer", "real"];

    public static TheoryData<string> Names => SharedData.Root is null
        ? []
        : [.. Folders.SelectMany(f => Directory.GetFiles(SharedData.PathOf($"models/{f}"), "*.onnx")
            .Select(path => $"{f}/{Path.GetFileNameWithoutExtension(path)}")
            .Where(name => SharedData.SlowTests || name != Slow).Order())];

    [SharedTheory]
    [MemberData(nameof(Names))]
    public void An_import_loses_what_rounding_the_weights_costs(string name) => Check(name, OptionsFor(name));

    [SharedTheory]
    [InlineData("real/mlc_kws", 0.5)]
    public void So_does_one_that_prunes(string name, double sparsity) =>
        Check(name, OptionsFor(name) with { Sparsity = sparsity });

    private static ImportOptions OptionsFor(string name) => name switch
    {
        "real/mlc_vww" => new ImportOptions { InputScale = 1 },
        "real/mlc_kws" => new ImportOptions { InputScale = 1, InputMeans = [128] },
        "real/mlc_ic" => new ImportOptions { InputMeans = [0.47], InputDeviations = [0.25] },
        _ => new ImportOptions(),
    };

    private void Check(string name, ImportOptions options)
    {
        byte[] onnx = File.ReadAllBytes(SharedNetworks.PathOf(name));
        Likeness coarse = Likeness.Of(onnx, options with { WeightBits = 8 });
        Report(8, coarse);
        Likeness fine = Likeness.Of(onnx, options with { WeightBits = 12 });
        Report(12, fine);
        Assert.InRange(coarse.Imported, coarse.Plain - Room, 1.0001);
        Assert.InRange(fine.Imported, fine.Plain - Room, 1.0001);
        Assert.InRange(fine.Imported, Math.Min(coarse.Imported, 0.9995) - 0.001, 1.0001);

        void Report(int bits, Likeness likeness) => output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name,-40} {bits,2} bits {likeness.Imported,8:F5}   plain {likeness.Plain,8:F5}"));
    }
}
