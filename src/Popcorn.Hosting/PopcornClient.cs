using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Interop;

namespace Popcorn.Hosting;

/// <summary>
/// A client of one model of a service: opens sessions as they are needed, keeps them and the queries prepared in them,
/// and opens others where the connection was lost. Thread-safe; keep it as long as the application runs.
/// </summary>
public sealed partial class PopcornClient : IPopcornClient
{
    /// <summary>Where the service listens when its URL names no path.</summary>
    public const string DefaultPath = "/popcorn";

    private readonly PopcornClientOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _places;
    private readonly Stack<OpenSession> _idle = [];
    private readonly List<Task> _leaving = []; // under the lock of _idle, as it is
    private readonly CancellationTokenSource _closing = new();
    private readonly Lazy<Task<PaillierPrivateKey>> _key;
    private int _disposed;

    /// <summary>A client; it connects with its first query.</summary>
    /// <param name="options">Which model of which service, and how.</param>
    /// <param name="logger">Told of sessions and of what is tried again.</param>
    /// <param name="time">Tells when to try again.</param>
    /// <exception cref="PopcornException">The options are not sound.</exception>
    public PopcornClient(
        PopcornClientOptions options, ILogger<PopcornClient>? logger = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _logger = logger ?? NullLogger<PopcornClient>.Instance;
        _time = time ?? TimeProvider.System;
        _places = new SemaphoreSlim(options.MaxSessions, options.MaxSessions);
        _key = new Lazy<Task<PaillierPrivateKey>>(() =>
            options.Key is null ? Task.Run(() => PaillierPrivateKey.Generate()) : Task.FromResult(options.Key));
    }

    /// <inheritdoc/>
    public Task<PublicNetwork> DescribeAsync(CancellationToken cancellationToken = default) =>
        InSessionAsync((session, _) => Task.FromResult(session.Session.Network), cancellationToken);

