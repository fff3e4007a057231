using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using Popcorn.Engine;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Interop;

namespace Popcorn.Hosting;

/// <summary>The client's way to a Popcorn service: connections and the list of models.</summary>
public static class PopcornClient
{
    /// <summary>Where the service listens when its URL names no path.</summary>
    public const string DefaultPath = "/popcorn";

    /// <summary>Longest list of models, in bytes: that of hundreds of networks of a hundred layers.</summary>
    private const int MaxListBytes = 1 << 22;

    /// <summary>Opens a connection for one session.</summary>
    /// <param name="server">
    /// <c>http://host:port</c>, <c>https</c>, <c>ws</c> or <c>wss</c>; without a path, <see cref="DefaultPath"/>.
    /// </param>
    /// <param name="options">Credentials, proxy, time.</param>
    /// <param name="cancellationToken">Gives up connecting.</param>
    /// <exception cref="PopcornException">
    /// Nobody listens there, no Popcorn service, or one that refuses these credentials.
    /// </exception>
    public static async Task<WebSocketMessageChannel> ConnectAsync(
        Uri server, ConnectionOptions? options = null, CancellationToken cancellationToken = default)
    {
        Uri endpoint = Endpoint(server);
        options ??= new ConnectionOptions();
        var socket = new ClientWebSocket();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.Timeout);
        try
        {
            socket.Options.AddSubProtocol(WireLimits.Subprotocol);
            socket.Options.CollectHttpResponseDetails = true;
            socket.Options.KeepAliveInterval = TimeSpan.FromSeconds(30);
            socket.Options.KeepAliveTimeout = TimeSpan.FromSeconds(60);
            foreach ((string name, string value) in options.Headers)
            {
                socket.Options.SetRequestHeader(name, value);
            }

            using HttpMessageInvoker? invoker =
                options.Handler is null ? null : new HttpMessageInvoker(options.Handler, disposeHandler: false);
            await socket.ConnectAsync(endpoint, invoker, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            HttpStatusCode status = socket.HttpStatusCode;
            socket.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            throw new PopcornException(ConnectFailure(server, status, options.Timeout, e), e);
        }

        return new WebSocketMessageChannel(socket, "the server");
    }

    /// <summary>Opens a session that prepares queries while none is asked.</summary>
    /// <param name="server">As for <see cref="ConnectAsync"/>.</param>
    /// <param name="key">The client's key; must outlive the session.</param>
    /// <param name="model">Name of the model.</param>
    /// <param name="prepareAhead">Queries of one image to keep prepared, at most.</param>
    /// <param name="options">Threads, randomness, families.</param>
    /// <param name="connection">As for <see cref="ConnectAsync"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">
    /// Nobody listens there, the server refused, or a query costs more than allowed.
    /// </exception>
    public static async Task<PreparingSession> OpenAsync(
        Uri server, PaillierPrivateKey key, string model, int prepareAhead, ClientOptions? options = null,
        ConnectionOptions? connection = null, CancellationToken cancellationToken = default)
    {
        WebSocketMessageChannel channel =
            await ConnectAsync(server, connection, cancellationToken).ConfigureAwait(false);
        ClientSession session = await ClientSession.OpenAsync(
            channel, key, model, options ?? new ClientOptions(), cancellationToken).ConfigureAwait(false);
        return new PreparingSession(session, prepareAhead);
    }

    /// <summary>The models that a service offers.</summary>
    /// <param name="server">As for <see cref="ConnectAsync"/>; the list stands beside the path of the sessions.</param>
    /// <param name="options">As for <see cref="ConnectAsync"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">As for <see cref="ConnectAsync"/>.</exception>
    public static async Task<IReadOnlyList<ModelDescription>> ListModelsAsync(
        Uri server, ConnectionOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new ConnectionOptions();
        var url = new UriBuilder(new Uri(Endpoint(server), "models"));
        url.Scheme = url.Scheme == Uri.UriSchemeWss ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        using HttpClient http =
            options.Handler is null ? new HttpClient() : new HttpClient(options.Handler, disposeHandler: false);
        http.Timeout = options.Timeout;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.Timeout);
        using var request = new HttpRequestMessage(HttpMethod.Get, url.Uri);
        foreach ((string name, string value) in options.Headers)
        {
            request.Headers.Add(name, value);
        }

