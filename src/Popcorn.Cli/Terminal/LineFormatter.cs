using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Popcorn.Engine;

namespace Popcorn.Cli.Terminal;

/// <summary>
/// A log entry is one line: time by UTC and message; stack traces only with POPCORN_DEBUG=1, or of entries that are for
/// debugging alone.
/// </summary>
internal sealed class LineFormatter() : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "line";

    public override void Write<TState>(
        in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        string message = OneLine.Of(logEntry.Formatter(logEntry.State, logEntry.Exception));
        string severity = logEntry.LogLevel >= LogLevel.Warning ? $"{logEntry.LogLevel}: " : "";
        textWriter.WriteLine($"{DateTime.UtcNow:yyyy-MM-dd'T'HH:mm:ss'Z'} {severity}{message}");
        if ((Output.Debug || logEntry.LogLevel <= LogLevel.Debug) && logEntry.Exception is not null)
        {
            textWriter.WriteLine(logEntry.Exception);
        }
    }
}
