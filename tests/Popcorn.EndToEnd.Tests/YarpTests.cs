using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Popcorn.Engine;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A service behind YARP, by the documented configuration.</summary>
public sealed class YarpTests
{
    private const string Address = "http://127.0.0.1:7310/";
    private const string Activity = "\"ActivityTimeout\": \"00:01:15\"";

    private static readonly int[] Picture = [.. Enumerable.Range(0, 36).Select(i => i * 7)];

    [Fact]
    public async Task The_documented_configuration_leads_to_the_service()
    {
        int probes = 0;
        await using WebApplication service = await ServiceAsync(TimeSpan.FromSeconds(30), () => probes++);
        await using WebApplication proxy = await ProxyAsync(service, text => text);
        var url = new Uri(proxy.Urls.Single());
        Assert.Equal("tiny", Assert.Single(await PopcornClient.ListModelsAsync(url)).Name);
        await InferAsync(url, TimeSpan.Zero);
        await Eventually.IsTrueAsync(() => probes > 0, "The proxy does not ask for the service's health.");
    }

    [Fact]
    public async Task Pings_alone_keep_a_session_longer_than_the_time_without_activity()
    {
        // As 30 seconds are to the 75 of the document, but shorter.
        await using WebApplication service = await ServiceAsync(TimeSpan.FromSeconds(0.4));
        await using WebApplication proxy = await ProxyAsync(service, InSeconds(2));
        await InferAsync(new Uri(proxy.Urls.Single()), TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Without_pings_the_proxy_ends_it()
    {
        await using WebApplication service = await ServiceAsync(TimeSpan.FromMinutes(1));
        await using WebApplication proxy = await ProxyAsync(service, InSeconds(1));
        await Assert.ThrowsAsync<PopcornException>(() =>
            InferAsync(new Uri(proxy.Urls.Single()), TimeSpan.FromSeconds(5)));
    }

    private static Func<string, string> InSeconds(int seconds) => text =>
    {
        Assert.Contains(Activity, text, StringComparison.Ordinal);
        return text.Replace(Activity, $"\"ActivityTimeout\": \"00:00:{seconds:00}\"", StringComparison.Ordinal);
    };

    /// <summary>A query, some time in which neither party says anything, and another query by the same session.
    /// </summary>
    private static async Task InferAsync(Uri url, TimeSpan silence)
    {
        using PaillierPrivateKey key = TestService.QuickKey();
        await using WebSocketMessageChannel channel = await PopcornClient.ConnectAsync(url);
        await using ClientSession session = await ClientSession.OpenAsync(
            channel, key, "tiny", new ClientOptions(), default);
        var oracle = new PlainEvaluator(TestFiles.TinyNetwork());
        Assert.Equal(oracle.Run(Picture), (await session.InferAsync(Picture, null, default)).Logits);
        await Task.Delay(silence);
        Assert.Equal(oracle.Run(Picture), (await session.InferAsync(Picture, null, default)).Logits);
    }

    private static async Task<WebApplication> ServiceAsync(TimeSpan pings, Action? probed = null)
    {
        WebApplication service = TestService.Build(
            new ServedModel("tiny", TestFiles.TinyNetwork()), options => options.KeepAliveInterval = pings,
            inProcess: false);
        service.Urls.Add("http://127.0.0.1:0");
        service.Use((context, next) =>
        {
            if (context.Request.Path == "/health")
            {
                probed?.Invoke();
            }

            return next();
        });
        service.UseRouting();
        service.MapPopcorn();
        service.MapPopcornHealth();
        await service.StartAsync();
        return service;
    }

    /// <summary>The proxy of the document in front of a service.</summary>
    /// <param name="service">Where it leads.</param>
    /// <param name="change">What is not as the document says.</param>
    private static async Task<WebApplication> ProxyAsync(WebApplication service, Func<string, string> change)
    {
        string text = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs/deploy/yarp.json"));
        Assert.Contains(Address, text, StringComparison.Ordinal);
        string settings = change(text.Replace(Address, service.Urls.Single(), StringComparison.Ordinal));
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(settings)));
        builder.Services.AddReverseProxy().LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"));
        WebApplication proxy = builder.Build();
        proxy.Urls.Add("http://127.0.0.1:0");
        proxy.MapReverseProxy();
        await proxy.StartAsync();
        return proxy;
    }
}
