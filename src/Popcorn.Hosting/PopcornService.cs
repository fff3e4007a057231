using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Popcorn.Engine;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;

namespace Popcorn.Hosting;

/// <summary>Turns each connection into one session; whatever happens in a session ends that session only.</summary>
internal sealed partial class PopcornService : IDisposable
{
    private readonly PopcornOptions _options;
    private readonly PopcornMetrics _metrics;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<PopcornService> _logger;
    private readonly ServedModels _models;
    private readonly ServerResources _resources;
    private int _connections;
    private long _lastSession;

    public PopcornService(
        IOptions<PopcornOptions> options,
        ServedModels models,
        PopcornMetrics metrics,
        IHostApplicationLifetime lifetime,
        ILogger<PopcornService> logger)
    {
        _options = options.Value;
        _metrics = metrics;
        _lifetime = lifetime;
        _logger = logger;
        _models = models;
        _options.Validate();
        if (models.Count == 0)
        {
            LogNoModels();
        }

        IsWarm = !_options.WarmUp;
        _resources = new ServerResources(_options.MemoryBytes, _options.QueueTimeout);
        _metrics.Observe(_resources);
    }

    /// <summary>Whether the self-test has passed, or is not wanted.</summary>
    public bool IsWarm { get; set; }

    /// <summary>Whether there is something to serve, the self-test has passed, and the host does not stop.</summary>
    public bool IsReady => Status == "ok";

    /// <summary>The models that a client may use.</summary>
    public ModelDescription[] DescribeFor(HttpContext context) =>
    [
        .. _models.All.Where(model => MayUse(context, model.Name))
            .Select(model => ModelDescription.Of(model.Name, model.Public)),
    ];

    public HealthDescription Health() =>
        new(
            Status,
            _models.Count, Volatile.Read(ref _connections), _options.MaxConnections, _resources.Memory.Reserved,
            _resources.Memory.Bytes);

    private string Status => _lifetime.ApplicationStopping.IsCancellationRequested ? "stopping"
        : _models.Count == 0 ? "no models"
        : IsWarm ? "ok"
        : "warming up";

    /// <inheritdoc/>
    public void Dispose() => _resources.Dispose();

