using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Popcorn.Engine;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Protocols;
using Popcorn.Engine.Wire;
using Popcorn.Hosting;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>What a host allows its clients, and what clients do about it.</summary>
public sealed class PolicyTests : IDisposable
{
    private static readonly int[] Picture = [.. Enumerable.Range(0, 36).Select(i => i * 7)];

    private readonly PaillierPrivateKey _key = TestService.QuickKey();

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task Every_image_takes_a_permit_and_no_session_is_opened_without_one()
    {
        await using TestService service = await StartAsync(permits: 3);
        await using ClientSession session = await OpenAsync(service);
        await session.InferAsync([Picture, Picture], null, default);
        PopcornException large = await Assert.ThrowsAsync<PopcornException>(
            () => session.InferAsync([.. Enumerable.Repeat((ReadOnlyMemory<int>)Picture, 4)], null, default));
        Assert.Equal(PopcornError.TooLarge, large.Error);
        await Assert.ThrowsAsync<PopcornException>(() => session.InferAsync([Picture, Picture], null, default));
        await using (await OpenAsync(service))
        {
            await AssertExactAsync(input => session.InferAsync(input, null, default));
        }

        PopcornException over = await Assert.ThrowsAsync<PopcornException>(
            () => session.InferAsync(Picture, null, default));
        Assert.Equal(PopcornError.Busy, over.Error);
        Assert.InRange(over.RetryAfter!.Value, TimeSpan.FromMinutes(50), TimeSpan.FromHours(1));
        Assert.True(session.IsUsable);
        PopcornException closed = await Assert.ThrowsAsync<PopcornException>(() => OpenAsync(service));
        Assert.Equal(PopcornError.Busy, closed.Error);
        Assert.NotNull(closed.RetryAfter);
    }

    [Fact]
    public async Task A_limit_on_what_runs_at_once_closes_no_door()
    {
        using var limiter = PartitionedRateLimiter.Create<PopcornQuery, int>(_ =>
            RateLimitPartition.GetConcurrencyLimiter(0, _ => new ConcurrencyLimiterOptions { PermitLimit = 1 }));
        await using TestService service = await TestService.StartAsync(
            options => options.QueryLimiter = limiter, new NoOpFamily());
        await using ClientSession session = await OpenAsync(service);
        using (limiter.AttemptAcquire(new PopcornQuery(new DefaultHttpContext(), "tiny", 1)))
        {
            await Assert.ThrowsAsync<PopcornException>(() => session.PrepareAsync());
            await using ClientSession another = await OpenAsync(service);
        }

        for (int i = 0; i < 3; i++)
        {
            await AssertExactAsync(input => session.InferAsync(input, null, default));
        }
    }

    [Fact]
    public async Task A_client_may_have_so_many_prepared_queries_in_all_its_sessions()
    {
        await using TestService service = await TestService.StartAsync(
            options => options.Allowance = _ => new ClientAllowance { Bundles = 2 }, new NoOpFamily());
        await using ClientSession session = await OpenAsync(service);
        Assert.Equal(2, session.MaxPrepared);
        await session.PrepareAsync();
        ClientSession other = await OpenAsync(service);
        await using (other)
        {
            await other.PrepareAsync();
            PopcornException over = await Assert.ThrowsAsync<PopcornException>(() => other.PrepareAsync());
            Assert.Equal(PopcornError.Busy, over.Error);
            Assert.Contains("2 prepared queries", over.Message, StringComparison.Ordinal);
            await AssertExactAsync(input => other.InferAsync(input, null, default));
            await other.PrepareAsync();
            await Assert.ThrowsAsync<PopcornException>(() => session.PrepareAsync());
            Assert.True(session.IsUsable && other.IsUsable);
        }

        // What a session keeps ends with it.
        await Eventually.IsTrueAsync(
            async () =>
            {
                await using ClientSession next = await OpenAsync(service);
                return await Record.ExceptionAsync(() => next.PrepareAsync()) is null;
            },
            "Its place is not free.");
        Assert.Equal(1, session.PreparedCount);
        await AssertExactAsync(input => session.InferAsync(input, null, default));
    }

    [Fact]
    public async Task A_client_may_have_less_memory_than_others()
    {
        long messages = WebSocketMessageChannel.MemoryOf(WireLimits.MaxMessageBytes);
        await using TestService service = await TestService.StartAsync(
            options =>
            {
                options.Allowance = _ => new ClientAllowance { MemoryBytes = messages + 1 };
                options.QueueTimeout = TimeSpan.Zero;
            },
            new NoOpFamily());
        await using ClientSession session = await OpenAsync(service);
        PopcornException poor = await Assert.ThrowsAsync<PopcornException>(
            () => session.InferAsync(Picture, null, default));
        Assert.Equal(PopcornError.Busy, poor.Error);
        Assert.True(session.IsUsable);
    }

