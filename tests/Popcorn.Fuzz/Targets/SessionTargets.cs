using Google.Protobuf;
using Popcorn.Engine;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;

namespace Popcorn.Fuzz.Targets;

/// <summary>A whole session with a server that sends what the input says.</summary>
internal sealed class ClientSessionTarget : FuzzTarget
{
    private readonly Lazy<PaillierPrivateKey> _key = new(() => SessionRecorder.LoadKey());

    public override string Name => "client-session";

    public override int MostBytes => 1 << 18;

    public override int InputsOfTest => 4_000;

    public override IEnumerable<byte[]> Seeds() => Corpus();

    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        byte[] changed = Mutations.Sequence(input, other, random);

        // A client goes no further than a hash that is not its own plan's.
        return random.Next(2) == 0 ? changed : WithHash(changed);
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        var channel = new ScriptedChannel(Mutations.MessagesOf(input));
        RunAsync(channel).GetAwaiter().GetResult();
    }

    private async Task RunAsync(ScriptedChannel channel)
    {
        var options = new ClientOptions
        {
            DegreeOfParallelism = 1,
            Limits = new ClientLimits { MaxTraffic = 1 << 16, MaxMemory = 1 << 24 },
        };
        ClientSession session = await ClientSession.OpenAsync(
            channel, _key.Value, SessionRecorder.Model, options, default).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            for (int query = 0; query < 2; query++)
            {
                await session.InferAsync(new int[session.Input.Shape.Size], null, default).ConfigureAwait(false);
            }
        }
    }

    private byte[] WithHash(byte[] session)
    {
        byte[][] messages = [.. Mutations.MessagesOf(session)];
        try
        {
            Frame? frame = messages.Length == 0 ? null : Frame.Parser.ParseFrom(messages[0]);
            if (frame?.Welcome is Welcome welcome)
            {
                BlindedPlan plan = BlindedPlan.Create(
                    PublicNetworkCodec.Decode(welcome.Network), _key.Value.PublicKey.Bits);
                welcome.PlanHash = ByteString.CopyFrom(plan.Hash.Span);
                messages[0] = frame.ToByteArray();
            }
        }
        catch (Exception e) when (e is PopcornException or InvalidProtocolBufferException)
        {
            // It has no plan.
        }

        return Mutations.Joined(messages);
    }
}

/// <summary>A whole session with a client that sends what the input says.</summary>
internal sealed class ServerSessionTarget : FuzzTarget
{
    private readonly Lazy<ServedModel> _model = new(() => new ServedModel(SessionRecorder.Model, FuzzNetworks.Tiny));

    public override string Name => "server-session";

    public override int MostBytes => 1 << 18;

    public override int InputsOfTest => 4_000;

    public override IEnumerable<byte[]> Seeds() => Corpus();

    public override byte[] Mutate(byte[] input, byte[] other, Random random) =>
        Mutations.Sequence(input, other, random);

    public override void Run(ReadOnlySpan<byte> input)
    {
        var models = new ServedModels(_model.Value);
        new ServerSession(models, SessionRecorder.ServerOptions)
            .RunAsync(new ScriptedChannel(Mutations.MessagesOf(input)), default).GetAwaiter().GetResult();
    }
}

/// <summary>A peer that says some messages, whatever it is told, and then closes.</summary>
internal sealed class ScriptedChannel(IReadOnlyList<byte[]> messages) : IMessageChannel
{
    private int _next;

    public ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken) =>
        ValueTask.CompletedTask;

    public ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(_next < messages.Count ? messages[_next++] : null);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>Records sessions for the corpus, under a key of its own.</summary>
internal static class SessionRecorder
{
    /// <summary>The model's name.</summary>
    public const string Model = "net";

    private const int KeyBits = 512;

    private static readonly KeyOptions Insecure = new() { AllowInsecureSize = true };

    /// <summary>How the recorded server runs.</summary>
    public static ServerOptions ServerOptions { get; } =
        new() { KeyOptions = Insecure, MinimumKeyBits = KeyBits, DegreeOfParallelism = 1 };

    /// <summary>The key of the recorded sessions.</summary>
    public static PaillierPrivateKey LoadKey() => PaillierPrivateKey.Import(CorpusFiles.Key, Insecure);

    /// <summary>Writes a key and a session of two queries, and one of a query of two images.</summary>
    public static void Record()
    {
        Directory.CreateDirectory(CorpusFiles.Folder);
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(KeyBits, Insecure);
        File.WriteAllBytes(Path.Combine(CorpusFiles.Folder, "key.priv"), key.Export());
        (string, int[])[] sessions = [("two-queries", [1, 1]), ("two-images", [2])];
        foreach ((string name, int[] queries) in sessions)
        {
            RecordAsync(key, name, queries).GetAwaiter().GetResult();
        }
    }

    private static async Task RecordAsync(PaillierPrivateKey key, string name, int[] queries)
    {
        using var model = new ServedModel(Model, FuzzNetworks.Tiny);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        var models = new ServedModels(model);
        Task serving = Task.Run(() => new ServerSession(models, ServerOptions).RunAsync(server, default));
        var up = new List<byte[]>();
        var down = new List<byte[]>();
        var tape = new FrameFilter(client, (frame, isOut) => (isOut ? up : down).Add(frame.ToByteArray()));
        ClientSession session = await ClientSession.OpenAsync(
            tape, key, Model, new ClientOptions { DegreeOfParallelism = 1 }, default).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            foreach (int images in queries)
            {
                var input = new int[session.Input.Shape.Size];
                await session.InferAsync(
                    [.. Enumerable.Repeat<ReadOnlyMemory<int>>(input, images)], null, default).ConfigureAwait(false);
            }
        }

        await serving.ConfigureAwait(false);
        Write("client-session", down);
        Write("server-session", up);

        void Write(string target, List<byte[]> messages)
        {
            string folder = Path.Combine(CorpusFiles.Folder, target);
            Directory.CreateDirectory(folder);
            File.WriteAllBytes(Path.Combine(folder, name), Mutations.Joined(messages));
        }
    }
}
