using Microsoft.Extensions.Logging;

namespace Popcorn.Hosting;

internal sealed partial class PopcornService
{
    [LoggerMessage(1, LogLevel.Information, "session {Session}: connected from {Address}")]
    private partial void LogConnected(long session, string address);

    [LoggerMessage(2, LogLevel.Information, "session {Session}: model {Model}, key of {KeyBits} bits")]
    private partial void LogOpened(long session, string model, int keyBits);

    [LoggerMessage(3, LogLevel.Information,
        "session {Session}: query done in {Seconds:F2} s, {BytesUp} bytes up, {BytesDown} bytes down")]
    private partial void LogQuery(long session, double seconds, long bytesUp, long bytesDown);

    [LoggerMessage(4, LogLevel.Information,
        "session {Session}: the client left after {BytesReceived} bytes up, {BytesSent} bytes down")]
    private partial void LogLeft(long session, long bytesReceived, long bytesSent);

    [LoggerMessage(5, LogLevel.Information, "session {Session}: ended because the server stops")]
    private partial void LogStopped(long session);

    [LoggerMessage(6, LogLevel.Warning, "session {Session}: failed: {Reason}")]
    private partial void LogFailed(long session, string reason);

    [LoggerMessage(7, LogLevel.Debug, "session {Session}: trace of the failure")]
    private partial void LogTrace(long session, Exception exception);
}
