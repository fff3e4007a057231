using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>One finished run of the command.</summary>
internal sealed record CommandRun(int ExitCode, string Out, string Error)
{
    /// <summary>Longer than any command takes here, on a busy machine too.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The command: as it is installed, where POPCORN_COMMAND names that, or published for another system; otherwise as
    /// built for these tests.
    /// </summary>
    public static string Executable { get; } = OtherSystem.Command ?? Installed
        ?? Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "popcorn.exe" : "popcorn");

    /// <summary>Where the command keeps what it has measured, elsewhere than for the user who runs the tests.</summary>
    public static string DataHome { get; } = Path.Combine(AppContext.BaseDirectory, "data-home");

    /// <summary>Before a command of many that predict: they do not all measure the machine at a time.</summary>
    private static readonly Lazy<string?> Measured = new(() =>
    {
        string model = Path.Combine(Repository.Root, "samples", "mnist-small.popcorn");
        using Process process = Start(DataHome, Executable, ["inspect", model, "--json"]);
        Task<string> said = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? null : said.Result;
    });

    /// <summary>Starts the command with its three streams redirected.</summary>
    public static Process Start(params string[] arguments) => StartWith(DataHome, arguments);

    /// <summary>The same where the tests ignore signals, as in a shell's background, and their processes with them.
    /// </summary>
    public static Process StartHearingSignals(params string[] arguments) => SignalsAreIgnored
        ? Start(DataHome, "env", ["--default-signal=INT,HUP", Executable, .. arguments])
        : Start(arguments);

    /// <summary>Starts the command with another place for what it has measured.</summary>
    public static Process StartWith(string dataHome, params string[] arguments)
    {
        bool predicts = arguments is ["inspect" or "serve" or "demo", ..] && !arguments.Contains("--no-forecast");
        if (dataHome == DataHome && predicts)
        {
            Assert.Null(Measured.Value);
        }

        return Start(dataHome, Executable, arguments);
    }

    /// <summary>Starts the command with these variables of its environment changed.</summary>
    public static Process StartIn(Dictionary<string, string?> variables, params string[] arguments) =>
        Start(DataHome, Executable, arguments, variables: variables);

    /// <summary>The same in a folder.</summary>
    public static Process StartIn(string folder, Dictionary<string, string?> variables, params string[] arguments) =>
        Start(DataHome, Executable, arguments, folder, variables);

    /// <summary>The command as it is installed, compiled ahead of time where it can be; null: it is not looked at.
    /// </summary>
    public static string? Installed =>
        Environment.GetEnvironmentVariable("POPCORN_COMMAND") is { Length: > 0 } path ? path : null;

    private static bool SignalsAreIgnored
    {
        get
        {
            const string Ignored = "SigIgn:";
            const ulong HangUpAndInterrupt = 3;
            return OperatingSystem.IsLinux() && (Convert.ToUInt64(
                File.ReadLines("/proc/self/status").Single(line => line.StartsWith(Ignored, StringComparison.Ordinal))
                    [Ignored.Length..].Trim(), 16) & HangUpAndInterrupt) != 0;
        }
    }

    private static Process Start(
        string dataHome, string program, string[] arguments, string folder = "",
        Dictionary<string, string?>? variables = null)
    {
        string[] line = [.. program == Executable ? OtherSystem.Emulator : [], program, .. arguments];
        var start = new ProcessStartInfo(line[0], line[1..])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["XDG_DATA_HOME"] = dataHome },
        };
        foreach ((string name, string? value) in OtherSystem.Variables.Concat(variables ?? []))
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>Starts another program in a folder, with its three streams redirected.</summary>
    public static Process StartOther(string program, string folder, params string[] arguments) =>
        Start(DataHome, program, arguments, folder);

    /// <summary>Runs another program in a folder to its end, which must be a good one.</summary>
    /// <returns>What it wrote.</returns>
    public static async Task<string> OtherAsync(string program, string folder, params string[] arguments)
    {
        using Process process = StartOther(program, folder, arguments);
        CommandRun run = await ToEnd(process);
        Assert.True(run.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {run.Out}{run.Error}");
        return run.Out;
    }

    /// <summary>Runs a copy of the command to its end.</summary>
    public static async Task<CommandRun> OfCopy(string program, params string[] arguments)
    {
        using Process process = Start(DataHome, program, arguments);
        return await ToEnd(process);
    }

    /// <summary>Runs the command to its end.</summary>
    public static async Task<CommandRun> Of(params string[] arguments)
    {
        using Process process = Start(arguments);
        return await ToEnd(process);
    }

    /// <summary>Waits for a process to end and takes what it wrote.</summary>
    public static async Task<CommandRun> ToEnd(Process process)
    {
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(Timeout);
        }
        catch (TimeoutException)
        {
            process.Kill();
            throw;
        }

        return new CommandRun(process.ExitCode, await output, await error);
    }

    /// <summary>Runs the command with <c>--json</c>; it must succeed and print exactly one JSON object.</summary>
    public static Task<JsonElement> Json(params string[] arguments) => JsonWith(DataHome, arguments);

    /// <summary>The same with another place for what it has measured.</summary>
    public static async Task<JsonElement> JsonWith(string dataHome, params string[] arguments)
    {
        using Process process = StartWith(dataHome, [.. arguments, "--json"]);
        CommandRun run = await ToEnd(process);
        Assert.True(run.ExitCode == 0, $"popcorn {string.Join(' ', arguments)}: {run.Error}");
        return JsonDocument.Parse(run.Out).RootElement;
    }

    /// <summary>Checks that an object of JSON has these keys and no other.</summary>
    public static void AssertKeys(JsonElement element, params string[] keys) =>
        Assert.Equal(keys.Order(), element.EnumerateObject().Select(property => property.Name).Order());

    /// <summary>Runs the command, which must fail with this status and one line that says these words.</summary>
    public static async Task Fails(int exitCode, string words, params string[] arguments) =>
        (await Of(arguments)).AssertFailure(exitCode, words);

    /// <summary>Checks that the run failed with this status, one line of error and no stack trace.</summary>
    public void AssertFailure(int exitCode, string words)
    {
        Assert.Empty(Out);
        AssertError(exitCode, words);
    }

    /// <summary>The same of a run whose answers had begun to come: it has printed some, as JSON.</summary>
    /// <returns>What it printed.</returns>
    public JsonElement AssertFailureHalfWay(int exitCode, string words)
    {
        AssertError(exitCode, words);
        JsonElement report = JsonDocument.Parse(Out).RootElement;
        Assert.True(report.GetProperty("incomplete").GetBoolean());
        return report;
    }

    private void AssertError(int exitCode, string words)
    {
        Assert.Equal(exitCode, ExitCode);
        Assert.Contains(words, Error, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("internal error", Error, StringComparison.Ordinal);
        Assert.Single(Error.TrimEnd().Split('\n'));
    }
}

