using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>A server at the other end of a channel in memory.</summary>
internal static class TestServer
{
    /// <summary>Takes the tests' key, and waits as long as a busy machine may take.</summary>
    public static ServerOptions Options { get; } = new()
    {
        KeyOptions = TestKeys.Options,
        MinimumKeyBits = 512,
        HandshakeTimeout = Eventually.Patience,
        IdleTimeout = Eventually.Patience,
    };

    /// <summary>Serves one connection to its end.</summary>
    public static Task ServeAsync(ServedModel model, IMessageChannel channel, ServerOptions? options = null) =>
        ServeAsync(new ServedModels(model), channel, options);

    /// <summary>The same of several models.</summary>
    public static async Task ServeAsync(ServedModels models, IMessageChannel channel, ServerOptions? options = null)
    {
        await using (channel)
        {
            await Task.Run(() => new ServerSession(models, options ?? Options).RunAsync(channel, default));
        }
    }
}
