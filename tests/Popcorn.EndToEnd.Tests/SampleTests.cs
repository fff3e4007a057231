using System.Diagnostics;
using System.Text.Json;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>The samples of the repository, and what shows them.</summary>
public sealed class SampleTests : IDisposable
{
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Demo_shows_both_parties_at_work()
    {
        JsonElement report = await CommandRun.Json("demo", "--count", "2");
        JsonElement[] results = [.. report.GetProperty("results").EnumerateArray()];
        string[][] expected = await TwoProcessTests.EvalAsync(
            TestFiles.Sample("mnist-small.popcorn"), TestFiles.Sample("mnist-100-images.idx3-ubyte"));
        Assert.Equal(2, results.Length);
        Assert.Equal(expected[..2], results.Select(TwoProcessTests.Logits));
        Assert.All(results, result => Assert.InRange(result.GetProperty("expected").GetInt32(), 0, 9));
        Assert.True(report.GetProperty("keySeconds").GetDouble() > 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Demo_draws_digits_in_a_pipe_where_it_is_told_to(bool draws)
    {
        CommandRun run = await CommandRun.Of(draws ? ["demo", "--count", "1", "--digit"] : ["demo", "--count", "1"]);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Single(run.Out.Split('\n'), line => line.Contains("predicted 7, as expected"));

        // A seven begins with a bar: 16 pixels of one row, or of two.
        Assert.Equal(draws, run.Out.Split('\n').Any(line => line.Split('▀', '▄', '█').Length > 12));
    }

    [Theory]
    [InlineData("mnist-small", "onnx", "8")]
    [InlineData("mnist-bm1", "onnx.gz", "8")]
    [InlineData("mnist-bm2", "onnx.gz", "8")]
    [InlineData("mnist-bm3", "onnx.gz", "8")]
    [InlineData("cifar10-4bit", "onnx.gz", "4")]
    [InlineData("cifar10-binary", "onnx.gz", "8")]
    public async Task Samples_are_what_import_makes_and_infer_as_they_evaluate(string name, string kind, string bits)
    {
        string sample = TestFiles.Sample(name + ".popcorn");
        string made = _files[name + ".popcorn"];
        await CommandRun.Json("import", TestFiles.Sample($"{name}.{kind}"), "--out", made, "--weight-bits", bits);
        Assert.Equal(await File.ReadAllBytesAsync(sample), await File.ReadAllBytesAsync(made));
        if (!SharedData.SlowTests && name != "mnist-small"
            || name.StartsWith("cifar10", StringComparison.Ordinal))
        {
            return; // These take longer, those minutes on the portable kernel.
        }

        string images = TestFiles.Sample("mnist-100-images.idx3-ubyte");
        await using RunningServer server = await RunningServer.StartAsync(sample);
        JsonElement report = await CommandRun.Json(
            "infer", "--server", server.Url, "--model", name, "--image", images, "--index", "3");
        string[] expected = (await TwoProcessTests.EvalAsync(sample, images))[3];
        Assert.Equal(expected, TwoProcessTests.Logits(report.GetProperty("results")[0]));
    }

    [Fact]
    public async Task The_demo_takes_its_server_along_even_when_it_is_killed()
    {
        using Process demo = CommandRun.Start("demo", "--count", "100");
        string? first = await demo.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience);
        string url = Assert.Single(first!.Split(' '), word => word.StartsWith("http://", StringComparison.Ordinal));
        using var http = new HttpClient();
        Assert.NotEmpty(await http.GetStringAsync(new Uri(url + "/health")));
        demo.Kill();

        await Eventually.IsTrueAsync(async () => !await AnswersAsync(), "The demo's server lives on.");

        async Task<bool> AnswersAsync()
        {
            try
            {
                using HttpResponseMessage answer = await http.GetAsync(new Uri(url + "/health"));
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }
    }
}
