using System.Buffers.Binary;
using System.Diagnostics;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>Two parties that within one step send without a pause while they receive.</summary>
internal static class BothWays
{
    private const int Messages = 256;

    /// <summary>Each sends 64 MB in the longest messages that there are, and receives as much.</summary>
    public static async Task RunAsync(IMessageChannel client, IMessageChannel server)
    {
        using var resources = new ServerResources();
        var session = new SessionResources(resources, resources.NewAccount(), threads: 0);
        using (var pace = new SessionPace(session, default))
        {
            await Task.WhenAll(
                Task.Run(() => PlayAsync(client, pace: null)), Task.Run(() => PlayAsync(server, pace)))
                .WaitAsync(2 * Eventually.Patience);
        }

        Assert.Equal((0, 0), (resources.Use.Computing, resources.Use.ComputeWaiting));
    }

    private static async Task PlayAsync(IMessageChannel channel, SessionPace? pace)
    {
        var connection = new Connection(channel);
        using var receiver = new ReceiveTimeout(connection, Eventually.Patience, default);
        var exchange = new StepExchange(connection, receiver, null, plan: null, default, pace);
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Task.Run(SendAsync), Task.Run(ReceiveAsync));
        TimeSpan elapsed = clock.Elapsed;

        const long Payload = (long)Messages * Plan.MaxPayloadBytes;
        Assert.InRange(connection.Use.BytesSent, Payload, Payload + 32 * Messages);
        Assert.Equal(connection.Use.BytesSent, connection.Use.BytesReceived);

        // Waits side by side count once.
        Assert.InRange(connection.Use.Waited, TimeSpan.Zero, elapsed);

        async Task SendAsync()
        {
            for (int i = 0; i < Messages; i++)
            {
                var payload = new byte[Plan.MaxPayloadBytes];
                BinaryPrimitives.WriteInt32LittleEndian(payload, i);
                await exchange.SendAsync(0, i, payload);
            }
        }

        async Task ReceiveAsync()
        {
            for (int i = 0; i < Messages; i++)
            {
                ReadOnlyMemory<byte> payload = await exchange.ReceiveAsync(0, i);
                Assert.Equal(i, BinaryPrimitives.ReadInt32LittleEndian(payload.Span));
            }
        }
    }
}
