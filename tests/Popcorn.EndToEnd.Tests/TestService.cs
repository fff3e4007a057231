using System.Net;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Hosting;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A service in memory.</summary>
internal sealed class TestService : IAsyncDisposable
{
    /// <summary>Bits of keys that are quick, and secure nothing.</summary>
    public const int QuickKeyBits = 768;

    private const string AddressHeader = "Test-Address";

    private static readonly KeyOptions Insecure = new() { AllowInsecureSize = true };

    private readonly ServedModel _model;

    private TestService(WebApplication host, ServedModel model)
    {
        Host = host;
        _model = model;
    }

    public WebApplication Host { get; }

    /// <summary>A key that these services accept, and no other ones.</summary>
    public static PaillierPrivateKey QuickKey() => PaillierPrivateKey.Generate(QuickKeyBits, Insecure);

    /// <summary>A host with nothing mapped yet.</summary>
    public static WebApplication Build(
        ServedModel? model = null, Action<PopcornOptions>? configure = null, bool inProcess = true,
        Action<KestrelServerOptions>? listen = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        if (inProcess)
        {
            builder.WebHost.UseTestServer();
        }

        if (listen is not null)
        {
            builder.Services.Configure(listen);
        }

        builder.Services.AddPopcorn(options =>
        {
            options.Models.Add(model ?? new ServedModel("tiny", TestFiles.TinyNetwork()));
            options.KeyOptions = Insecure;
            options.MinimumKeyBits = QuickKeyBits;
            options.WarmUp = false;
            configure?.Invoke(options);
        });
        return builder.Build();
    }

    public static async Task<TestService> StartAsync(
        Action<PopcornOptions>? configure = null, params Family[] families)
    {
        var model = new ServedModel("tiny", TestFiles.TinyNetwork(), families.Length > 0 ? families : null);
        WebApplication host = Build(model, configure);
        host.Use((context, next) =>
        {
            context.Connection.RemoteIpAddress =
                IPAddress.TryParse(context.Request.Headers[AddressHeader], out IPAddress? address) ? address : null;
            return next();
        });
        host.MapPopcorn();
        host.MapPopcornHealth();
        await host.StartAsync();
        return new TestService(host, model);
    }

    public Task<WebSocket> ConnectSocketAsync(string? from = null)
    {
        WebSocketClient client = Host.GetTestServer().CreateWebSocketClient();
        client.SubProtocols.Add(WireLimits.Subprotocol);
        client.ConfigureRequest = request => request.Headers[AddressHeader] = from;
        return client.ConnectAsync(new Uri("ws://localhost/popcorn"), default);
    }

    public async Task<WebSocketMessageChannel> ConnectAsync() => new(await ConnectSocketAsync(), "the server");

    public async Task SessionsEndedAsync()
    {
        using HttpClient http = Host.GetTestClient();
        await Eventually.IsTrueAsync(
            async () => JsonDocument.Parse(await http.GetStringAsync("/health")).RootElement
                .GetProperty("connections").GetInt32() == 0,
            "A session has not ended.");
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        _model.Dispose();
    }
}
