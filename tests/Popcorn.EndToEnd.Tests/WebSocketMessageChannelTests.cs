using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Popcorn.Engine;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Hosting;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>Messages over real sockets on loopback.</summary>
public class WebSocketMessageChannelTests
{
    /// <summary>As where a party slept through the pings: long before the limit of a send.</summary>
    [Fact]
    public async Task A_socket_that_is_given_up_in_a_send_is_a_lost_connection()
    {
        await using WebApplication host = await StartAsync(async (socket, done) =>
        {
            using (socket)
            {
                await done;
            }
        });
        using ClientWebSocket socket = await ConnectAsync(host);
        await using var client = new WebSocketMessageChannel(socket, "the server");
        ValueTask sending = client.SendAsync(new byte[64 << 20], default);
        Assert.False(sending.IsCompleted);
        socket.Abort();
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(async () => await sending);
        Assert.Equal(PopcornError.ConnectionLost, e.Error);
        Assert.Null(e.Refusal);
    }

    [Fact]
    public async Task Parties_that_send_and_receive_at_once_never_wait_for_each_other()
    {
        var accepted = new TaskCompletionSource<WebSocketMessageChannel>();
        await using WebApplication host = await StartAsync((socket, done) =>
        {
            accepted.SetResult(new WebSocketMessageChannel(socket, "it"));
            return done;
        });
        await using var client = new WebSocketMessageChannel(await ConnectAsync(host), "the server");
        await BothWays.RunAsync(client, await accepted.Task.WaitAsync(Eventually.Patience));
    }

    /// <summary>A service that does something with each socket; what it is given ends when the service stops.</summary>
    private static async Task<WebApplication> StartAsync(Func<WebSocket, Task, Task> serve)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication host = builder.Build();
        var done = new TaskCompletionSource();
        host.Lifetime.ApplicationStopping.Register(done.SetResult);
        host.UseWebSockets();
        host.Run(async context => await serve(await context.WebSockets.AcceptWebSocketAsync(), done.Task));
        await host.StartAsync();
        return host;
    }

    private static async Task<ClientWebSocket> ConnectAsync(WebApplication host)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(host.Urls.First()) { Scheme = "ws" }.Uri, default);
        return socket;
    }
}
