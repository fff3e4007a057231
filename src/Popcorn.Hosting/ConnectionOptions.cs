using System.Buffers;
using Popcorn.Engine;

namespace Popcorn.Hosting;

/// <summary>How a client reaches a service.</summary>
public sealed record ConnectionOptions
{
    /// <summary>Characters of a token, RFC 9110, 5.6.2.</summary>
    private static readonly SearchValues<char> InNames = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Headers of every request, such as credentials: names and values.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Gives the token of each connection as it is made, for those that expire: sent as <c>Authorization: Bearer</c>,
    /// in place of such a header of <see cref="Headers"/>. Null: none.
    /// </summary>
    public Func<CancellationToken, ValueTask<string>>? Token { get; init; }

    /// <summary>
    /// What requests go through, for a proxy, certificates of one's own or their check; the caller's to dispose, after
    /// the connections. Null: what the system has set up, where no proxy comes between two programs of one machine, and
    /// <c>no_proxy</c> may name networks (10.0.0.0/8).
    /// </summary>
    public HttpMessageHandler? Handler { get; init; }

    /// <summary>
    /// Gives what the requests of each connection go through, in place of <see cref="Handler"/>: for handlers that are
    /// replaced as time goes by, as those of <see cref="IHttpMessageHandlerFactory"/> are. Nobody disposes them here.
    /// </summary>
    public Func<HttpMessageHandler>? HandlerFactory { get; init; }

    /// <summary>How long connecting, or reading the list of models, may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The headers of a request, its token among them.</summary>
    /// <exception cref="PopcornException">One of them cannot be sent.</exception>
    internal async ValueTask<Dictionary<string, string>> HeadersAsync(CancellationToken cancellationToken)
    {
        var headers = new Dictionary<string, string>(Headers, StringComparer.OrdinalIgnoreCase);
        if (Token is not null)
        {
            headers["Authorization"] = $"Bearer {await Token(cancellationToken).ConfigureAwait(false)}";
        }

        foreach ((string name, string value) in headers)
        {
            if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(InNames))
            {
                throw new PopcornException($"'{OneLine.Of(name, 64)}' is no name of a header.");
            }

            if (value.AsSpan().ContainsAny('\r', '\n', '\0'))
            {
                throw new PopcornException(
                    $"The header {name} cannot be sent: it has a line's end, as when it was read from a file.");
            }
        }

        return headers;
    }

    /// <summary>What a connection goes through that begins now; null: what the system has set up.</summary>
    internal HttpMessageHandler? HandlerOfNow() => HandlerFactory?.Invoke() ?? Handler;

    internal void Validate()
    {
        if (Timeout <= TimeSpan.Zero)
        {
            throw new PopcornException($"A client of Popcorn: {nameof(Timeout)} must be positive.");
        }
    }
}