    [Fact]
    public async Task Queries_prepared_ahead_stay_when_no_more_are_allowed()
    {
        await using TestService service = await StartAsync(permits: 2);
        await using var session = new PreparingSession(await OpenAsync(service), ahead: 4);
        await Eventually.EqualAsync(2, () => session.Session.PreparedCount);
        for (int i = 0; i < 2; i++)
        {
            await AssertExactAsync(async input => (await session.InferAsync([input]))[0]);
        }

        await Assert.ThrowsAsync<PopcornException>(() => session.InferAsync([Picture]));
        Assert.True(session.IsUsable);
    }

    [Fact]
    public async Task What_is_prepared_answers_nobody_who_may_use_the_model_no_longer()
    {
        bool mayUse = true;
        await using TestService service = await TestService.StartAsync(
            options => options.MayUse = (_, _) => Volatile.Read(ref mayUse), new NoOpFamily());
        await using ClientSession session = await OpenAsync(service);
        await session.PrepareAsync();
        await session.PrepareAsync();
        await AssertExactAsync(input => session.InferAsync(input, null, default));
        Volatile.Write(ref mayUse, false);
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(
            () => session.InferAsync(Picture, null, default));
        Assert.Equal(PopcornError.Forbidden, e.Error);
    }

    [Fact]
    public async Task What_a_client_may_not_use_it_is_not_told_of()
    {
        using var other = new ServedModel("other", TestFiles.TinyNetwork(2), [new NoOpFamily()]);
        await using TestService service = await TestService.StartAsync(
            options =>
            {
                options.Models.Add(other);
                options.MayUse = (_, model) => model == "other";
            },
            new NoOpFamily());
        using HttpClient http = service.Host.GetTestClient();
        Assert.Equal(
            "other", Assert.Single(ServiceConnection.ReadModels(await http.GetByteArrayAsync("/models"))).Name);
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(() => OpenAsync(service, "none"));
        Assert.Contains("this server has other.", e.Message, StringComparison.Ordinal);
        e = await Assert.ThrowsAsync<PopcornException>(() => OpenAsync(service));
        Assert.Equal(PopcornError.Forbidden, e.Error);
    }

    [Fact]
    public async Task A_host_may_begin_without_models_and_name_what_it_requires_afterwards()
    {
        await using WebApplication host = TestService.Build(configure: options => options.Models.Clear());
        RouteHandlerBuilder own = host.MapGet("/own", () => "mine");
        host.MapPopcorn();
        own.WithMetadata("required");
        await host.StartAsync();
        using HttpClient http = host.GetTestClient();
        Assert.Empty(ServiceConnection.ReadModels(await http.GetByteArrayAsync("/models")));
        host.Services.GetRequiredService<ServedModels>().Add(new ServedModel("late", TestFiles.TinyNetwork()));
        Assert.Single(ServiceConnection.ReadModels(await http.GetByteArrayAsync("/models")));
        Assert.Contains(
            host.Services.GetRequiredService<EndpointDataSource>().Endpoints,
            endpoint => endpoint.Metadata.Contains("required"));
        using HttpResponseMessage plain = await http.GetAsync(new Uri("/popcorn", UriKind.Relative));
        Assert.Equal("websocket", plain.Headers.Upgrade.Single().Name);
    }

    [Fact]
    public async Task Each_connection_shows_a_token_of_its_own()
    {
        await using WebApplication host = await ListenAsync(context =>
            context.Request.Headers.Authorization == "Bearer 2" || context.Request.Headers["X-Old"] == "old");
        var url = new Uri(host.Urls.Single());
        int made = 0;
        var options = new ConnectionOptions { Token = _ => ValueTask.FromResult($"{++made}") };
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(
            () => PopcornClient.ListModelsAsync(url, options));
        Assert.Equal(PopcornError.Unauthorized, e.Error);
        await (await PopcornClient.ConnectAsync(url, options)).DisposeAsync();
        Assert.Equal(2, made);

        foreach ((string name, string value) in ((string, string)[])[("a b", "c"), ("", "c"), ("X-Old", "old\n")])
        {
            options = new ConnectionOptions { Headers = new Dictionary<string, string> { [name] = value } };
            await Assert.ThrowsAsync<PopcornException>(() => PopcornClient.ConnectAsync(url, options));
            await Assert.ThrowsAsync<PopcornException>(() => PopcornClient.ListModelsAsync(url, options));
        }

        options = new ConnectionOptions { Timeout = TimeSpan.FromSeconds(-5) };
        await Assert.ThrowsAsync<PopcornException>(() => PopcornClient.ConnectAsync(url, options));
    }

