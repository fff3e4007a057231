using Microsoft.Extensions.Logging;

namespace Popcorn.Hosting;

internal sealed partial class PopcornService
{
    [LoggerMessage(1, LogLevel.Information, "session {Session}: connected from {Address}")]
    private partial void LogConnected(long session, string address);

    [LoggerMessage(2, LogLevel.Information,
        "session {Session}: {Model}, key of {KeyBits} bits, images: {Images}: query done in {Seconds:F2} s, "
        + "{Traffic}")]
    private partial void LogQueryDone(
        long session, string model, int keyBits, int images, double seconds, string traffic);

    [LoggerMessage(3, LogLevel.Information,
        "session {Session}: the client left after {Up} bytes up, {Down} down")]
    private partial void LogLeft(long session, long up, long down);

    [LoggerMessage(4, LogLevel.Information, "session {Session}: ended because the server stops")]
    private partial void LogStopped(long session);

    [LoggerMessage(5, LogLevel.Warning, "session {Session}: failed: {Reason}")]
    private partial void LogFailed(long session, string reason);

    [LoggerMessage(7, LogLevel.Information, "session {Session}: a query was refused: {Reason}")]
    private partial void LogQueryRefused(long session, string reason);

    [LoggerMessage(8, LogLevel.Information, "a connection from {Address} was refused: {Reason}")]
    private partial void LogRefused(string address, string reason);

    [LoggerMessage(9, LogLevel.Warning, "there is no model yet: clients are refused until one is added")]
    private partial void LogNoModels();

    [LoggerMessage(6, LogLevel.Debug, "session {Session}: trace of the failure")]
    private partial void LogTrace(long session, Exception exception);
}
