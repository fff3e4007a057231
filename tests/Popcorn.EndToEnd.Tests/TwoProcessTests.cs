using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>Client and server as two real processes over a socket.</summary>
public sealed class TwoProcessTests : IDisposable
{
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Infer_gives_exactly_the_logits_of_eval()
    {
        string model = _files.Model("tiny.popcorn");
        string images = _files.Images(4);
        await using RunningServer server = await RunningServer.StartAsync(
            model, _files.Model("other.popcorn", TestFiles.TinyNetwork(seed: 2)));
        await CommandRun.Json("keygen", "--out", _files["keys"]);

        JsonElement report = await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "tiny", "--key", _files["keys"], "--family", "blinded",
            "--image", images, "--index", "0-1", "3");
        JsonElement[] results = [.. report.GetProperty("results").EnumerateArray()];
        Assert.Equal(3, results.Length);
        Assert.False(report.TryGetProperty("keySeconds", out _));

        string[][] expected = await EvalAsync(model, images);
        byte[] labels = (await File.ReadAllBytesAsync(_files["test-labels-idx1-ubyte"]))[8..];
        foreach ((JsonElement result, int index) in results.Zip([0, 1, 3]))
        {
            Assert.Equal(expected[index], Logits(result));
            Assert.Equal(labels[index], result.GetProperty("expected").GetInt32());
            Assert.Equal(LargestOf(expected[index]), result.GetProperty("label").GetInt32());
            Assert.True(result.GetProperty("seconds").GetDouble() > 0);
            Assert.InRange(result.GetProperty("bytesUp").GetInt64(), 36 * 512, 104 * 512);
            Assert.InRange(result.GetProperty("bytesDown").GetInt64(), 512, 100 * 512);
            Assert.Equal(2, result.GetProperty("rounds").GetInt32());
        }