    [Fact]
    public void Options_are_looked_at_before_they_are_used()
    {
        foreach (Action<PopcornClientOptions> spoil in (Action<PopcornClientOptions>[])
        [
            options => options.Server = new Uri("/popcorn", UriKind.Relative),
            options => options.Server = new Uri("ftp://host"),
            options => options.Connection = null!,
            options => options.Session = null!,
            options => options.Connection = new ConnectionOptions { Timeout = TimeSpan.Zero },
            options => options.MaxRetryDelay = TimeSpan.FromSeconds(-1),
        ])
        {
            var options = new PopcornClientOptions { Server = new Uri("http://host"), Model = "tiny" };
            new PopcornClient(options).Dispose();
            spoil(options);
            Assert.Throws<PopcornException>(() => new PopcornClient(options));
        }
    }

    [Fact]
    public async Task Containers_dispose_clients_either_way()
    {
        await using WebApplication host = await ListenAsync(_ => true);
        var services = new ServiceCollection();
        services.AddPopcornClient(options =>
            (options.Server, options.Model, options.Key) = (new Uri(host.Urls.Single()), "tiny", _key));
        IPopcornClient client;
        using (ServiceProvider provider = services.BuildServiceProvider())
        {
            client = provider.GetRequiredService<IPopcornClient>();
            await client.InferAsync(Picture);
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.InferAsync(Picture));
    }

    [Fact]
    public async Task A_host_is_ready_when_its_self_test_has_passed()
    {
        await using WebApplication host = TestService.Build(configure: options => options.WarmUp = true);
        host.MapPopcorn();
        host.MapPopcornHealth();
        await host.StartAsync();
        using HttpClient http = host.GetTestClient();
        var seen = new HashSet<string>();
        await Eventually.IsTrueAsync(
            async () =>
            {
                using HttpResponseMessage answer = await http.GetAsync(new Uri("/health", UriKind.Relative));
                string health = await answer.Content.ReadAsStringAsync();
                seen.Add(System.Text.Json.JsonDocument.Parse(health).RootElement.GetProperty("status").GetString()!);
                Assert.Equal(
                    seen.Contains("ok") ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable, answer.StatusCode);
                return seen.Contains("ok");
            },
            "The self-test has not passed.");
        Assert.Contains("warming up", seen);
    }

