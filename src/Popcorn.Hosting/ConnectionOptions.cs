namespace Popcorn.Hosting;

/// <summary>How a client reaches a service.</summary>
public sealed record ConnectionOptions
{
    /// <summary>Headers of every request, such as credentials: names and values.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// What requests go through, for a proxy, certificates of one's own or their check; the caller's to dispose, after
    /// the connections. Null: what the system has set up, where no proxy comes between two programs of one machine, and
    /// <c>no_proxy</c> may name networks (10.0.0.0/8).
    /// </summary>
    public HttpMessageHandler? Handler { get; init; }

    /// <summary>How long connecting, or reading the list of models, may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(15);
}
