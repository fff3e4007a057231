using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Popcorn.Engine;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;
using Popcorn.Interop;

namespace Popcorn.EndToEnd.Tests;

/// <summary>Connections through the handlers that an application has configured for an HttpClient.</summary>
public sealed class HttpClientFactoryTests : IDisposable
{
    private const string Pass = "Test-Pass";

    private static readonly IntegerNetwork Network = TestFiles.TinyNetwork();
    private static readonly int[] Picture = [.. Enumerable.Range(0, 36).Select(i => i * 7)];

    private readonly PaillierPrivateKey _key = TestService.QuickKey();

    public void Dispose() => _key.Dispose();

    [Theory]
    [InlineData("digits")]
    [InlineData("")]
    public async Task Handlers_of_the_same_name_see_every_request(string name)
    {
        await using WebApplication host = await StartAsync(wantsPass: true);
        var seen = new Seen();
        await using ServiceProvider services = Services(host, name, services => services.AddHttpClient(name)
            .AddHttpMessageHandler(() => new PassHandler(seen)));
        await InferAsync(ClientOf(services, name));
        Assert.Equal(["/popcorn"], seen.Paths);

        ConnectionOptions connection = OptionsOf(services, name).Connection;
        Assert.Equal("tiny", Assert.Single(await PopcornClient.ListModelsAsync(UrlOf(host), connection)).Name);
        Assert.Equal(["/popcorn", "/models"], seen.Paths);
    }

    [Fact]
    public async Task The_primary_handler_makes_the_connection()
    {
        await using WebApplication host = await StartAsync(wantsPass: false);
        int connections = 0;
        await using ServiceProvider services = Services(host, "digits", services => services.AddHttpClient("digits")
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
            {
                ConnectCallback = async (context, cancellationToken) =>
                {
                    Interlocked.Increment(ref connections);
                    var socket = new System.Net.Sockets.TcpClient();
                    await socket.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancellationToken);
                    return socket.GetStream();
                },
            }));
        await InferAsync(ClientOf(services, "digits"));
        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task What_is_configured_for_all_clients_is_for_these_too()
    {
        await using WebApplication host = await StartAsync(wantsPass: true);
        var seen = new Seen();
        await using ServiceProvider services = Services(host, "", services => services.ConfigureHttpClientDefaults(
            all => all.AddHttpMessageHandler(() => new PassHandler(seen))));
        await InferAsync(ClientOf(services, ""));
        Assert.Equal(["/popcorn"], seen.Paths);
    }

    [Fact]
    public async Task Nothing_else_changes_the_way()
    {
        await using WebApplication host = await StartAsync(wantsPass: false);
        await using (ServiceProvider services = Services(host, "digits", _ => { }))
        {
            Assert.Null(OptionsOf(services, "digits").Connection.HandlerFactory);
            await InferAsync(ClientOf(services, "digits"));
        }

        var seen = new Seen();
        await using (ServiceProvider services = Services(host, "digits", services =>
        {
            services.AddHttpClient("digits");
            services.AddHttpClient("other").AddHttpMessageHandler(() => new PassHandler(seen));
        }))
        {
            Assert.Null(OptionsOf(services, "digits").Connection.HandlerFactory);
        }

        using var named = new SocketsHttpHandler();
        await using (ServiceProvider services = Services(
            host, "digits",
            services => services.AddHttpClient("digits").AddHttpMessageHandler(() => new PassHandler(seen)),
            options => options.Connection = new ConnectionOptions { Handler = named }))
        {
            Assert.Null(OptionsOf(services, "digits").Connection.HandlerFactory);
            await InferAsync(ClientOf(services, "digits"));
        }

        Assert.Empty(seen.Paths);
    }

    [Fact]
    public async Task Each_connection_asks_for_a_handler_and_outlives_it()
    {
        await using WebApplication host = await StartAsync(wantsPass: false);
        var handlers = new List<SocketsHttpHandler>();
        await using var client = new PopcornClient(OptionsFor(host, options => options.Connection =
            new ConnectionOptions
            {
                HandlerFactory = () =>
                {
                    handlers.Add(new SocketsHttpHandler());
                    return handlers[^1];
                },
            }));
        await InferAsync(client);
        handlers[0].Dispose(); // as a factory does with what expired
        await InferAsync(client);
        Assert.Single(handlers);

        await host.StopAsync();
        await Assert.ThrowsAsync<PopcornException>(() => client.InferAsync(Picture));
        Assert.Equal(2, handlers.Count);
    }

    private static async Task InferAsync(IPopcornClient client) =>
        Assert.Equal(new PlainEvaluator(Network).Run(Picture), (await client.InferAsync(Picture)).Logits);

    private static Uri UrlOf(WebApplication host) => new(host.Urls.Single());

    private static PopcornClientOptions OptionsOf(IServiceProvider services, string name) =>
        services.GetRequiredService<IOptionsMonitor<PopcornClientOptions>>().Get(name);

    private static IPopcornClient ClientOf(IServiceProvider services, string name) => name.Length == 0
        ? services.GetRequiredService<IPopcornClient>()
        : services.GetRequiredKeyedService<IPopcornClient>(name);

    private PopcornClientOptions OptionsFor(WebApplication host, Action<PopcornClientOptions> configure)
    {
        var options = new PopcornClientOptions();
        Configure(options, host);
        configure(options);
        return options;
    }

    private void Configure(PopcornClientOptions options, WebApplication host) =>
        (options.Server, options.Model, options.Key, options.Retries) = (UrlOf(host), "tiny", _key, 0);

    /// <summary>An application with a client, without a name where that is empty.</summary>
    private ServiceProvider Services(
        WebApplication host, string name, Action<IServiceCollection> others,
        Action<PopcornClientOptions>? configure = null)
    {
        var services = new ServiceCollection();
        void ConfigureAll(PopcornClientOptions options)
        {
            Configure(options, host);
            configure?.Invoke(options);
        }

        if (name.Length == 0)
        {
            services.AddPopcornClient(ConfigureAll);
        }
        else
        {
            services.AddPopcornClient(name, ConfigureAll);
        }

        others(services);
        return services.BuildServiceProvider();
    }

    /// <summary>A service on a port of its own, which may answer those alone who show a header.</summary>
    private static async Task<WebApplication> StartAsync(bool wantsPass)
    {
        WebApplication host = TestService.Build(new ServedModel("tiny", Network), inProcess: false);
        host.Urls.Add("http://127.0.0.1:0");
        host.Use((context, next) =>
        {
            if (wantsPass && !context.Request.Headers.ContainsKey(Pass))
            {
                context.Response.StatusCode = StatusCodes.Status401Unauthorized;
                return Task.CompletedTask;
            }

            return next();
        });
        host.UseRouting();
        host.MapPopcorn();
        await host.StartAsync();
        return host;
    }

    private sealed class Seen
    {
        public List<string> Paths { get; } = [];
    }

    private sealed class PassHandler(Seen seen) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            seen.Paths.Add(request.RequestUri!.AbsolutePath);
            request.Headers.Add(Pass, "1");
            return base.SendAsync(request, cancellationToken);
        }
    }
}
