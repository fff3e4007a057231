using System.Diagnostics;
using System.Text.Json;

namespace Popcorn.EndToEnd.Tests;

/// <summary>What <c>popcorn serve</c> is told elsewhere than on its line.</summary>
public sealed class ConfigurationTests : IDisposable
{
    private static readonly Dictionary<string, string?> NoVariables = [];

    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task The_line_comes_before_the_environment_and_that_before_the_file()
    {
        string path = Settings(new
        {
            Logging = new { Whatever = true },
            popcorn = new
            {
                Models = new[] { _files.Model("a.popcorn"), _files.Model("b.popcorn") },
                Listen = "http://127.0.0.1:0",
                NoForecast = true,
                MaxConnections = 7,
            },
        });
        Assert.Equal((2, 7), await ServedAsync(NoVariables, "--config", path));
        var variables = new Dictionary<string, string?>
        {
            ["POPCORN_SERVE_CONFIG"] = path,
            ["POPCORN_SERVE_MAX_CONNECTIONS"] = "8",
        };
        Assert.Equal((2, 8), await ServedAsync(variables));
        Assert.Equal((1, 9), await ServedAsync(variables, _files["a.popcorn"], "--max-connections", "9"));
        variables["POPCORN_SERVE_MODELS"] = string.Join(
            Path.PathSeparator, _files["a.popcorn"], _files["b.popcorn"], _files.Model("c.popcorn"));
        Assert.Equal((3, 9), await ServedAsync(variables, "--max-connections=9"));
        Assert.Equal((1, 8), await ServedAsync(variables, "--", _files["a.popcorn"]));
    }

    [Fact]
    public async Task A_folder_has_a_file_for_each_key()
    {
        string folder = Directory.CreateDirectory(_files["settings"]).FullName;
        await File.WriteAllTextAsync(
            Path.Combine(folder, "models"), $"{_files.Model("a.popcorn")}\n{_files.Model("b.popcorn")}\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "max-connections"), "7\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "Listen"), "http://127.0.0.1:0");
        await File.WriteAllTextAsync(Path.Combine(folder, "no_forecast"), "true");
        await File.WriteAllTextAsync(Path.Combine(folder, "..data"), "of Kubernetes");
        Assert.Equal((2, 7), await ServedAsync(NoVariables, "--config", folder));
        await File.WriteAllTextAsync(Path.Combine(folder, "colour"), "red");
        await CommandRun.Fails(1, $"{folder}, colour: ", "serve", "--config", folder);
    }

    [Theory]
    [InlineData("{ \"Popcorn\": { \"Colour\": 1 } }", ", Colour: 'popcorn serve' has no such option")]
    [InlineData("{ \"Popcorn\": { \"UntilInputEnds\": true } }", ", UntilInputEnds: 'popcorn serve' has no such")]
    [InlineData("{ \"Popcorn\": { \"Config\": \"x\" } }", ", Config: 'popcorn serve' has no such")]
    [InlineData("{ \"Popcorn\": { \"MaxConnections\": 0 } }", ", MaxConnections: --max-connections must be from 1 to")]
    [InlineData("{ \"Popcorn\": { \"Max-Connections\": \"many\" } }", ", Max-Connections: --max-connections many is")]
    [InlineData("{ \"Popcorn\": { \"Certificate\": \" \" } }", ", Certificate: --certificate is empty")]
    [InlineData("{ \"Popcorn\": { \"Certificate\": \"a\\u0000\" } }", ", Certificate: --certificate")]
    [InlineData("{ \"Popcorn\": { \"Models\": [\"\"] } }", ", Models: The argument 'models' is empty")]
    [InlineData("{ \"Popcorn\": { \"MaxConnections\": [1, 2] } }", ", MaxConnections: ")]
    [InlineData("{ \"Popcorn\": { \"MaxConnections\": { } } }", ", MaxConnections: a text, a number")]
    [InlineData("{ \"Popcorn\": { \"Memory\": 16, \"memory\": 32 } }", ", memory: it is there twice")]
    [InlineData("{ \"Popcorn\": { \"NoForecast\": \"perhaps\" } }", ", NoForecast: it must be true or false")]
    [InlineData("{ \"Popcorn\": { \"Family\": \"cleartext\" } }", ", Family: --family must be one of")]
    [InlineData("{ \"Popcorn\": { \"Models\": [\"--no-forecast\"] } }", ", Models: write ./--no-forecast")]
    [InlineData("{ \"Other\": 1 }", "has no section \"Popcorn\"")]
    [InlineData("[]", "has no section \"Popcorn\"")]
    [InlineData("MaxConnections = 1", "is no JSON")]
    public async Task A_mistake_in_the_file_is_told_with_its_place(string json, string words)
    {
        string path = _files["serve.json"];
        await File.WriteAllTextAsync(path, json);
        CommandRun run = await CommandRun.Of("serve", _files["m.popcorn"], "--config", path);
        if (json.Contains("Models", StringComparison.Ordinal))
        {
            run = await CommandRun.Of("serve", "--config", path);
        }

        run.AssertFailure(1, path + (words.StartsWith(',') ? words : $" {words}"));
    }

    [Fact]
    public async Task A_mistake_in_the_environment_is_told_by_the_variables_name()
    {
        await FailsAsync("POPCORN_SERVE_COLOUR", "red", "'popcorn serve' has no such option");
        await FailsAsync("POPCORN_SERVE_MAX_CONNECTIONS", "0", "--max-connections must be from 1 to");
        await FailsAsync("POPCORN_SERVE_IDLE_TIMEOUT", "soon", "--idle-timeout soon is no whole number");
        await CommandRun.Fails(1, "no file", "serve", "--config", _files["absent.json"]);

        // Asked for help, or for another command, nobody has anything to say about them.
        using Process help = CommandRun.StartIn(new() { ["POPCORN_SERVE_COLOUR"] = "red" }, "serve", "--help");
        Assert.Equal(0, (await CommandRun.ToEnd(help)).ExitCode);

        async Task FailsAsync(string name, string value, string words)
        {
            using Process serve = CommandRun.StartIn(new() { [name] = value }, "serve", "m.popcorn");
            (await CommandRun.ToEnd(serve)).AssertFailure(1, $"{name}: {words}");
        }
    }

    [Fact]
    public async Task A_demo_has_a_server_of_its_own_however_another_is_configured()
    {
        var variables = new Dictionary<string, string?>
        {
            ["POPCORN_SERVE_CERTIFICATE"] = _files["absent.pem"],
            ["POPCORN_SERVE_COLOUR"] = "red",
        };
        using Process demo = CommandRun.StartIn(variables, "demo", "--count", "1", "--json");
        CommandRun run = await CommandRun.ToEnd(demo);
        Assert.True(run.ExitCode == 0, run.Error);
    }

    private string Settings(object settings)
    {
        File.WriteAllBytes(_files["serve.json"], JsonSerializer.SerializeToUtf8Bytes(settings));
        return _files["serve.json"];
    }

    /// <summary>The models that a server says it has, and its greatest number of connections.</summary>
    private static async Task<(int Models, int MaxConnections)> ServedAsync(
        Dictionary<string, string?> variables, params string[] arguments)
    {
        await using RunningServer server = await RunningServer.StartInAsync(variables, arguments);
        using var http = new HttpClient();
        JsonElement health = JsonDocument.Parse(
            await http.GetStringAsync(new Uri(new Uri(server.Url), "/health"))).RootElement;
        return (health.GetProperty("models").GetInt32(), health.GetProperty("maxConnections").GetInt32());
    }
}
