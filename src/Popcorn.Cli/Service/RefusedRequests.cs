using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Popcorn.Engine;
using Popcorn.Hosting;

namespace Popcorn.Cli.Service;

/// <summary>
/// Tells the log of requests that are not let in, and counts them. Of an address and a reason the log gets one line a
/// minute, of all together a hundred, and of the rest their number: nobody fills a disk by asking. Thread-safe.
/// </summary>
internal sealed partial class RefusedRequests(ILogger<RefusedRequests> logger, IMeterFactory meters, TimeProvider clock)
{
    private const int MostLines = 100;
    private const int LongestPath = 100;
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private readonly Counter<long> _counter = meters.Create(PopcornMetrics.MeterName).CreateCounter<long>(
        "popcorn.requests.refused", "{request}", "Requests that were not let in, by popcorn.status.");

    private readonly Lock _lock = new();
    private readonly HashSet<(IPAddress? Address, string Why)> _told = [];
    private long? _start;
    private int _untold;

    /// <summary>A request was refused.</summary>
    /// <param name="context">The request.</param>
    /// <param name="status">The answer.</param>
    /// <param name="why">A reason out of few, which says nothing of the token.</param>
    public void Add(HttpContext context, int status, string why)
    {
        _counter.Add(1, new KeyValuePair<string, object?>("popcorn.status", status));
        IPAddress? address = context.Connection.RemoteIpAddress;
        address = address?.IsIPv4MappedToIPv6 == true ? address.MapToIPv4() : address;
        bool isTold;
        int before = 0;
        lock (_lock)
        {
            if (_start is not long start || clock.GetElapsedTime(start) >= Period)
            {
                (_start, before, _untold) = (clock.GetTimestamp(), _untold, 0);
                _told.Clear();
            }

            isTold = _told.Count < MostLines && _told.Add((address, why));
            _untold += isTold ? 0 : 1;
        }

        if (before > 0)
        {
            LogMore(before);
        }

        if (isTold)
        {
            LogRefused(
                address?.ToString() ?? "?", OneLine.Of(context.Request.Path.Value ?? "", LongestPath), status, why);
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Address} asked for {Path} and was answered with {Status}: {Why}")]
    private partial void LogRefused(string address, string path, int status, string why);

    [LoggerMessage(LogLevel.Warning, "{Count} more requests like those before were not let in")]
    private partial void LogMore(int count);
}