/// <summary>The command as a running server.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private RunningServer(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.AppendLine(line.Data);
            }
        };
        process.BeginErrorReadLine();
    }

    /// <summary>Number of its process.</summary>
    public int Id => _process.Id;

    /// <summary>Memory that it holds, in bytes.</summary>
    public long Memory
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Files and connections that it has open; on Linux.</summary>
    public int OpenFiles => Directory.GetFileSystemEntries($"/proc/{Id}/fd").Length;

    /// <summary>Seconds of all cores that it has computed.</summary>
    public double CpuSeconds
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime.TotalSeconds;
        }
    }

    /// <summary>Where it listens.</summary>
    public string Url { get; private set; } = "";

    /// <summary>What it has logged so far.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Sends it a signal that ends it.</summary>
    /// <returns>Its exit status.</returns>
    public async Task<int> EndAsync(string signal)
    {
        Tell(signal);
        await _process.WaitForExitAsync().WaitAsync(Eventually.Patience);
        return _process.ExitCode;
    }

    /// <summary>Sends it a signal.</summary>
    public void Tell(string signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Serves these models, with these options among them, on a free port.</summary>
    public static Task<RunningServer> StartAsync(params string[] models) => StartAsync("http", models);

    /// <summary>The same with a certificate.</summary>
    public static Task<RunningServer> StartSecureAsync(
        (string Certificate, string Key) files, params string[] models) =>
        StartAsync(
            "https", [.. models, "--certificate", files.Certificate, "--certificate-key", files.Key]);

    /// <summary>Serves as these variables of its environment and these arguments say.</summary>
    public static Task<RunningServer> StartInAsync(Dictionary<string, string?> variables, params string[] arguments) =>
        StartAsync("http", CommandRun.StartIn(variables, ["serve", .. arguments]));

    private static Task<RunningServer> StartAsync(string scheme, string[] models) => StartAsync(
        scheme, CommandRun.StartHearingSignals(
            ["serve", .. models, "--listen", $"{scheme}://127.0.0.1:0", "--no-forecast"]));

    /// <summary>A server that was started, when it listens.</summary>
    public static async Task<RunningServer> StartAsync(string scheme, Process process)
    {
        var server = new RunningServer(process);
        string? ready = await server._process.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience);
        Assert.True(ready?.StartsWith($"listening on {scheme}://127.0.0.1:", StringComparison.Ordinal), server.Log);
        server.Url = ready!["listening on ".Length..];
        return server;
    }

    /// <summary>Waits until it has logged something: what it writes arrives when it may.</summary>
    /// <param name="words">What the log must hold.</param>
    /// <param name="times">How often.</param>
    public Task LogsAsync(string words, int times = 1) => Eventually.IsTrueAsync(
        () => Log.Split(words).Length > times, $"The server has not logged '{words}'.");

    /// <summary>Kills it, as a crash would.</summary>
    public void Kill() => _process.Kill();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
