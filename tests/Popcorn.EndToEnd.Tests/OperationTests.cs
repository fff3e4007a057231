using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>What those who run <c>popcorn serve</c> do to it: signals, models that come and go, its log.</summary>
public sealed class OperationTests : IDisposable
{
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task A_server_that_compiles_its_models_survives_a_reload()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // No signal to send there.
        }

        using Process process = CommandRun.StartHearingSignals(Serve(Pipe("tiny.popcorn")));
        await using (Stream model = await WriterAsync())
        {
            await TellAsync(process, "HUP");
            await model.WriteAsync(await File.ReadAllBytesAsync(_files.Model("written.popcorn")));
        }

        string? ready = await process.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience);
        Assert.StartsWith("listening on ", ready, StringComparison.Ordinal);
        await TellAsync(process, "TERM");
        CommandRun run = await CommandRun.ToEnd(process).WaitAsync(Eventually.Patience);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
    }

    [Theory]
    [InlineData("TERM", 0, "")]
    [InlineData("INT", 130, "popcorn: interrupted")]
    public async Task A_server_that_compiles_its_models_ends_as_any_other(string signal, int status, string words)
    {
        if (OperatingSystem.IsWindows())
        {
            return; // No signal to send there.
        }

        using Process process = CommandRun.StartHearingSignals(Serve(Pipe("tiny.popcorn")));
        await using Stream model = await WriterAsync();
        await TellAsync(process, signal);
        CommandRun run = await CommandRun.ToEnd(process).WaitAsync(Eventually.Patience);
        Assert.Equal((status, words), (run.ExitCode, run.Error.TrimEnd()));
    }

    [Fact]
    public async Task A_model_behind_a_link_is_read_again_when_what_it_leads_to_has_changed()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // No signal to send there.
        }

        Directory.CreateDirectory(_files["..2024_1"]);
        Directory.CreateDirectory(_files["..2024_2"]);
        _files.Model("..2024_1/tiny.popcorn");
        _files.Model("..2024_2/tiny.popcorn", TestFiles.TinyNetwork(seed: 2));
        File.CreateSymbolicLink(_files["..data"], "..2024_1");
        File.CreateSymbolicLink(_files["tiny.popcorn"], "..data/tiny.popcorn");
        await using RunningServer server = await RunningServer.StartAsync(_files["tiny.popcorn"]);
        _files.Model("..2024_1/tiny.popcorn", TestFiles.TinyNetwork(seed: 3));
        server.Tell("HUP");
        await server.LogsAsync("tiny: the file has changed");
        File.Delete(_files["..data"]);
        File.CreateSymbolicLink(_files["..data"], "..2024_2");
        server.Tell("HUP");
        await server.LogsAsync("tiny: the file has changed", times: 2);
    }

    [Fact]
    public async Task Models_that_the_file_lists_come_and_go_when_the_server_is_told_so()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // No signal to send there.
        }

        string a = _files.Model("a.popcorn"), b = _files.Model("b.popcorn");
        string file = List(a, b);
        await using RunningServer server = await RunningServer.StartInAsync([], "--config", file);
        Assert.Equal(["a", "b"], await NamesAsync(server));

        // One goes, one comes, one is another file of the same name, and one cannot be served.
        Directory.CreateDirectory(_files["other"]);
        List(
            _files.Model("other/a.popcorn", TestFiles.TinyNetwork(seed: 2)), _files.Model("c.popcorn"),
            _files.Bytes("d.popcorn", 1, 2, 3));
        server.Tell("HUP");
        await server.LogsAsync("b: no longer listed");
        Assert.Equal(["a", "c"], await NamesAsync(server));
        Assert.Contains("a: the file has changed", server.Log, StringComparison.Ordinal);
        Assert.Contains("c: listed anew", server.Log, StringComparison.Ordinal);
        Assert.Contains("d: listed anew, but it cannot be served: ", server.Log, StringComparison.Ordinal);

        // What makes no sense changes nothing, but for models that are there.
        (string Settings, string Words)[] nonsense =
        [
            ("no JSON", "is no JSON"),
            ("""{ "Popcorn": { "Listen": "http://127.0.0.1:0" } }""", "argument missing"),
            ("""{ "Popcorn": { "Models": [] } }""", "argument missing"),
            (Settings(a, _files["other/a.popcorn"]), "Two models would be named 'a'"),
        ];
        foreach ((string settings, string words) in nonsense)
        {
            await File.WriteAllTextAsync(file, settings);
            _files.Model("c.popcorn", TestFiles.TinyNetwork(seed: 3 + words.Length));
            int changes = server.Log.Split("c: the file has changed").Length;
            server.Tell("HUP");
            await server.LogsAsync("c: the file has changed", changes);
            Assert.Contains(
                words, server.Log.Split("the models stay those that were listed")[^1].Split('\n')[0],
                StringComparison.Ordinal);
            Assert.Equal(["a", "c"], await NamesAsync(server));
        }

        string List(params string[] models)
        {
            File.WriteAllText(_files["serve.json"], Settings(models));
            return _files["serve.json"];
        }

        static string Settings(params string[] models) => JsonSerializer.Serialize(
            new { Popcorn = new { Models = models, Listen = "http://127.0.0.1:0", NoForecast = true } });
    }

    [Fact]
    public async Task A_folder_stands_for_the_models_in_it()
    {
        string folder = Directory.CreateDirectory(_files["models"]).FullName;
        await CommandRun.Fails(1, "no models", "serve", folder);
        _files.Model("models/a.popcorn");
        _files.Bytes("models/readme.txt", 1);
        await using RunningServer server = await RunningServer.StartAsync(folder, _files.Model("b.popcorn"));
        Assert.Equal(["a", "b"], await NamesAsync(server));
        if (!OperatingSystem.IsWindows())
        {
            _files.Model("models/c.popcorn");
            File.Delete(_files["models/a.popcorn"]);
            server.Tell("HUP");
            await server.LogsAsync("a: no longer listed");
            Assert.Equal(["b", "c"], await NamesAsync(server));
        }
    }

    [Fact]
    public async Task Who_is_not_let_in_stands_in_the_log_once_a_minute_and_his_token_never()
    {
        const string Token = "0123456789abcdef";
        await CommandRun.Json("token", "alice", "--clients", _files["clients.txt"]);
        await using RunningServer server = await RunningServer.StartAsync(
            _files.Model("tiny.popcorn"), "--clients", _files["clients.txt"], "--log-format", "json");
        using var http = new HttpClient { BaseAddress = new Uri(server.Url) };
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync("/models?x=1"));
        await server.LogsAsync("Show a token");
        http.DefaultRequestHeaders.Authorization = new("Bearer", Token);
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync("/popcorn"));
        }

        await server.LogsAsync("not known here");
        Assert.Equal(HttpStatusCode.OK, await AskAsync("/health"));
        string[] lines = server.Log.TrimEnd().Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.DoesNotContain(Token, server.Log, StringComparison.Ordinal);
        JsonElement entry = JsonDocument.Parse(lines[0]).RootElement;
        Assert.Equal("Warning", entry.GetProperty("LogLevel").GetString());
        JsonElement state = entry.GetProperty("State");
        Assert.Equal(
            ("127.0.0.1", "/models", 401),
            (state.GetProperty("Address").GetString(), state.GetProperty("Path").GetString(),
                state.GetProperty("Status").GetInt32()));

        async Task<HttpStatusCode> AskAsync(string path)
        {
            using HttpResponseMessage answer = await http.GetAsync(new Uri(path, UriKind.Relative));
            return answer.StatusCode;
        }
    }

    [Theory]
    [InlineData("text")]
    [InlineData("json")]
    public async Task Lines_of_the_log_tell_day_and_zone(string format)
    {
        DateTime before = DateTime.UtcNow.AddSeconds(-1);
        await using RunningServer server =
            await RunningServer.StartAsync(_files.Model("tiny.popcorn"), "--log-format", format);
        await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "tiny", "--image", _files.Images(1, labels: false));
        await server.LogsAsync("the client left");
        string[] lines = server.Log.TrimEnd().Split('\n');
        Assert.True(lines.Length >= 3, server.Log);
        Assert.All(lines, line =>
        {
            string time = format == "text" ? line.Split(' ')[0]
                : JsonDocument.Parse(line).RootElement.GetProperty("Timestamp").GetString()!;
            Assert.EndsWith("Z", time, StringComparison.Ordinal);
            Assert.InRange(
                DateTime.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal),
                before, DateTime.UtcNow);
        });
    }

    [Fact]
    public async Task The_log_has_what_its_level_asks_for()
    {
        var variables = new Dictionary<string, string?> { ["POPCORN_SERVE_LOG_LEVEL"] = "warning" };
        await using RunningServer server = await RunningServer.StartInAsync(
            variables, _files.Model("tiny.popcorn"), "--listen", "http://127.0.0.1:0", "--no-forecast");
        await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "tiny", "--image", _files.Images(1, labels: false));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(0, await server.EndAsync("TERM"));
        }

        Assert.Empty(server.Log.Trim());
    }

    /// <summary>A command line that serves a model.</summary>
    private static string[] Serve(string model) =>
        ["serve", model, "--listen", "http://127.0.0.1:0", "--no-forecast"];

    /// <summary>A model file of which a server reads no more than is written here: it compiles as long as that takes.
    /// </summary>
    private string Pipe(string name)
    {
        using Process make = Process.Start("mkfifo", [_files[name]]);
        make.WaitForExit();
        return _files[name];
    }

    /// <summary>Waits until the server has begun to read.</summary>
    private Task<FileStream> WriterAsync() => Task.Run(() => new FileStream(
        _files["tiny.popcorn"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0))
        .WaitAsync(Eventually.Patience);

    private static async Task TellAsync(Process process, string signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        await kill.WaitForExitAsync();
    }

    private static async Task<string[]> NamesAsync(RunningServer server)
    {
        using var http = new HttpClient();
        JsonElement models = JsonDocument.Parse(
            await http.GetStringAsync(new Uri(new Uri(server.Url), "/models"))).RootElement;
        return [.. models.EnumerateArray().Select(model => model.GetProperty("name").GetString()!).Order()];
    }
}
