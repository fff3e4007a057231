using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Popcorn.Cli.Commands;
using Popcorn.Cli.Data;
using Popcorn.Cli.Service;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Protocols;
using Popcorn.Hosting;
using Popcorn.Interop;

namespace Popcorn.EndToEnd.Tests;

/// <summary>What <c>popcorn infer</c> does by a family with two phases.</summary>
public class InferenceTests
{
    private static readonly string[] PhaseKeys =
    [
        "prepareSeconds", "onlineSeconds", "prepareBytesUp", "prepareBytesDown", "onlineBytesUp", "onlineBytesDown",
        "prepareRounds", "onlineRounds",
    ];

    [Theory]
    [InlineData(0, 1)]
    [InlineData(2, 1)]
    [InlineData(9, 1)]
    [InlineData(100, 2)]
    public async Task Queries_are_prepared_ahead_in_lots_that_the_server_keeps(int prepare, int imagesPerQuery)
    {
        var family = new NoOpFamily();
        using var model = new ServedModel("tiny", TestFiles.TinyNetwork(), [family]);
        await using WebApplication host = await ServeAsync(model);
        using ClientKey key = ClientKey.Generate(2048, KeyOrder.Full);
        var evaluator = new PlainEvaluator(model.Network);

        // More than the server keeps, and an image left over.
        ImageInput[] images =
        [
            .. Enumerable.Range(0, 11).Select(i => new ImageInput(
                $"image {i}", [.. Enumerable.Range(0, 36).Select(j => (i * 31 + j * 7) % 256)], null)),
        ];
        var client = new Inference(new Uri(host.Urls.First()), "tiny")
        {
            ImagesPerQuery = imagesPerQuery,
            Prepare = prepare,
        };
        InferReport? result = null;
        await client.RunAsync(
            await client.DescribeAsync(default), key, images, new ClientOptions { Families = [family] }, done: null,
            found => result = found, default);
        JsonElement report =
            JsonDocument.Parse(JsonSerializer.Serialize(result!, ReportJson.Default.InferReport)).RootElement;
        Assert.False(report.TryGetProperty("incomplete", out _));
        Assert.Equal("no-op", report.GetProperty("family").GetString());
        Assert.True(report.GetProperty("setupSeconds").GetDouble() > 0);
        Assert.True(report.GetProperty("setupBytes").GetInt64() > 0);
        JsonElement[] results = [.. report.GetProperty("results").EnumerateArray()];
        Assert.Equal(
            images.Select(image => evaluator.Run(image.Values).Select(logit => logit.ToString())),
            results.Select(one => one.GetProperty("logits").EnumerateArray().Select(logit => logit.GetString()!)));
        Assert.All(results, one =>
        {
            double Figure(string name) => one.GetProperty(name).GetDouble();
            Assert.All(PhaseKeys, name => Assert.True(one.TryGetProperty(name, out _), name));
            Assert.Equal(Figure("seconds"), Figure("prepareSeconds") + Figure("onlineSeconds"), 9);
            Assert.InRange(Figure("prepareBytesUp"), 36 * 8, 36 * 8 + 50);
            Assert.Equal(Figure("bytesUp"), Figure("prepareBytesUp") + Figure("onlineBytesUp"));
        });
    }

    private static async Task<WebApplication> ServeAsync(ServedModel model)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddPopcorn(options => options.Models.Add(model));
        WebApplication host = builder.Build();
        host.MapPopcorn();
        await host.StartAsync();
        return host;
    }
}