        JsonElement prepared = await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "tiny", "--key", _files["keys"], "--family", "shares",
            "--prepare", "2", "--image", images, "--index", "0-1", "3");
        JsonElement[] ofShares = [.. prepared.GetProperty("results").EnumerateArray()];
        Assert.Equal([expected[0], expected[1], expected[3]], ofShares.Select(Logits));
        Assert.All(ofShares, result => Assert.True(
            result.GetProperty("onlineBytesUp").GetInt64() < result.GetProperty("prepareBytesUp").GetInt64()));

        // Three images in two queries.
        JsonElement batches = await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "tiny", "--key", _files["keys"], "--family", "blinded",
            "--image", images, "--index", "0-1", "3", "--batch", "2");
        JsonElement[] shared = [.. batches.GetProperty("results").EnumerateArray()];
        Assert.Equal([expected[0], expected[1], expected[3]], shared.Select(Logits));
        Assert.Equal([2, 2, 1], shared.Select(result => result.GetProperty("images").GetInt32()));
        Assert.Equal(shared[0].GetProperty("seconds").GetDouble(), shared[1].GetProperty("seconds").GetDouble());
        Assert.InRange(shared[0].GetProperty("bytesUp").GetInt64(), 36 * 512, 104 * 512);

        JsonElement other = await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "other", "--image", images, "--index", "2");
        Assert.True(other.GetProperty("keySeconds").GetDouble() > 0);
        Assert.Equal(
            (await EvalAsync(_files["other.popcorn"], images))[2],
            Logits(other.GetProperty("results")[0]));
    }

    [SharedFact(slow: true)]
    public async Task A_network_that_others_trained_gives_the_logits_of_eval()
    {
        string images = SharedData.PathOf("data/mnist/t10k-images-idx3-ubyte.gz");
        string model = _files["mnist-c.popcorn"];
        await CommandRun.Json(
            "import", SharedData.PathOf("models/mnist-c-deepsecure.onnx"), "--out", model);
        await using RunningServer server = await RunningServer.StartAsync(model);
        JsonElement report = await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "mnist-c", "--image", images, "--index", "3");
        JsonElement result = report.GetProperty("results")[0];
        JsonElement eval = await CommandRun.Json("eval", model, "--data", images, "--logits", "--limit", "4");
        Assert.Equal(Strings(eval.GetProperty("logits")[3]), Logits(result));
        Assert.Equal(0, result.GetProperty("expected").GetInt32());
    }

    [Fact]
    public async Task Images_without_labels_have_no_expected_class()
    {
        string images = _files.Images(1, labels: false);
        await using RunningServer server = await RunningServer.StartAsync(_files.Model("tiny.popcorn"));
        JsonElement report = await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "tiny", "--image", images);
        Assert.False(report.GetProperty("results")[0].TryGetProperty("expected", out _));
    }

    [Fact]
    public async Task Values_outside_the_models_range_are_clamped_and_told()
    {
        await using RunningServer server = await RunningServer.StartAsync(_files.Model("tiny.popcorn"));
        short[] pixels = [.. Enumerable.Range(0, 36).Select(i => (short)(i * 20 - 100))];
        byte[] header = Encoding.Latin1.GetBytes("{'descr': '<i2', 'fortran_order': False, 'shape': (6, 6), }\n");
        string image = _files.Bytes(
            "image.npy",
            [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. header, .. MemoryMarshal.AsBytes<short>(pixels)]);
        string[] infer =
            ["infer", "--server", server.Url, "--model", "tiny", "--image", image];
        JsonElement result = (await CommandRun.Json(infer)).GetProperty("results")[0];
        Assert.Equal(
            pixels.Count(x => x is < 0 or > 255), result.GetProperty("clamped").GetInt32());
        int[] clamped = [.. pixels.Select(x => Math.Clamp((int)x, 0, 255))];
        Assert.Equal(
            new PlainEvaluator(TestFiles.TinyNetwork()).Run(clamped).Select(logit => logit.ToString()),
            Logits(result));
        CommandRun shown = await CommandRun.Of(infer);
        Assert.Contains("outside the model's range", shown.Out, StringComparison.Ordinal);
        Assert.Equal(0, shown.ExitCode);
    }

    [Fact]
    public async Task A_server_is_not_asked_for_an_image_that_cannot_be_read()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string image = _files.Bytes("image.png", [0x89, .. "PNG\r\n"u8, 0x1a, 10, 1, 2, 3]);
        await CommandRun.Fails(
            1, "damaged", "infer", "--server", $"http://{listener.LocalEndpoint}", "--model", "tiny", "--image", image);
        Assert.False(listener.Pending());
    }

    [Fact]
    public async Task A_model_that_costs_more_than_allowed_is_refused()
    {
        await using RunningServer server = await RunningServer.StartAsync(_files.Model("tiny.popcorn"));
        string[] infer =
            ["infer", "--server", server.Url, "--model", "tiny", "--image", _files.Images(1, labels: false)];
        await CommandRun.Fails(1, "round trips", [.. infer, "--max-rounds", "1"]);
        await CommandRun.Fails(1, "MiB of messages", [.. infer, "--max-traffic", "0"]);
        await CommandRun.Fails(1, "MiB of memory", [.. infer, "--max-memory", "1"]);
    }

    [Fact]
    public async Task What_cannot_be_asked_is_refused_before_any_query()
    {
        await using RunningServer server = await RunningServer.StartAsync(_files.Model("tiny.popcorn"));
        string images = _files.Images(3);
        string[] infer = ["infer", "--server", server.Url, "--image", images];
        await CommandRun.Fails(1, "it has tiny", [.. infer, "--model", "huge", "--index", "0"]);
        await CommandRun.Fails(1, "--index", [.. infer, "--model", "tiny"]);
        await CommandRun.Fails(1, "no image 3", [.. infer, "--model", "tiny", "--index", "3"]);
        await CommandRun.Fails(1, "--index", [.. infer, "--model", "tiny", "--index", "2-0"]);
        await CommandRun.Fails(
            1, "key.priv", [.. infer, "--model", "tiny", "--index", "0", "--key", _files["nokeys"]]);
        Directory.CreateDirectory(_files["badkeys"]);
        _files.Bytes("badkeys/key.priv", 1, 2, 3);
        await CommandRun.Fails(
            1, "key.priv", [.. infer, "--model", "tiny", "--index", "0", "--key", _files["badkeys"]]);
        await CommandRun.Fails(
            1, "1x28x28", "infer", "--server", server.Url, "--model", "tiny", "--image", _files.Images(1, side: 28));
        Assert.DoesNotContain("session", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_dies_ends_the_client_with_one_line_and_the_answers_that_had_come()
    {
        await using RunningServer server = await RunningServer.StartAsync(Digits());
        using Process client = StartLongInference(server);
        await AnsweredAsync(server);
        server.Kill();
        AssertSome((await CommandRun.ToEnd(client)).AssertFailureHalfWay(1, "the server went away"));
    }

    [Fact]
    public async Task A_client_killed_in_the_middle_harms_nobody_else()
    {
        string model = Digits();
        string images = TestFiles.Sample("mnist-100-images.idx3-ubyte");
        await using RunningServer server = await RunningServer.StartAsync(model);
        using Process victim = StartLongInference(server);
        await AnsweredAsync(server);
        Task<JsonElement> other = CommandRun.Json(
            "infer", "--server", server.Url, "--model", "digits", "--image", images, "--index", "5");
        await server.LogsAsync("session 2: connected");
        victim.Kill();

        string[][] expected = await EvalAsync(model, images);
        Assert.Equal(expected[5], Logits((await other).GetProperty("results")[0]));
        JsonElement next = await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "digits", "--image", images, "--index", "6");
        Assert.Equal(expected[6], Logits(next.GetProperty("results")[0]));
        await server.LogsAsync("session 1: failed: The client went away");
        Assert.DoesNotContain("   at ", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interrupted_clients_and_servers_end_at_once_without_a_trace()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // No signal to send there.
        }

        await using RunningServer server = await RunningServer.StartAsync(Digits());
        using Process client = StartLongInference(server);
        await AnsweredAsync(server);
        using Process kill = Process.Start("kill", ["-INT", client.Id.ToString()]);
        CommandRun run = await CommandRun.ToEnd(client).WaitAsync(Eventually.Patience);
        AssertSome(run.AssertFailureHalfWay(130, "interrupted"));
    }

    [Fact]
    public async Task A_server_that_is_told_to_end_finishes_queries_and_ends_well()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // No signal to send there.
        }

        await using RunningServer server = await RunningServer.StartAsync(Digits());
        using Process client = StartLongInference(server);
        await AnsweredAsync(server);
        Assert.Equal(0, await server.EndAsync("TERM"));
        AssertSome((await CommandRun.ToEnd(client)).AssertFailureHalfWay(1, "shutting down"));
        Assert.Contains("session 1: ended because the server stops", server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("failed", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_are_read_again_when_the_server_is_told_so_and_open_sessions_keep_theirs()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // No signal to send there.
        }

        string file = _files.Model("tiny.popcorn"), images = _files.Images(1, labels: false);
        string[] before = (await EvalAsync(file, images))[0];
        await using RunningServer server = await RunningServer.StartAsync(file);
        string[] infer = ["infer", "--server", server.Url, "--model", "tiny", "--image", images];
        var options = new PopcornClientOptions { Server = new Uri(server.Url), Model = "tiny" };
        await using var open = new PopcornClient(options);
        int[] image = [.. File.ReadAllBytes(images)[16..].Select(pixel => (int)pixel)];
        Assert.Equal(before, Texts(await open.InferAsync(image)));

        _files.Model("tiny.popcorn", TestFiles.TinyNetwork(seed: 2));
        string[] after = (await EvalAsync(file, images))[0];
        Assert.NotEqual(before, after);
        Assert.Equal(before, Logits((await CommandRun.Json(infer)).GetProperty("results")[0])); // not yet told
        server.Tell("HUP");
        await server.LogsAsync("tiny: the file has changed");
        Assert.Equal(after, Logits((await CommandRun.Json(infer)).GetProperty("results")[0]));
        Assert.Equal(before, Texts(await open.InferAsync(image)));

        await File.WriteAllTextAsync(file, "no model");
        server.Tell("HUP");
        await server.LogsAsync("tiny: the changed file cannot be served, the model stays: ");
        Assert.Equal(after, Logits((await CommandRun.Json(infer)).GetProperty("results")[0]));

        static string[] Texts(InferenceResult result) => [.. result.Logits.Select(logit => logit.ToString())];
    }

    /// <summary>The logits of all images by <c>popcorn eval</c>.</summary>
    internal static async Task<string[][]> EvalAsync(string model, string images)
    {
        JsonElement report = await CommandRun.Json("eval", model, "--data", images, "--logits");
        return [.. report.GetProperty("logits").EnumerateArray().Select(Strings)];
    }

    private string Digits() => _files.Model("digits.popcorn", TestFiles.DigitsNetwork());

    /// <summary>A minute and more of queries, one after the other.</summary>
    private static Process StartLongInference(RunningServer server) => CommandRun.StartHearingSignals([
        "infer", "--server", server.Url, "--model", "digits",
        "--image", TestFiles.Sample("mnist-100-images.idx3-ubyte"), "--index", .. Enumerable.Repeat("0-99", 20),
        "--json",
    ]);

    /// <summary>Waits until the first session is in the middle of its queries: its client has one answer at least.
    /// </summary>
    private static Task AnsweredAsync(RunningServer server) => server.LogsAsync("session 1: digits", times: 2);

    /// <summary>Checks that a long inference that did not come to its end printed the answers that had come.</summary>
    private static void AssertSome(JsonElement report) =>
        Assert.InRange(report.GetProperty("results").GetArrayLength(), 1, 1999);

    /// <summary>The logits of one image as a report has them.</summary>
    internal static string[] Logits(JsonElement result) => Strings(result.GetProperty("logits"));

    private static string[] Strings(JsonElement array) => [.. array.EnumerateArray().Select(x => x.GetString()!)];

    private static int LargestOf(string[] logits) =>
        Array.IndexOf(logits, logits.MaxBy(logit => System.Numerics.BigInteger.Parse(logit)));
}