        try
        {
            // All of it within the time, however slowly it comes: the client's own limit ends with the headers.
            using HttpResponseMessage answer = await http.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
            answer.EnsureSuccessStatusCode();
            using Stream content = await answer.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
            return ReadModels(await ReadAllAsync(content, limit.Token).ConfigureAwait(false));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException
            or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            HttpStatusCode status = (e as HttpRequestException)?.StatusCode ?? default;
            throw new PopcornException(ConnectFailure(server, status, options.Timeout, e), e);
        }
    }

    /// <summary>The list of models in JSON.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    internal static IReadOnlyList<ModelDescription> ReadModels(ReadOnlySpan<byte> json)
    {
        ModelDescription[] models = JsonSerializer.Deserialize(json, HostingJson.Default.ModelDescriptionArray) ?? [];
        return Array.TrueForAll(models, model => model?.Name is not null)
            ? models
            : throw new JsonException("A model has no name.");
    }

    private static async Task<byte[]> ReadAllAsync(Stream stream, CancellationToken cancellationToken)
    {
        var buffer = new byte[1 << 12];
        int length = 0, count;
        while ((count = await stream.ReadAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(false)) > 0)
        {
            length += count;
            if (length > MaxListBytes)
            {
                throw new PopcornException($"The server's list of models is longer than {MaxListBytes >> 20} MiB.");
            }

            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, 2 * length);
            }
        }

        return buffer[..length];
    }

    private static Uri Endpoint(Uri server)
    {
        ArgumentNullException.ThrowIfNull(server);
        string? scheme = !server.IsAbsoluteUri ? null : server.Scheme switch
        {
            "http" or "ws" => Uri.UriSchemeWs,
            "https" or "wss" => Uri.UriSchemeWss,
            _ => null,
        };
        if (scheme is null || server.Host.Length == 0)
        {
            throw new PopcornException($"'{server}' is not a server's URL; write http://host:port.");
        }

        return new UriBuilder(server)
        {
            Scheme = scheme,
            Path = server.AbsolutePath is "/" ? DefaultPath : server.AbsolutePath,
        }.Uri;
    }

    private static string ConnectFailure(Uri server, HttpStatusCode status, TimeSpan timeout, Exception e)
    {
        string where = server.GetLeftPart(UriPartial.Authority);
        switch (status)
        {
            case HttpStatusCode.Unauthorized:
                return $"The server at {where} wants credentials, and these are none that it knows; check the token.";
            case HttpStatusCode.Forbidden:
                return $"The server at {where} does not allow you that (HTTP status 403); ask whoever runs it.";
            case HttpStatusCode.ProxyAuthenticationRequired:
                return $"A proxy on the way to {where} wants credentials (HTTP status 407).";
            case HttpStatusCode.ServiceUnavailable:
                return $"The server at {where} has no connection free; try again later.";
            case HttpStatusCode.TooManyRequests:
                return $"The server at {where} allows your address no more connections; close one.";
            case not default(HttpStatusCode) and not HttpStatusCode.SwitchingProtocols:
                return $"No Popcorn service at {server}: it answered with HTTP status {(int)status}.";
        }

        for (Exception? cause = e; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case SocketException { SocketErrorCode: SocketError.ConnectionRefused }:
                    return $"Nobody listens at {where} (connection refused); is the server running?";
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain }:
                    return $"There is no host named '{server.Host}'; check the server's URL.";
                case SocketException socket:
                    return $"Cannot reach {where}: {socket.Message}.";
                case HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError }:
                    return $"No secure connection to {where} could be made; is it https, is its certificate trusted?";
                case OperationCanceledException:
                    return $"The server at {where} did not answer within {timeout.TotalSeconds} s.";
            }
        }

        return $"What listens at {where} is not a Popcorn service.";
    }
}