    /// <inheritdoc/>
    public async Task<InferenceResult> InferAsync(
        ReadOnlyMemory<int> input, IProgress<SessionProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        (await InferAsync([input], progress, cancellationToken).ConfigureAwait(false))[0];

    /// <inheritdoc/>
    public Task<IReadOnlyList<InferenceResult>> InferAsync(
        IReadOnlyList<ReadOnlyMemory<int>> inputs, IProgress<SessionProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        InSessionAsync((session, token) => session.InferAsync(inputs, progress, token), cancellationToken);

    /// <inheritdoc/>
    public Task<InferenceResult> InferAsync(
        Image image, IProgress<SessionProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        return InSessionAsync(
            async (session, token) => (await session.InferAsync(
                [image.For(session.Session.Input)], progress, token).ConfigureAwait(false))[0],
            cancellationToken);
    }

    /// <summary>Ends all sessions; a query under way is cancelled.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        for (int i = 0; i < _options.MaxSessions; i++)
        {
            await _places.WaitAsync().ConfigureAwait(false);
        }

        while (_idle.TryPop(out OpenSession? open))
        {
            Leave(open);
        }

        await Task.WhenAll(_leaving).ConfigureAwait(false);

        if (_options.Key is null && _key.IsValueCreated)
        {
            (await _key.Value.ConfigureAwait(false)).Dispose();
        }

        _places.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Opens a connection for one session that its user runs.</summary>
    /// <param name="server">
    /// <c>http://host:port</c>, <c>https</c>, <c>ws</c> or <c>wss</c>; with no path, or one that ends with a slash,
    /// <see cref="DefaultPath"/> is below it.
    /// </param>
    /// <param name="options">Credentials, proxy, time.</param>
    /// <param name="cancellationToken">Gives up connecting.</param>
    /// <exception cref="PopcornException">
    /// Nobody listens there, no Popcorn service, or one that refuses these credentials.
    /// </exception>
    public static Task<WebSocketMessageChannel> ConnectAsync(
        Uri server, ConnectionOptions? options = null, CancellationToken cancellationToken = default) =>
        ServiceConnection.ConnectAsync(server, options ?? new ConnectionOptions(), cancellationToken);

    /// <summary>The models that a service offers.</summary>
    /// <param name="server">As for <see cref="ConnectAsync"/>; the list stands beside the path of the sessions.</param>
    /// <param name="options">As for <see cref="ConnectAsync"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">As for <see cref="ConnectAsync"/>.</exception>
    public static Task<IReadOnlyList<ModelDescription>> ListModelsAsync(
        Uri server, ConnectionOptions? options = null, CancellationToken cancellationToken = default) =>
        ServiceConnection.ListModelsAsync(server, options ?? new ConnectionOptions(), cancellationToken);

    /// <summary>Does something in a session that nobody else uses; in another where it fails and may yet go well.
    /// </summary>
    private async Task<T> InSessionAsync<T>(
        Func<PreparingSession, CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        await _places.WaitAsync(end.Token).ConfigureAwait(false);
        try
        {
            int retries = 0;
            while (true)
            {
                bool isFresh = false;
                try
                {
                    if (!TryTakeIdle(out OpenSession? session))
                    {
                        isFresh = true;
                        session = await OpenAsync(end.Token).ConfigureAwait(false);
                    }

                    return await UseAsync(session, action, end.Token).ConfigureAwait(false);
                }
                catch (PopcornException e) when (!isFresh && e.Error == PopcornError.SessionEnded)
                {
                    // It ended before it was asked: no reason to wait, and no retry.
                    LogRetry(e.Message, 0);
                }
                catch (PopcornException e) when (
                    e.IsTransient && retries < _options.Retries && DelayOf(e, retries) <= _options.MaxRetryDelay)
                {
                    TimeSpan delay = DelayOf(e, retries++);
                    LogRetry(e.Message, delay.TotalSeconds);
                    await Task.Delay(delay, _time, end.Token).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            _places.Release();
        }
    }

    private TimeSpan DelayOf(PopcornException e, int retries)
    {
        TimeSpan own = _options.RetryDelay * Math.Pow(2, retries);
        return e.RetryAfter > own ? e.RetryAfter.Value : own;
    }

    private async Task<T> UseAsync<T>(
        OpenSession open, Func<PreparingSession, CancellationToken, Task<T>> action,
        CancellationToken cancellationToken)
    {
        try
        {
            return await action(open.Session, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_idle)
            {
                if (open.IsUsable)
                {
                    _idle.Push(open);
                }
                else
                {
                    Leave(open);
                }
            }
        }
    }

    /// <summary>A session that can be asked; those that ended while nobody asked them are left.</summary>
    private bool TryTakeIdle([NotNullWhen(true)] out OpenSession? open)
    {
        lock (_idle)
        {
            while (_idle.TryPop(out open) && !open.IsUsable)
            {
                Leave(open);
            }

            return open is not null;
        }
    }

    /// <summary>Says goodbye beside what follows: a service that is gone takes seconds not to answer.</summary>
    private void Leave(OpenSession open)
    {
        _leaving.RemoveAll(task => task.IsCompleted);
        _leaving.Add(open.Session.DisposeAsync().AsTask());
    }

    private async Task<OpenSession> OpenAsync(CancellationToken cancellationToken)
    {
        PaillierPrivateKey key = await _key.Value.WaitAsync(cancellationToken).ConfigureAwait(false);
        WebSocketMessageChannel channel =
            await ConnectAsync(_options.Server!, _options.Connection, cancellationToken).ConfigureAwait(false);
        ClientSession session = await ClientSession.OpenAsync(
            channel, key, _options.Model, _options.Session, cancellationToken).ConfigureAwait(false);
        LogOpened(_options.Model, session.Family, session.SetUpSeconds);
        return new OpenSession(new PreparingSession(session, _options.PrepareAhead), channel);
    }

    [LoggerMessage(
        Level = LogLevel.Debug,
        Message = "Opened a session for '{Model}' by the {Family} protocols in {Seconds:F2} s.")]
    private partial void LogOpened(string model, string family, double seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Reason} Trying again in {Seconds} s.")]
    private partial void LogRetry(string reason, double seconds);

    /// <summary>A session and the connection that it runs over.</summary>
    private sealed record OpenSession(PreparingSession Session, WebSocketMessageChannel Channel)
    {
        public bool IsUsable => Session.IsUsable && !Channel.PeerLeft.IsCancellationRequested;
    }
}
