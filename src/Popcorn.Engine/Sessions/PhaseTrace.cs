using System.Diagnostics;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>A phase of a query as a span of a trace, where somebody listens.</summary>
internal sealed class PhaseTrace : IProgress<SessionProgress>, IDisposable
{
    private readonly Activity? _span;
    private readonly IProgress<SessionProgress>? _next;

    /// <summary>Begins it.</summary>
    /// <param name="options">The source of spans, and who else is told of steps.</param>
    /// <param name="name">What the span is called.</param>
    /// <param name="preparation">The span in which the query was prepared.</param>
    public PhaseTrace(ServerOptions options, string name, ActivityContext preparation = default)
    {
        _next = options.Progress;
        _span = options.Traces?.StartActivity(
            name, ActivityKind.Internal, parentContext: default,
            links: preparation == default ? null : [new ActivityLink(preparation)]);
    }

    /// <summary>By what another span names this one.</summary>
    public ActivityContext Context => _span?.Context ?? default;

    /// <summary>Who is to be told of steps; null: nobody.</summary>
    public IProgress<SessionProgress>? Progress => _span is null ? _next : this;

    /// <summary>Says what is asked.</summary>
    public void Asked(string model, string family, int images) => _span?.SetTag("popcorn.model", model)
        .SetTag("popcorn.family", family).SetTag("popcorn.images", images);

    /// <summary>Says what it took.</summary>
    public void Done(PhaseMeasure took) => _span?.SetTag("popcorn.bytes.received", took.Use.BytesUp)
        .SetTag("popcorn.bytes.sent", took.Use.BytesDown);

    /// <summary>Says why it ended before its end: the kind alone, for a message may hold what a client wrote.</summary>
    public void Failed(Exception e)
    {
        string kind = (e switch
        {
            PopcornException popcorn => popcorn.Error,
            PaillierException => PopcornError.Protocol,
            OperationCanceledException => PopcornError.Cancelled,
            _ => (PopcornError?)null,
        })?.ToString() ?? "Internal";
        _span?.SetTag("popcorn.error", kind).SetStatus(ActivityStatusCode.Error, kind);
    }

    /// <inheritdoc/>
    public void Report(SessionProgress value)
    {
        _next?.Report(value);
        if (value.Done == value.Total)
        {
            _span?.AddEvent(new ActivityEvent("popcorn.step", tags: new ActivityTagsCollection
            {
                ["popcorn.layer"] = value.Layer,
                ["popcorn.step"] = value.Step,
            }));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _span?.Dispose();
}
