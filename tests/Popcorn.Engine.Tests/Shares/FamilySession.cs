using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Shares;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>Sessions of one family between two parties of a process.</summary>
internal static class FamilySession
{
    /// <summary>A model that the second family alone serves.</summary>
    public static ServedModel Serve(IntegerNetwork network) => Serve(network, new SharesFamily().Name);

    /// <summary>A model that a family alone serves.</summary>
    public static ServedModel Serve(IntegerNetwork network, string family) =>
        new("net", network, [Named(family)]);

    /// <summary>Its model in the second family.</summary>
    public static SharesServerModel Compile(IntegerNetwork network) =>
        new(network, PublicNetwork.From(network));

    /// <summary>Runs a session to its end, on both sides.</summary>
    public static async Task RunAsync(
        ServedModel model, Func<ClientSession, Task> use, Func<IMessageChannel, IMessageChannel>? through = null,
        ServerOptions? options = null, PaillierPrivateKey? key = null)
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = TestServer.ServeAsync(model, server, options);
        await using (ClientSession session = await OpenAsync(through?.Invoke(client) ?? client, model, key))
        {
            await use(session);
        }

        await serving;
    }

    /// <summary>Opens a session as the client.</summary>
    public static Task<ClientSession> OpenAsync(
        IMessageChannel channel, ServedModel model, PaillierPrivateKey? key = null, TimeSpan? patience = null) =>
        ClientSession.OpenAsync(
            channel, key ?? TestKeys.Key, "net",
            new ClientOptions
            {
                Families = [Named(model.Families[0].Name)],
                IdleTimeout = patience ?? Eventually.Patience,
            },
            default);

    private static Family Named(string name) => FamilyRegistry.All.Single(family => family.Name == name);
}
