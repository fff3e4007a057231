using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Popcorn.Cli.Terminal;

/// <summary>How a service writes its log to stderr.</summary>
/// <param name="IsJson">Whether each line is an object of JSON.</param>
/// <param name="Level">The least that is worth a line.</param>
internal sealed record LogOptions(bool IsJson, LogLevel Level)
{
    /// <summary>Has an application write it so.</summary>
    public void AddTo(ILoggingBuilder logging)
    {
        logging
            .SetMinimumLevel(Level)
            .AddFilter("Microsoft", LogLevel.Error)
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None) // what it logs it throws as well
            .AddConsole(console =>
            {
                console.FormatterName = IsJson ? ConsoleFormatterNames.Json : LineFormatter.FormatterName;
                console.LogToStandardErrorThreshold = LogLevel.Trace;
            });
        logging.Services.AddSingleton<ConsoleFormatter, LineFormatter>();
        logging.Services.Configure<JsonConsoleFormatterOptions>(json =>
        {
            json.UseUtcTimestamp = true;
            json.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
        });
    }
}
