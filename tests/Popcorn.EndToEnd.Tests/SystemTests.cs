using System.Text.Json;
using Popcorn.Engine.Evaluation;

namespace Popcorn.EndToEnd.Tests;

/// <summary>
/// What the command must do on every system: these tests run here, and by <c>./build.sh test --rid</c> on others.
/// </summary>
public sealed class SystemTests : IDisposable
{
    private const int Images = 2;
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Doctor_finds_the_native_library_and_its_results_right() =>
        Assert.Contains("results are right", (await CommandRun.Of("doctor")).Out, StringComparison.Ordinal);

    [Fact]
    public async Task Plaintext_evaluation_gives_the_logits_of_this_process()
    {
        string[][] logits = await TwoProcessTests.EvalAsync(_files.Model("tiny.popcorn"), _files.Images(Images));
        Assert.Equal(Expected(), logits);
    }

    [Fact]
    public Task Inference_by_blinded_values_gives_the_logits_of_this_process() => InfersAsync("blinded");

    [Fact]
    public Task Inference_by_shares_gives_the_logits_of_this_process() => InfersAsync("shares");

    private async Task InfersAsync(string family)
    {
        string images = _files.Images(Images);
        await using RunningServer server = await RunningServer.StartAsync(_files.Model("tiny.popcorn"));
        JsonElement report = await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "tiny", "--family", family, "--image", images,
            "--index", $"0-{Images - 1}");
        Assert.Equal(Expected(), report.GetProperty("results").EnumerateArray().Select(TwoProcessTests.Logits));
    }

    private string[][] Expected()
    {
        byte[] file = File.ReadAllBytes(_files.Images(Images));
        var evaluator = new PlainEvaluator(TestFiles.TinyNetwork());
        return [.. file[16..].Chunk(36).Select(pixels =>
            evaluator.Run(Array.ConvertAll(pixels, pixel => (int)pixel)).Select(logit => $"{logit}").ToArray())];
    }
}
