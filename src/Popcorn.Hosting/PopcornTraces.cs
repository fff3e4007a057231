using System.Diagnostics;

namespace Popcorn.Hosting;

/// <summary>
/// The service's spans: <c>popcorn.session</c>, within it <c>popcorn.prepare</c> and <c>popcorn.query</c>, of which the
/// latter is linked to the former that prepared it.
/// </summary>
public static class PopcornTraces
{
    /// <summary>Name of the source, for exporters.</summary>
    public const string SourceName = "Popcorn.Hosting";

    internal static ActivitySource Source { get; } = new(SourceName);

    /// <summary>Begins the span of a session; null where nobody listens.</summary>
    internal static Activity? StartSession(long number)
    {
        ActivityContext client = default;
        if (Source.HasListeners() && Activity.Current is Activity request && !request.Source.HasListeners())
        {
            // ASP.NET Core makes an activity of a request for the sake of logs too. Nobody records that one, so
            // samplers would leave out what is within it: the session belongs to the client's span at once.
            Activity.Current = null;
            ActivityContext.TryParse(request.ParentId, request.TraceStateString, isRemote: true, out client);
        }

        return Source.StartActivity("popcorn.session", ActivityKind.Server, client)
            ?.SetTag("popcorn.session", number);
    }
}
