using System.Diagnostics;
using System.Text;
using Popcorn.Cli.Configuration;
using Popcorn.Engine;

namespace Popcorn.Cli.Service;

/// <summary>
/// This program once more, as a server on loopback. It ends when disposed, and, because it watches its standard input,
/// also when this process dies without a word.
/// </summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    /// <summary>What precedes the URL in the line by which a server says that it is ready.</summary>
    public const string ReadyPrefix = "listening on ";

    /// <summary>The option that ends a server when its standard input ends: a parent that dies takes it along.
    /// </summary>
    public const string UntilInputEnds = "--until-input-ends";

    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    private readonly Process _process;

    private ServerProcess(Process process, Uri url)
    {
        _process = process;
        Url = url;
    }

    /// <summary>Where it listens.</summary>
    public Uri Url { get; }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Starts a server on a free port and waits until it is ready.</summary>
    /// <param name="model">The model file to serve.</param>
    /// <param name="options">Further options of <c>popcorn serve</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">It did not start; the message is its own.</exception>
    public static async Task<ServerProcess> StartAsync(
        string model, string[] options, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
        {
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "popcorn.dll"));
        }

        foreach (string argument in (string[])
            ["serve", model, "--listen", "http://127.0.0.1:0", UntilInputEnds, .. options])
        {
            start.ArgumentList.Add(argument);
        }

        // What is configured is meant for a server that somebody else runs.
        string prefix = ConfiguredOptions.PrefixOf("serve");
        foreach (string name in start.Environment.Keys.Where(
            name => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)).ToArray())
        {
            start.Environment.Remove(name);
        }

        Process process = Process.Start(start) ?? throw new PopcornException("The server process did not start.");
        var errors = new StringBuilder();
        process.ErrorDataReceived += (_, line) => errors.AppendLine(line.Data);
        process.BeginErrorReadLine();
        try
        {
            string? ready = await process.StandardOutput.ReadLineAsync(cancellationToken).AsTask()
                .WaitAsync(StartTimeout, cancellationToken).ConfigureAwait(false);
            if (ready is not null && ready.StartsWith(ReadyPrefix, StringComparison.Ordinal))
            {
                return new ServerProcess(process, new Uri(ready[ReadyPrefix.Length..]));
            }

            await process.WaitForExitAsync(cancellationToken).WaitAsync(StopTimeout, cancellationToken)
                .ConfigureAwait(false);
            throw new PopcornException($"The server process did not start: {errors.ToString().Trim()}");
        }
        catch (Exception e)
        {
            await StopAsync(process).ConfigureAwait(false);
            if (e is TimeoutException)
            {
                throw new PopcornException($"The server process was not ready after {StartTimeout.TotalSeconds} s.", e);
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(_process).ConfigureAwait(false);

    private static async Task StopAsync(Process process)
    {
        using (process)
        {
            process.StandardInput.Close();
            using var patience = new CancellationTokenSource(StopTimeout);
            try
            {
                await process.WaitForExitAsync(patience.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
            }
        }
    }
}
