using System.Numerics;
using Google.Protobuf;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Shares;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;
using Popcorn.Tests;
using Shape = Popcorn.Engine.Model.Shape;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>
/// One server for many clients: a model, its resources, and sessions that no time limit of theirs ends, so that what
/// ends them is what is tested.
/// </summary>
internal sealed class WatchedServer : IDisposable
{
    private static readonly IntegerNetwork Network = new SampleNetworks.Builder(new Random(3), new Shape(2, 8, 8))
        .Conv(6, 3, 1, 1, limit: 7).Relu().Conv(4, 3, 1, 1, limit: 7).Shift(8, 6).Square().Dense(8, limit: 7).Relu()
        .Dense(5).Build();

    private static readonly TimeSpan Never = TimeSpan.FromDays(1);

    private readonly PaillierPrivateKey _key;

    public WatchedServer(PaillierPrivateKey? key = null)
    {
        _key = key ?? TestKeys.Key;
        Plan = (SharesPlan)Model.PlanFor(TestKeys.Bits);
        Assert.True(Plan.Packs.Sum(step => step.Up.Count) > 4 && Plan.Tickets.Count > 2);
    }

    public ServedModel Model { get; } = new("net", Network, [new WatchedFamily()]);

    /// <summary>Room for all, on a machine of any size; tables stay.</summary>
    public ServerResources Resources { get; } = new(memoryBytes: 1L << 40, keepTables: Never);

    public SharesPlan Plan { get; }

    public static int[] Input(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, Network.Input.Shape.Size).Select(_ => random.Next(256))];
    }

    public static BigInteger[] Expected(int[] input) => new PlainEvaluator(Network).Run(input);

    /// <summary>Opens a session.</summary>
    /// <param name="client">What stands between the client and its channel.</param>
    /// <param name="server">What stands between the server and its channel.</param>
    public async Task<WatchedSession> OpenAsync(
        Func<IMessageChannel, IMessageChannel>? client = null, Func<IMessageChannel, IMessageChannel>? server = null)
    {
        (IMessageChannel clientEnd, IMessageChannel serverEnd) = MemoryChannel.CreatePair();
        WatchedParty? asks = null, serves = null;
        WatchedFamily.OnAdmit.Value = party => serves = party;
        ServerOptions options = TestServer.Options with
        {
            Resources = Resources,
            IdleTimeout = Never,
            StallTimeout = Never,
            HandshakeTimeout = Never,
        };
        Task serving = TestServer.ServeAsync(Model, server?.Invoke(serverEnd) ?? serverEnd, options);
        WatchedFamily.OnAdmit.Value = null;
        ClientSession session = await ClientSession.OpenAsync(
            client?.Invoke(clientEnd) ?? clientEnd, _key, Model.Name,
            new ClientOptions { Families = [new WatchedFamily(party => asks = party)], IdleTimeout = Never },
            default).WaitAsync(Eventually.Patience);
        return new WatchedSession(session, serving, asks!, serves!);
    }

    /// <summary>What a message of a step belongs to.</summary>
    public Moment? MomentOf(Frame frame)
    {
        if (frame.BodyCase != Frame.BodyOneofCase.Chunk || frame.Chunk.Step >= Plan.Steps.Count)
        {
            return null;
        }

        PlanStep step = Plan.Steps[(int)frame.Chunk.Step];
        return step.Phase == Phase.Online ? Moment.Query : (Moment)step.Lane;
    }

    public void Dispose()
    {
        Model.Dispose();
        Resources.Dispose();
    }
}

/// <summary>When a message is sent.</summary>
public enum Moment
{
    /// <summary>In the lane of ciphertexts.</summary>
    Ciphertexts = 0,

    /// <summary>In the lane of tickets.</summary>
    Tickets = 1,

    /// <summary>When the input is known.</summary>
    Query,
}

/// <summary>Both ends of a session.</summary>
/// <param name="Client">The client's, to be used.</param>
/// <param name="Serving">The server's, until it ends.</param>
/// <param name="Asks">What the client holds.</param>
/// <param name="Serves">What the server holds.</param>
internal sealed record WatchedSession(
    ClientSession Client, Task Serving, WatchedParty Asks, WatchedParty Serves) : IAsyncDisposable
{
    /// <summary>A query, whose logits must be those of the network.</summary>
    public async Task InferAsync(int seed)
    {
        int[] input = WatchedServer.Input(seed);
        InferenceResult result = await Client.InferAsync(input, null, default).WaitAsync(Eventually.Patience);
        Assert.Equal(WatchedServer.Expected(input), result.Logits);
    }

    public Task PrepareAsync(CancellationToken cancellationToken = default) =>
        Client.PrepareAsync(cancellationToken: cancellationToken).WaitAsync(Eventually.Patience);

    /// <summary>How the server's session ends; it does so in time.</summary>
    public Task<Exception?> EndAsync() => Record.ExceptionAsync(() => Serving.WaitAsync(Eventually.Patience));

    /// <summary>The client leaves, and the server is done.</summary>
    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await EndAsync();
    }
}

/// <summary>A channel whose owner sends other messages than it means to.</summary>
/// <param name="inner">Where they go.</param>
/// <param name="rewrite">What goes in place of a message: it, others, more, none.</param>
internal sealed class FrameRewriter(IMessageChannel inner, Func<Frame, IEnumerable<Frame>> rewrite) : IMessageChannel
{
    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        foreach (Frame frame in rewrite(Frame.Parser.ParseFrom(message.Span)))
        {
            await inner.SendAsync(frame.ToByteArray(), cancellationToken);
        }
    }

    public ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken) =>
        inner.ReceiveAsync(cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
