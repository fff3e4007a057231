using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Hosting;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>Messages over real sockets on loopback.</summary>
public class WebSocketMessageChannelTests
{
    [Fact]
    public async Task Parties_that_send_and_receive_at_once_never_wait_for_each_other()
    {
        var accepted = new TaskCompletionSource<WebSocketMessageChannel>();
        var done = new TaskCompletionSource();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using WebApplication host = builder.Build();
        host.UseWebSockets();
        host.Run(async context =>
        {
            accepted.SetResult(new WebSocketMessageChannel(await context.WebSockets.AcceptWebSocketAsync(), "it"));
            await done.Task;
        });
        await host.StartAsync();
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(host.Urls.First()) { Scheme = "ws" }.Uri, default);
        await using (var client = new WebSocketMessageChannel(socket, "the server"))
        {
            WebSocketMessageChannel server = await accepted.Task.WaitAsync(Eventually.Patience);
            await BothWays.RunAsync(client, server);
        }

        done.SetResult();
    }
}
