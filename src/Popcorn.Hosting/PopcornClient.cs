using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using Popcorn.Engine;
using Popcorn.Engine.Wire;

namespace Popcorn.Hosting;

/// <summary>The client's way to a Popcorn service: connections and the list of models.</summary>
public static class PopcornClient
{
    /// <summary>Where the service listens when its URL names no path.</summary>
    public const string DefaultPath = "/popcorn";

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(15);

    /// <summary>Opens a connection for one session.</summary>
    /// <param name="server">
    /// <c>http://host:port</c>, <c>https</c>, <c>ws</c> or <c>wss</c>; without a path, <see cref="DefaultPath"/>.
    /// </param>
    /// <param name="cancellationToken">Gives up connecting.</param>
    /// <exception cref="PopcornException">Nobody listens there, or no Popcorn service.</exception>
    public static async Task<WebSocketMessageChannel> ConnectAsync(
        Uri server, CancellationToken cancellationToken = default)
    {
        Uri endpoint = Endpoint(server);
        var socket = new ClientWebSocket();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ConnectTimeout);
        try
        {
            socket.Options.AddSubProtocol(WireLimits.Subprotocol);
            socket.Options.CollectHttpResponseDetails = true;
            socket.Options.KeepAliveInterval = TimeSpan.FromSeconds(30);
            socket.Options.KeepAliveTimeout = TimeSpan.FromSeconds(60);
            await socket.ConnectAsync(endpoint, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            HttpStatusCode status = socket.HttpStatusCode;
            socket.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            throw new PopcornException(ConnectFailure(server, status, e), e);
        }

        return new WebSocketMessageChannel(socket, "the server");
    }

    /// <summary>The models that a service offers.</summary>
    /// <param name="server">As for <see cref="ConnectAsync"/>; the list stands beside the path of the sessions.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">Nobody listens there, or no Popcorn service.</exception>
    public static async Task<IReadOnlyList<ModelDescription>> ListModelsAsync(
        Uri server, CancellationToken cancellationToken = default)
    {
        var url = new UriBuilder(new Uri(Endpoint(server), "models"));
        url.Scheme = url.Scheme == Uri.UriSchemeWss ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        using var http = new HttpClient { Timeout = ConnectTimeout };
        try
        {
            return await http.GetFromJsonAsync(url.Uri, HostingJson.Default.ModelDescriptionArray, cancellationToken)
                .ConfigureAwait(false) ?? [];
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            HttpStatusCode status = (e as HttpRequestException)?.StatusCode ?? default;
            throw new PopcornException(ConnectFailure(server, status, e), e);
        }
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

    private static string ConnectFailure(Uri server, HttpStatusCode status, Exception e)
    {
        string where = server.GetLeftPart(UriPartial.Authority);
        switch (status)
        {
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
                    return $"The server at {where} did not answer within {ConnectTimeout.TotalSeconds} s.";
            }
        }

        return $"What listens at {where} is not a Popcorn service.";
    }
}
