using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using Popcorn.Engine;
using Popcorn.Engine.Wire;

namespace Popcorn.Hosting;

/// <summary>The client's way to a Popcorn service: connections and the list of models.</summary>
internal static class ServiceConnection
{
    /// <summary>Longest list of models, in bytes: that of hundreds of networks of a hundred layers.</summary>
    private const int MaxListBytes = 1 << 22;

    /// <summary>See <see cref="PopcornClient.ConnectAsync"/>.</summary>
    public static async Task<WebSocketMessageChannel> ConnectAsync(
        Uri server, ConnectionOptions options, CancellationToken cancellationToken)
    {
        Uri endpoint = Endpoint(server);
        options.Validate();
        HttpMessageHandler? handler = options.HandlerOfNow();
        SystemProxy? proxy = handler is null ? SystemProxy.Current : null;
        var socket = new ClientWebSocket();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.Timeout);
        try
        {
            socket.Options.AddSubProtocol(WireLimits.Subprotocol);
            socket.Options.CollectHttpResponseDetails = true;
            socket.Options.KeepAliveInterval = TimeSpan.FromSeconds(30);
            socket.Options.KeepAliveTimeout = TimeSpan.FromSeconds(60);
            foreach ((string name, string value) in await options.HeadersAsync(limit.Token).ConfigureAwait(false))
            {
                socket.Options.SetRequestHeader(name, value);
            }

            if (proxy is not null)
            {
                socket.Options.Proxy = proxy;
            }

            using HttpMessageInvoker? invoker =
                handler is null ? null : new HttpMessageInvoker(handler, disposeHandler: false);
            await socket.ConnectAsync(endpoint, invoker, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            HttpStatusCode status = socket.HttpStatusCode;
            socket.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            throw ConnectFailure(endpoint, status, options.Timeout, proxy?.GetProxy(endpoint), e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        return new WebSocketMessageChannel(socket, "the server");
    }

    /// <summary>See <see cref="PopcornClient.ListModelsAsync"/>.</summary>
    public static async Task<IReadOnlyList<ModelDescription>> ListModelsAsync(
        Uri server, ConnectionOptions options, CancellationToken cancellationToken)
    {
        Uri endpoint = Endpoint(server);
        options.Validate();
        Uri url = Plain(new Uri(endpoint, "models"));
        HttpMessageHandler? handler = options.HandlerOfNow();
        SystemProxy? proxy = handler is null ? SystemProxy.Current : null;
        using var http = new HttpClient(
            handler ?? new SocketsHttpHandler { Proxy = proxy }, disposeHandler: handler is null);
        http.Timeout = options.Timeout;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.Timeout);
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        try
        {
            foreach ((string name, string value) in await options.HeadersAsync(limit.Token).ConfigureAwait(false))
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }

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
            throw ConnectFailure(endpoint, status, options.Timeout, proxy?.GetProxy(endpoint), e);
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
                throw new PopcornException(
                    PopcornError.Protocol, $"The server's list of models is longer than {MaxListBytes >> 20} MiB.");
            }

            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, 2 * length);
            }
        }

        return buffer[..length];
    }

    /// <summary>Where sessions begin.</summary>
    /// <exception cref="PopcornException">That is no server's URL.</exception>
    internal static Uri Endpoint(Uri server)
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

        // A path that ends with a slash is where services are, and no service itself.
        return new UriBuilder(server)
        {
            Scheme = scheme,
            Path = server.AbsolutePath.EndsWith('/')
                ? server.AbsolutePath[..^1] + PopcornClient.DefaultPath
                : server.AbsolutePath,
        }.Uri;
    }

    /// <summary>The same address without a WebSocket.</summary>
    private static Uri Plain(Uri endpoint) => new UriBuilder(endpoint)
    {
        Scheme = endpoint.Scheme == Uri.UriSchemeWss ? Uri.UriSchemeHttps : Uri.UriSchemeHttp,
    }.Uri;

    private static PopcornException ConnectFailure(
        Uri endpoint, HttpStatusCode status, TimeSpan timeout, Uri? proxy, Exception e)
    {
        Uri server = Plain(endpoint);
        string where = server.GetLeftPart(UriPartial.Authority);
        (PopcornError error, string message) = status switch
        {
            HttpStatusCode.Unauthorized => (
                PopcornError.Unauthorized,
                $"The server at {where} wants credentials, and these are none that it knows; check the token."),
            HttpStatusCode.Forbidden => (
                PopcornError.Forbidden,
                $"The server at {where} does not allow you that (HTTP status 403); ask whoever runs it."),
            HttpStatusCode.ProxyAuthenticationRequired => (
                PopcornError.Unauthorized,
                $"A proxy on the way to {where} wants credentials (HTTP status 407)."),
            HttpStatusCode.ServiceUnavailable => (
                PopcornError.Busy, $"The server at {where} has no connection free; try again later."),
            HttpStatusCode.TooManyRequests => (
                PopcornError.Busy, $"The server at {where} allows your address no more connections; close one."),
            HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout => (
                PopcornError.Unreachable,
                $"A proxy at {where} does not reach the service behind it (HTTP status {(int)status})."),
            HttpStatusCode.UpgradeRequired => (
                PopcornError.Refused,
                $"The service at {where} was not asked for a WebSocket (HTTP status 426): a proxy before it takes the "
                + "Upgrade header away and must pass it on."),
            not default(HttpStatusCode) and not HttpStatusCode.SwitchingProtocols => (
                PopcornError.Refused,
                $"No Popcorn service at {server}: it answered with HTTP status {(int)status}"
                + (server.AbsolutePath.EndsWith(PopcornClient.DefaultPath, StringComparison.Ordinal)
                    ? "."
                    : $"; is it {server}{PopcornClient.DefaultPath}?")),
            _ => WithoutStatus(
                (proxy ?? endpoint).Host, proxy?.GetLeftPart(UriPartial.Authority) ?? where, timeout, e),
        };
        string way = proxy is null
            ? ""
            : $" The way led through the proxy at {proxy}, which the environment names; no_proxy={endpoint.Host} "
                + "goes without.";
        return new PopcornException(error, message + way, e);
    }

    private static (PopcornError Error, string Message) WithoutStatus(
        string host, string where, TimeSpan timeout, Exception e)
    {
        for (Exception? cause = e; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case SocketException { SocketErrorCode: SocketError.ConnectionRefused }:
                    return (
                        PopcornError.Unreachable,
                        $"Nobody listens at {where} (connection refused); is the server running?");
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.TryAgain }:
                    return (
                        PopcornError.Unreachable,
                        $"There is no host named '{host}'; check the server's URL.");
                case SocketException socket:
                    return (PopcornError.Unreachable, $"Cannot reach {where}: {socket.Message}.");
                case HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError }:
                    return (
                        PopcornError.Refused,
                        $"No secure connection to {where} could be made; is it https, is its certificate trusted?");
                case OperationCanceledException:
                    return (
                        PopcornError.Timeout,
                        $"The server at {where} did not answer within {timeout.TotalSeconds} s.");
            }
        }

        return (PopcornError.Refused, $"What listens at {where} is not a Popcorn service.");
    }
}
