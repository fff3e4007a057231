using System.Globalization;
using Popcorn.Engine.Import;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Random networks lose in an import what rounding their weights costs, whatever is odd about them.</summary>
public class RandomNetworkTests(ITestOutputHelper output)
{
    /// <summary>Below this a network is so touchy that rounding alone ruins it, and nothing can be told.</summary>
    private const double LeastPlain = 0.9;

    private const int Images = 24;
    private const int Few = 24;

    private static readonly ImportOptions[] Exact =
        [new ImportOptions { WeightBits = 8 }, new ImportOptions { WeightBits = 12 }];

    [Fact]
    public void Two_dozen_networks_lose_what_rounding_costs() => Check(0, Few, Exact, Bar);

    /// <summary>
    /// Activations of 8 bits cost little more. Not so where gains of channels differ a thousandfold, or batch norms are
    /// extreme: what is small there is lost in 8 bits.
    /// </summary>
    [Fact]
    public void Most_of_two_dozen_networks_stand_activations_of_8_bits() => StandActivations(Few);

    [SlowFact]
    public void Most_of_sixty_networks_stand_activations_of_8_bits() => StandActivations(60);

    [SlowFact]
    public void So_do_thousands() => Check(Few, 3000, Exact, Bar);

    private void StandActivations(int count) => Check(
        0, count, [new ImportOptions { ActivationBits = 8 }], plain => 0.97 * plain, allowed: count / 4);

    /// <summary>The luck of rounding differs, the more the more rounding matters.</summary>
    private static double Bar(double plain) => plain - 0.005 - (1 - plain) / 2;

    /// <summary>Imports the networks of many seeds and names those that fall short of a bar.</summary>
    /// <param name="first">The first seed.</param>
    /// <param name="count">How many.</param>
    /// <param name="ways">How to import each, but for its input.</param>
    /// <param name="bar">The least cosine by that of the network with rounded weights.</param>
    /// <param name="allowed">How many may fall short.</param>
    private void Check(int first, int count, ImportOptions[] ways, Func<double, double> bar, int allowed = 0)
    {
        var findings = new List<string>();
        int touchy = 0;
        for (int seed = first; seed < first + count; seed++)
        {
            RandomOnnx network = RandomOnnx.Draw(seed);
            foreach (ImportOptions way in ways)
            {
                string? finding = Finding(network, way, bar, ref touchy);
                if (finding is not null)
                {
                    findings.Add($"seed {seed}, {way.WeightBits} bits: {finding} ({network}; {Save(network, seed)})");
                }
            }
        }

        int tried = count * ways.Length;
        output.WriteLine($"{touchy} of {tried} do not even stand the rounding of their weights.");
        Assert.True(findings.Count <= allowed, $"{findings.Count} of {tried}:\n{string.Join('\n', findings)}");
        Assert.InRange(touchy, 0, tried / 4);
    }

    private static string? Finding(RandomOnnx network, ImportOptions way, Func<double, double> bar, ref int touchy)
    {
        try
        {
            Likeness likeness = Likeness.Of(network.File, network.Taking(way), Images);
            double plain = likeness.WorstPlain;
            touchy += plain < LeastPlain ? 1 : 0;
            return plain < LeastPlain || likeness.Imported >= bar(plain)
                ? null
                : string.Create(CultureInfo.InvariantCulture, $"{likeness.Imported:F4}, plain {plain:F4}");
        }
        catch (PopcornException e)
        {
            return e.Message;
        }
    }

    /// <summary>Writes the network for whoever looks for the cause.</summary>
    private static string Save(RandomOnnx network, int seed)
    {
        string folder = Path.Combine(Repository.Root, "artifacts", "networks");
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, $"{seed}.onnx");
        File.WriteAllBytes(path, network.File);
        return Path.GetRelativePath(Repository.Root, path);
    }
}