    public async Task HandleAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            await RefuseAsync(
                context,
                StatusCodes.Status426UpgradeRequired,
                $"This endpoint speaks the WebSocket subprotocol {WireLimits.Subprotocol}.").ConfigureAwait(false);
            return;
        }

        if (!context.WebSockets.WebSocketRequestedProtocols.Contains(WireLimits.Subprotocol))
        {
            await RefuseAsync(
                context,
                StatusCodes.Status400BadRequest,
                $"This endpoint speaks the WebSocket subprotocol {WireLimits.Subprotocol} only.").ConfigureAwait(false);
            return;
        }

        try
        {
            if (Interlocked.Increment(ref _connections) > _options.MaxConnections)
            {
                await RefuseAsync(
                    context,
                    Refusal.Connections,
                    $"All {_options.MaxConnections} connections are taken; try again later.").ConfigureAwait(false);
                return;
            }

            await AdmitAsync(context).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    }

    /// <summary>Runs a session if its address has a connection left, and the server memory for messages.</summary>
    private async Task AdmitAsync(HttpContext context)
    {
        string address = ClientAddress.Of(context);
        ClientAccount? client = _resources.TryEnter(
            address, _options.MaxConnectionsPerAddress, _options.Allowance?.Invoke(context));
        if (client is null)
        {
            await RefuseAsync(
                context,
                Refusal.Address,
                $"All {_options.MaxConnectionsPerAddress} connections of your address are taken; close one.")
                .ConfigureAwait(false);
            return;
        }

        try
        {
            using MemoryReservation? messages = _resources.Memory.TryReserve(
                client, WebSocketMessageChannel.MemoryOf(_options.MaxMessageBytes));
            if (messages is null)
            {
                await RefuseAsync(context, Refusal.Memory, "The server has no memory free; try again later.")
                    .ConfigureAwait(false);
                return;
            }

            await RunSessionAsync(context, client).ConfigureAwait(false);
        }
        finally
        {
            _resources.Leave(client);
        }
    }

    private Task RefuseAsync(HttpContext context, Refusal reason, string why)
    {
        _metrics.Refused(reason);
        LogRefused(ClientAddress.Of(context), why);
        int status = reason == Refusal.Address
            ? StatusCodes.Status429TooManyRequests
            : StatusCodes.Status503ServiceUnavailable;
        return RefuseAsync(context, status, why);
    }

    private static Task RefuseAsync(HttpContext context, int status, string why)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsync(why + "\n");
    }

    private async Task RunSessionAsync(HttpContext context, ClientAccount client)
    {
        using WebSocket socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext
        {
            SubProtocol = WireLimits.Subprotocol,
            KeepAliveInterval = _options.KeepAliveInterval,
            KeepAliveTimeout = 2 * _options.KeepAliveInterval,
        }).ConfigureAwait(false);
        var channel = new WebSocketMessageChannel(
            socket, "the client", _options.MaxMessageBytes, _options.StallTimeout);
        await using (channel.ConfigureAwait(false))
        {
            long session = Interlocked.Increment(ref _lastSession);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(channel.PeerLeft);
            using CancellationTokenRegistration stopping =
                _lifetime.ApplicationStopping.Register(() => stop.CancelAfter(_options.ShutdownGrace));
            string from = context.Connection.RemoteIpAddress?.ToString() ?? "?";
            LogConnected(
                session,
                context.User.Identity is { IsAuthenticated: true, Name: string name } ? $"{name} at {from}" : from);
            _metrics.SessionStarted();
            using Activity? span = PopcornTraces.StartSession(session);
            try
            {
                var options = new ServerOptions
                {
                    DegreeOfParallelism = _options.DegreeOfParallelism,
                    MinimumKeyBits = _options.MinimumKeyBits,
                    AcceptShortOrder = _options.AcceptShortOrder,
                    KeyOptions = _options.KeyOptions,
                    Resources = _resources,
                    Client = client,
                    HandshakeTimeout = _options.HandshakeTimeout,
                    IdleTimeout = _options.IdleTimeout,
                    StallTimeout = _options.StallTimeout,
                    Stopping = _lifetime.ApplicationStopping,
                    Admit = (query, token) =>
                    {
                        span?.SetTag("popcorn.model", query.Model);
                        return AdmitAsync(context, query, token);
                    },
                    Traces = PopcornTraces.Source,
                    Shows = model => MayUse(context, model),
                    QueryRefused = why =>
                    {
                        CountRefusal(why);
                        LogQueryRefused(session, why.Message);
                    },
                    QueryDone = query =>
                    {
                        _metrics.QueryDone(query.Model, query.Use);
                        LogQueryDone(
                            session, query.Model, query.KeyBits, query.Images, query.Seconds,
                            $"{query.BytesUp} bytes up, {query.BytesDown} down{PreparationOf(query)}");
                    },
                };
                await new ServerSession(_models, options).RunAsync(channel, stop.Token).ConfigureAwait(false);
                LogLeft(session, channel.BytesReceived, channel.BytesSent);
            }
            catch (OperationCanceledException) when (channel.PeerLeft.IsCancellationRequested)
            {
                LogLeft(session, channel.BytesReceived, channel.BytesSent);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                LogStopped(session);
                await channel.CloseAsync(WebSocketCloseStatus.EndpointUnavailable, "the server is shutting down")
                    .ConfigureAwait(false);
            }
            catch (PopcornException e) when (e.Error == PopcornError.Cancelled)
            {
                LogLeft(session, channel.BytesReceived, channel.BytesSent);
            }
            catch (PopcornException e) when (
                e.Error == PopcornError.Busy && e.Refusal is null
                && _lifetime.ApplicationStopping.IsCancellationRequested)
            {
                LogStopped(session);
            }
            catch (PopcornException e)
            {
                Fail(session, span, e); // The session has told the client.
            }
            catch (Exception e)
            {
                // A defect of this program; still, it may end this session only.
                Fail(session, span, e);
                await channel.CloseAsync(WebSocketCloseStatus.InternalServerError, "internal error")
                    .ConfigureAwait(false);
            }
            finally
            {
                _metrics.SessionEnded(channel.BytesReceived, channel.BytesSent);
                span?.SetTag("popcorn.bytes.received", channel.BytesReceived)
                    .SetTag("popcorn.bytes.sent", channel.BytesSent);
            }
        }
    }

    private bool MayUse(HttpContext context, string model) => _options.MayUse?.Invoke(context, model) != false;

    /// <summary>Asks the host's policy.</summary>
    /// <returns>The permit for a query, which is held while it is worked at.</returns>
    private async ValueTask<IDisposable?> AdmitAsync(
        HttpContext context, QueryRequest query, CancellationToken cancellationToken)
    {
        if (!MayUse(context, query.Model))
        {
            throw new PopcornException(
                PopcornError.Forbidden, $"You may not use '{query.Model}'; ask whoever runs this server.");
        }

        // What is prepared has had its permit.
        if (query.IsPrepared || _options.QueryLimiter is not PartitionedRateLimiter<PopcornQuery> limiter)
        {
            return null;
        }

        // For a session no permit is taken, but one must be left: what is made for it costs as well.
        var asked = new PopcornQuery(context, query.Model, query.Images);
        RateLimitLease lease;
        try
        {
            lease = query.Images == 0
                ? limiter.AttemptAcquire(asked, 0)
                : await limiter.AcquireAsync(asked, query.Images, cancellationToken).ConfigureAwait(false);
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new PopcornException($"{query.Images} images are more than you may ask for at once; send fewer.")
            {
                Refusal = Refusal.TooLarge,
            };
        }

        if (lease.IsAcquired)
        {
            return lease;
        }

        TimeSpan? wait = lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan after) ? after : null;
        lease.Dispose();
        if (query.Images == 0 && wait is null)
        {
            // A limit on what runs at the same time: by the first query there may be room.
            return null;
        }

        string when = wait is null
            ? "later"
            : string.Create(CultureInfo.InvariantCulture, $"in {Math.Ceiling(after.TotalSeconds):0} s");
        throw new PopcornException($"You have had your queries for now; try again {when}.")
        {
            Refusal = Refusal.Quota,
            RetryAfter = wait,
        };
    }

    /// <summary>How much of a query its preparation was, where there was one.</summary>
    private static string PreparationOf(QueryReport query) => query.Use.Prepare is PhaseUse prepare
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"; of these to prepare {prepare.Seconds:F2} s, {prepare.BytesUp} bytes up, {prepare.BytesDown} down")
        : "";

    private void Fail(long session, Activity? span, Exception e)
    {
        string kind = (e as PopcornException)?.Error.ToString() ?? "Internal";
        _metrics.SessionFailed(kind);
        span?.SetTag("popcorn.error", kind).SetStatus(ActivityStatusCode.Error, kind);
        CountRefusal(e);
        LogFailed(session, e is PopcornException ? e.Message : $"{e.GetType().Name}: {e.Message}");
        LogTrace(session, e);
    }
    private void CountRefusal(Exception e)
    {
        if (e is PopcornException { Refusal: Refusal reason })
        {
            _metrics.Refused(reason);
        }
    }
}
