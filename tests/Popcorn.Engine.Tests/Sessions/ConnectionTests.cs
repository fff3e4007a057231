using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Sessions;

public class ConnectionTests
{
    [Fact]
    public async Task Parties_that_send_and_receive_at_once_never_wait_for_each_other()
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        await BothWays.RunAsync(client, server);
    }

    [Fact]
    public async Task A_sender_learns_what_a_receiver_beside_it_was_told()
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        var connection = new Connection(client);
        ValueTask<Frame?> receiving = connection.TryReceiveAsync(default);
        await new Connection(server).TryFailAsync(new PopcornException(PopcornError.TooLarge, "Enough."));
        await server.DisposeAsync();
        var told = await Assert.ThrowsAsync<PopcornException>(() => receiving.AsTask());
        Assert.Contains("Enough.", told.Message, StringComparison.Ordinal);
        Assert.Equal(PopcornError.TooLarge, told.Error);
        var error = await Assert.ThrowsAsync<PopcornException>(
            () => connection.SendAsync(new Frame { Ready = new Ready() }, default).AsTask());
        Assert.Same(told, error);
    }

    [Fact]
    public async Task Tasks_of_one_session_never_have_two_turns()
    {
        using var resources = new ServerResources();
        var session = new SessionResources(resources, resources.NewAccount(), threads: 0);
        using (var pace = new SessionPace(session, default))
        {
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                for (int i = 0; i < 2000; i++)
                {
                    await pace.ResumeAsync();
                    Assert.InRange(resources.Use.Computing, 0, 1);
                    pace.Rest();
                }
            }))).WaitAsync(Eventually.Patience);
        }

        Assert.Equal((0, 0), (resources.Use.Computing, resources.Use.ComputeWaiting));
    }
}
