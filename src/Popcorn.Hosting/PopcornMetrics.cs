using System.Diagnostics.Metrics;
using Popcorn.Engine;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Resources;

namespace Popcorn.Hosting;

/// <summary>The service's instruments, on the meter <see cref="MeterName"/>.</summary>
public sealed class PopcornMetrics
{
    /// <summary>Name of the meter, for exporters.</summary>
    public const string MeterName = "Popcorn.Hosting";

    /// <summary>A query of MNIST takes a millisecond, the preparation of an ImageNet network half a minute.</summary>
    private static readonly double[] SecondsOfBuckets =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 150, 600];

    private readonly Meter _meter;
    private readonly UpDownCounter<int> _activeSessions;
    private readonly Counter<long> _queries;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _bytesReceived;
    private readonly Counter<long> _bytesSent;
    private readonly Histogram<double> _seconds;
    private readonly Counter<long> _queryBytesReceived;
    private readonly Counter<long> _queryBytesSent;

    /// <summary>Makes the instruments.</summary>
    public PopcornMetrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        Meter meter = _meter = meters.Create(MeterName);
        _activeSessions = meter.CreateUpDownCounter<int>("popcorn.sessions.active", "{session}", "Sessions open now.");
        _queries = meter.CreateCounter<long>("popcorn.queries", "{query}", "Queries answered.");
        _failures = meter.CreateCounter<long>(
            "popcorn.failures", "{session}", "Sessions that ended by an error, by popcorn.error.");
        _refusals = meter.CreateCounter<long>(
            "popcorn.refusals", "{client}", "Clients sent away that broke no rule, by popcorn.reason.");
        _bytesReceived = meter.CreateCounter<long>("popcorn.bytes.received", "By", "Bytes of messages from clients.");
        _bytesSent = meter.CreateCounter<long>("popcorn.bytes.sent", "By", "Bytes of messages to clients.");
        _seconds = meter.CreateHistogram(
            "popcorn.query.duration", "s", "From the first message of a query's popcorn.phase to its last.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = SecondsOfBuckets });
        _queryBytesReceived = meter.CreateCounter<long>(
            "popcorn.query.bytes.received", "By", "Bytes of answered queries from clients, by popcorn.phase.");
        _queryBytesSent = meter.CreateCounter<long>(
            "popcorn.query.bytes.sent", "By", "Bytes of answered queries to clients, by popcorn.phase.");
    }

    internal void Observe(ServerResources resources)
    {
        Gauge("popcorn.memory.reserved", "By", "Memory that sessions have reserved.", use => use.MemoryReserved);
        Gauge("popcorn.memory.waiting", "{request}", "Requests that wait for memory.", use => use.MemoryWaiting);
        Gauge("popcorn.tables", "{key}", "Keys whose tables are held.", use => use.Tables);
        Gauge("popcorn.tables.memory", "By", "Memory of these tables.", use => use.TableBytes);
        Gauge("popcorn.bundles", "{query}", "Queries prepared that wait for their input.", use => use.Prepared);
        Gauge("popcorn.turns", "{turn}", "Turns to compute that run.", use => use.Computing);
        Gauge("popcorn.turns.waiting", "{turn}", "Turns to compute that are waited for.", use => use.ComputeWaiting);

        void Gauge(string name, string unit, string description, Func<ResourceUse, long> of) =>
            _meter.CreateObservableGauge(name, () => of(resources.Use), unit, description);
    }

    internal void Refused(Refusal reason) => _refusals.Add(
        1, new KeyValuePair<string, object?>("popcorn.reason", reason switch
        {
            Refusal.Connections => "connections",
            Refusal.Address => "address",
            Refusal.Memory => "memory",
            Refusal.TooLarge => "too_large",
            Refusal.Handshake => "handshake",
            Refusal.Idle => "idle",
            Refusal.Stalled => "stalled",
            Refusal.Quota => "quota",
        }));

    internal void SessionStarted() => _activeSessions.Add(1);

    internal void SessionEnded(long bytesReceived, long bytesSent)
    {
        _activeSessions.Add(-1);
        _bytesReceived.Add(bytesReceived);
        _bytesSent.Add(bytesSent);
    }

    internal void SessionFailed(string kind) =>
        _failures.Add(1, new KeyValuePair<string, object?>("popcorn.error", kind));

    internal void QueryDone(string model, QueryUse use)
    {
        KeyValuePair<string, object?> tag = new("popcorn.model", model);
        _queries.Add(1, tag);
        PhaseDone(tag, "online", use.Online);
        if (use.Prepare is PhaseUse prepare)
        {
            PhaseDone(tag, "prepare", prepare);
        }
    }

    private void PhaseDone(KeyValuePair<string, object?> model, string name, PhaseUse use)
    {
        KeyValuePair<string, object?> phase = new("popcorn.phase", name);
        _seconds.Record(use.Seconds, model, phase);
        _queryBytesReceived.Add(use.BytesUp, model, phase);
        _queryBytesSent.Add(use.BytesDown, model, phase);
    }
}
