using System.Text.Json;
using Popcorn.Cli.Commands;
using Popcorn.Cli.Measurement;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Protocols;

namespace Popcorn.Engine.Tests.Costs;

/// <summary>What <c>popcorn bench network</c> says of a family with two phases, and of one with one.</summary>
public class NetworkBenchmarkTests
{
    private static readonly string[] PhaseKeys =
    [
        "prepareSeconds", "onlineSeconds", "prepareBytesUp", "prepareBytesDown", "onlineBytesUp", "onlineBytesDown",
        "prepareRounds", "onlineRounds", "setupSeconds", "setupBytes",
    ];

    [Fact]
    public async Task Phases_are_reported_apart_and_add_up()
    {
        JsonElement report = await RunAsync(images: 2, new NoOpFamily());
        double Figure(string name) => report.GetProperty(name).GetDouble();
        Assert.All(PhaseKeys, key => Assert.True(report.TryGetProperty(key, out _), key));
        Assert.True(report.GetProperty("exact").GetBoolean());
        Assert.Equal("no-op", report.GetProperty("family").GetString());
        foreach (string sum in (string[])["Seconds", "BytesUp", "BytesDown", "Rounds"])
        {
            Assert.Equal(
                Figure($"prepare{sum}") + Figure($"online{sum}"), Figure(char.ToLowerInvariant(sum[0]) + sum[1..]), 9);
        }

        // Two images of pads and of what they hide.
        Assert.InRange(Figure("prepareBytesUp"), 2 * 84 * 8, 2 * 84 * 8 + 100);

        // The leave to prepare.
        Assert.InRange(Figure("prepareBytesDown"), 1, 9);
        Assert.Equal(1, Figure("prepareRounds"));
        Assert.True(Figure("setupBytes") > 0);
    }

    [Fact]
    public async Task A_family_that_works_online_only_reports_no_phases()
    {
        JsonElement report = await RunAsync(images: 1, FamilyRegistry.All[0]);
        Assert.True(report.GetProperty("exact").GetBoolean());
        Assert.All(PhaseKeys, key => Assert.False(report.TryGetProperty(key, out _), key));
        Assert.False(report.TryGetProperty("use", out _));
    }

    [Fact]
    public async Task The_cheaper_of_two_families_is_run() =>
        Assert.Equal(
            "no-op",
            (await RunAsync(images: 1, FamilyRegistry.All[0], new NoOpFamily())).GetProperty("family").GetString());

    private static async Task<JsonElement> RunAsync(int images, params Family[] families)
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(3));
        var benchmark = new NetworkBenchmark
        {
            KeyBits = 2048,
            Images = images,
            Offer = new FamilyOffer(families, NetworkLink.None),
            Client = new ClientOptions { DegreeOfParallelism = 1 },
            Repeat = 1,
            Times = new OperationTimes(1e-6, 1e-6, 1e-3, 1e-3, 1e-3, 1e-5, 1e-5),
        };
        NetworkReport report = await benchmark.RunAsync("net", network, new Progress<SessionProgress>(), default);
        return JsonDocument.Parse(JsonSerializer.Serialize(report, ReportJson.Default.NetworkReport)).RootElement;
    }
}