    [Theory]
    [InlineData("3", null)]
    [InlineData("0", "MaxConnections must be positive")]
    public async Task Limits_may_stand_in_the_settings_of_an_application(string connections, string? refusal)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Popcorn:MaxConnections"] = connections,
            ["Popcorn:IdleTimeout"] = "00:00:07",
            ["Popcorn:WarmUp"] = "false",
        });
        builder.Services.AddPopcorn();
        builder.Services.Configure<PopcornOptions>(builder.Configuration.GetSection("Popcorn"));
        await using WebApplication host = builder.Build();
        if (refusal is not null)
        {
            PopcornException e = Assert.Throws<PopcornException>(() => host.MapPopcorn());
            Assert.Contains(refusal, e.Message, StringComparison.Ordinal);
            return;
        }

        host.MapPopcorn();
        PopcornOptions options = host.Services.GetRequiredService<IOptions<PopcornOptions>>().Value;
        Assert.Equal((3, TimeSpan.FromSeconds(7)), (options.MaxConnections, options.IdleTimeout));
    }

    [Fact]
    public async Task Sessions_run_over_http_2_as_well()
    {
        await using WebApplication host = TestService.Build(
            inProcess: false,
            listen: kestrel => kestrel.Listen(IPAddress.Loopback, 0, port => port.Protocols = HttpProtocols.Http2));
        host.MapPopcorn();
        await host.StartAsync();
        var socket = new ClientWebSocket();
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.AddSubProtocol(WireLimits.Subprotocol);
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());
        var url = new UriBuilder(host.Urls.Single()) { Scheme = "ws", Path = PopcornClient.DefaultPath };
        await socket.ConnectAsync(url.Uri, http, default);
        await using ClientSession session = await ClientSession.OpenAsync(
            new WebSocketMessageChannel(socket, "the server"), _key, "tiny", new ClientOptions(), default);
        await AssertExactAsync(input => session.InferAsync(input, null, default));
    }

    [Fact]
    public async Task Floats_are_taken_and_the_version_is_told()
    {
        IntegerNetwork network = TestFiles.TinyNetwork() with { Version = "2.1 of May" };
        using var model = new ServedModel("tiny", network);
        await using WebApplication host = await ListenAsync(_ => true, model);
        await using var client = new PopcornClient(new PopcornClientOptions
        {
            Server = new Uri(host.Urls.Single()),
            Model = "tiny",
            Key = _key,
        });
        float[] floats = [.. Picture.Select(value => (float)(value * network.Input.Scale))];
        InferenceResult result = await client.InferAsync(floats, CancellationToken.None);
        Assert.Equal(new PlainEvaluator(network).Run(Picture), result.Logits);
        Assert.Equal("2.1 of May", (await client.DescribeAsync()).Version);
        ModelDescription listed = Assert.Single(await PopcornClient.ListModelsAsync(new Uri(host.Urls.Single())));
        Assert.Equal("2.1 of May", listed.Version);
    }

    [Fact]
    public async Task Whoever_cancels_does_not_wait_for_a_service_that_is_frozen()
    {
        await using WebApplication host = await ListenAsync(_ => true);
        await using var link = new FreezingLink(new Uri(host.Urls.Single()).Port);
        await using var client = new PopcornClient(new PopcornClientOptions
        {
            Server = new Uri($"http://127.0.0.1:{link.Port}"),
            Model = "tiny",
            Key = _key,
        });
        await client.InferAsync(Picture);
        link.Freeze();
        using var cancel = new CancellationTokenSource();
        Task query = client.InferAsync(Picture, cancellationToken: cancel.Token);
        await Task.Delay(100);
        Assert.False(query.IsCompleted);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => query);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(1.5));
    }

    private static async Task AssertExactAsync(Func<ReadOnlyMemory<int>, Task<InferenceResult>> infer) => Assert.Equal(
        new PlainEvaluator(TestFiles.TinyNetwork()).Run(Picture), (await infer(Picture)).Logits);

    /// <summary>A service that allows so many images an hour.</summary>
    private static Task<TestService> StartAsync(int permits) => TestService.StartAsync(
        options => options.QueryLimiter = PartitionedRateLimiter.Create<PopcornQuery, string>(query =>
            RateLimitPartition.GetFixedWindowLimiter(query.Model, _ => new FixedWindowRateLimiterOptions
            {
                PermitLimit = permits,
                Window = TimeSpan.FromHours(1),
            })),
        new NoOpFamily());

    private async Task<ClientSession> OpenAsync(TestService service, string model = "tiny") =>
        await ClientSession.OpenAsync(
            await service.ConnectAsync(), _key, model, new ClientOptions { Families = [new NoOpFamily()] }, default);

    /// <summary>A service on a port of its own, for those whom it lets in.</summary>
    private static async Task<WebApplication> ListenAsync(
        Func<HttpContext, bool> letsIn, ServedModel? model = null)
    {
        WebApplication host = TestService.Build(model, inProcess: false);
        host.Urls.Add("http://127.0.0.1:0");
        host.UseRouting();
        host.Use((context, next) =>
        {
            if (letsIn(context))
            {
                return next();
            }

            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return Task.CompletedTask;
        });
        host.MapPopcorn();
        await host.StartAsync();
        return host;
    }

    /// <summary>A way to a port of this machine on which from some moment on nothing moves.</summary>
    private sealed class FreezingLink : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _end = new();
        private readonly List<Socket> _sockets = [];
        private readonly Task _accepting;
        private volatile bool _isFrozen;

        public FreezingLink(int port)
        {
            _listener.Start();
            _accepting = Task.Run(async () =>
            {
                while (!_end.IsCancellationRequested)
                {
                    Socket from = await _listener.AcceptSocketAsync(_end.Token);
                    var to = new Socket(SocketType.Stream, ProtocolType.Tcp);
                    _sockets.AddRange(from, to);
                    await to.ConnectAsync(IPAddress.Loopback, port, _end.Token);
                    _ = PassAsync(from, to);
                    _ = PassAsync(to, from);
                }
            });
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public void Freeze() => _isFrozen = true;

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            await Record.ExceptionAsync(() => _accepting);
            _sockets.ForEach(socket => socket.Dispose());
            _listener.Dispose();
            _end.Dispose();
        }

        private async Task PassAsync(Socket from, Socket to)
        {
            var buffer = new byte[1 << 16];
            try
            {
                int count;
                while ((count = await from.ReceiveAsync(buffer, _end.Token)) > 0)
                {
                    if (_isFrozen)
                    {
                        await Task.Delay(Timeout.Infinite, _end.Token);
                    }

                    await to.SendAsync(buffer.AsMemory(0, count), _end.Token);
                }
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // One of the two is gone.
            }
        }
    }
}
