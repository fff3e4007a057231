using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Popcorn.Engine;
using Popcorn.Hosting;

namespace Popcorn.EndToEnd.Tests;

/// <summary>Proxies on either side, and paths below which a service is.</summary>
public sealed class WayToTheServiceTests
{
    [Theory]
    [InlineData("http://localhost:8080", null, false)]
    [InlineData("ws://127.0.0.1:8080/popcorn", null, false)]
    [InlineData("http://127.9.9.9", null, false)]
    [InlineData("https://[::1]:8080", null, false)]
    [InlineData("http://service.example", null, true)]
    [InlineData("http://10.1.2.3", null, true)]
    [InlineData("http://10.1.2.3", "10.0.0.0/8", false)]
    [InlineData("http://10.1.2.3", "example.org, 10.1.0.0/16", false)]
    [InlineData("http://10.2.2.3", "example.org,10.1.0.0/16", true)]
    [InlineData("http://[2001:db8::1]", "2001:db8::/32", false)]
    [InlineData("http://10.1.2.3", ",,/,10.0.0.0/99,10.0.0.0/", true)]
    public void Proxies_are_for_other_machines(string destination, string? noProxy, bool isUsed)
    {
        var system = new WebProxy("http://proxy.example:3128");
        var proxy = new SystemProxy(system, noProxy);
        var url = new Uri(destination);
        Assert.Equal(!isUsed, proxy.IsBypassed(url));
        Assert.Equal(isUsed ? system.Address : null, proxy.GetProxy(url));
    }

    [Fact]
    public void What_the_system_excepts_stays_excepted()
    {
        var proxy = new SystemProxy(new WebProxy("http://proxy.example:3128", false, [@"service\.example"]), null);
        Assert.Null(proxy.GetProxy(new Uri("http://service.example")));
        Assert.NotNull(proxy.GetProxy(new Uri("http://other.example")));
    }

    [Fact]
    public async Task A_path_with_a_slash_at_its_end_is_where_the_service_is()
    {
        await using WebApplication host = await StartAsync("/sub/popcorn");
        foreach (string path in new[] { "sub/", "sub/popcorn" })
        {
            var server = new Uri(new Uri(host.Urls.First()), path);
            Assert.Equal("tiny", Assert.Single(await PopcornClient.ListModelsAsync(server)).Name);
            await using var channel = await PopcornClient.ConnectAsync(server);
        }

        // A service itself could be there.
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(() =>
            PopcornClient.ConnectAsync(new Uri(new Uri(host.Urls.First()), "sub")));
        Assert.Equal(PopcornError.Refused, e.Error);
        Assert.Contains("/sub/popcorn?", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_that_takes_the_upgrade_away_is_told_of()
    {
        await using WebApplication host = await StartAsync(PopcornClient.DefaultPath, (context, next) =>
        {
            context.Request.Headers.Remove("Upgrade");
            context.Features.Set<Microsoft.AspNetCore.Http.Features.IHttpUpgradeFeature>(null);
            return next();
        });
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(() =>
            PopcornClient.ConnectAsync(new Uri(host.Urls.First())));
        Assert.Equal(PopcornError.Refused, e.Error);
        Assert.Contains("proxy", e.Message, StringComparison.Ordinal);
        Assert.Contains("Upgrade", e.Message, StringComparison.Ordinal);
    }

    private static async Task<WebApplication> StartAsync(
        string pattern, Func<HttpContext, Func<Task>, Task>? before = null)
    {
        WebApplication host = TestService.Build(inProcess: false);
        host.Urls.Add("http://127.0.0.1:0");
        if (before is not null)
        {
            host.Use(before);
        }

        host.UseRouting();
        host.MapPopcorn(pattern);
        await host.StartAsync();
        return host;
    }
}
