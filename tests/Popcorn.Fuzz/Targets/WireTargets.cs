using System.Security.Cryptography;
using System.Text.Json;
using Google.Protobuf;
using Popcorn.Engine;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Wire;
using Popcorn.Hosting;
using Popcorn.Interop;
using NetworkMessage = Popcorn.Engine.Model.Messages.PublicNetwork;

namespace Popcorn.Fuzz.Targets;

/// <summary>A message of either party.</summary>
internal sealed class FrameTarget : FuzzTarget
{
    public override string Name => "frame";

    public override int InputsOfTest => 30_000;

    public override int MostBytes => 1 << 19;

    public override IEnumerable<byte[]> Seeds() =>
        CorpusFiles.Of("client-session").Concat(CorpusFiles.Of("server-session"))
            .SelectMany(session => Mutations.MessagesOf(session)).Concat(Corpus());

    public override byte[] Mutate(byte[] input, byte[] other, Random random) =>
        Mutations.Message(input, other, random);

    public override void Run(ReadOnlySpan<byte> input) => MessageCodec.Decode(input.ToArray());
}

/// <summary>What a server says of its network, and the plan that a client makes of it.</summary>
internal sealed class NetworkTarget : FuzzTarget
{
    private const int KeyBits = 2048;

    public override string Name => "network";

    public override IEnumerable<byte[]> Seeds() =>
        FuzzNetworks.All.Select(network => PublicNetworkCodec.Encode(PublicNetwork.From(network)).ToByteArray())
            .Concat(Corpus());

    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        byte[] result = input;
        for (int changes = random.Next(1, 6); changes > 0; changes--)
        {
            result = random.Next(2) == 0 ? Grown(result, random) : Mutations.Message(result, other, random);
        }

        return result;
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        NetworkMessage message;
        try
        {
            message = BoundedMessage.Parse(
                NetworkMessage.Parser, NetworkMessage.Descriptor, input, PublicNetworkCodec.MaxMessages);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new PopcornException("Malformed.", e);
        }

        PublicNetwork network = PublicNetworkCodec.Decode(message);
        Plan plan = BlindedPlan.Create(network, KeyBits);
        if (plan.Cost.BytesUp < 0 || plan.Cost.BytesDown <= 0 || plan.Rounds < 1)
        {
            throw new InvalidOperationException("A plan costs less than nothing.");
        }
    }

    /// <summary>A network of other sizes that still fit each other, most of the time: what random changes seldom do.
    /// </summary>
    private static byte[] Grown(byte[] input, Random random)
    {
        try
        {
            PublicNetwork network = PublicNetworkCodec.Decode(NetworkMessage.Parser.ParseFrom(input));
            Shape start = network.Input.Shape;
            int side = 1 << random.Next(13);
            var shape = new Shape(
                random.Next(2) == 0 ? start.Channels : 1 << random.Next(20),
                random.Next(2) == 0 ? start.Height : side, random.Next(2) == 0 ? start.Width : side);
            var layers = new List<PublicLayer>();
            Shape current = shape;
            for (int count = random.Next(1, 1 << random.Next(1, 9)); count > 0; count--)
            {
                PublicLayer layer = LayerOn(current, layers.Count, random);
                layers.Add(layer);
                current = layer.Output;
            }

            return PublicNetworkCodec.Encode(
                network with { Input = network.Input with { Shape = shape }, Layers = layers }).ToByteArray();
        }
        catch (Exception e) when (e is PopcornException or InvalidProtocolBufferException)
        {
            return input;
        }
    }

    private static PublicLayer LayerOn(Shape source, int input, Random random)
    {
        LayerKind kind = random.GetItems(Enum.GetValues<LayerKind>(), 1)[0];
        int bits = random.Next(1, 1 << random.Next(1, 12));
        switch (kind)
        {
            case LayerKind.MaxPool or LayerKind.MaxPoolRelu or LayerKind.Linear:
                int kernelHeight = 1 + random.Next(Math.Min(source.Height, 1 << random.Next(10)));
                int kernelWidth = 1 + random.Next(Math.Min(source.Width, 1 << random.Next(10)));
                int stride = random.Next(1, 4);
                var window = new Window(
                    kernelHeight, kernelWidth, stride, stride, 1, 1, 0, 0, (source.Height - kernelHeight) / stride + 1,
                    (source.Width - kernelWidth) / stride + 1);
                int channels = kind == LayerKind.Linear ? 1 << random.Next(10) : source.Channels;
                return new PublicLayer(
                    kind, input, new Shape(channels, window.OutputHeight, window.OutputWidth), window,
                    kind == LayerKind.Linear ? 1 : 0, bits);
            case LayerKind.Add:
                return new PublicLayer(kind, input, source, null, 0, bits) { OtherInputs = [input] };
            case LayerKind.Concat:
                return new PublicLayer(kind, input, source with { Channels = 2 * source.Channels }, null, 0, bits)
                {
                    OtherInputs = [input],
                };
            case LayerKind.Relu or LayerKind.Square or LayerKind.Sign or LayerKind.Clip or LayerKind.Rescale
                or LayerKind.Shift:
                return new PublicLayer(kind, input, source, null, 0, bits)
                {
                    Shift = kind is LayerKind.Rescale or LayerKind.Shift ? random.Next(1, 30) : 0,
                    SaturationBits = kind == LayerKind.Shift ? random.Next(20) : 0,
                };
            default:
                throw new NotSupportedException($"No description of a layer of kind {kind}.");
        }
    }
}

/// <summary>What a server chose for the family.</summary>
internal sealed class TermsTarget : FuzzTarget
{
    private readonly Lazy<PaillierPrivateKey> _key = new(() => SessionRecorder.LoadKey());
    private readonly PublicNetwork _network = PublicNetwork.From(FuzzNetworks.Tiny);

    public override string Name => "terms";

    public override int InputsOfTest => 5_000;

    public override IEnumerable<byte[]> Seeds() => [[16, 0, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], .. Corpus()];

    public override void Run(ReadOnlySpan<byte> input)
    {
        using ClientParty party = new BlindedFamily().CreateClient(_key.Value, new PartyOptions(1));
        party.MemoryOf(party.Agree(_network, input));
    }
}

/// <summary>The list of models that a service publishes.</summary>
internal sealed class ModelListTarget : FuzzTarget
{
    private readonly PublicNetwork _network = PublicNetwork.From(FuzzNetworks.Tiny);

    public override string Name => "model-list";

    public override IReadOnlyList<byte[]> Words =>
    [
        .. new[]
        {
            "null", "[", "]", "{", "}", "\"", ",", "1e999", "-1", "2147483648", "\"name\":", "\"input\":",
            "\"layers\":", "\"inputOrder\":", "\"Bgr\"", "[]", "{}", "\\u0000", "\\ud800",
        }.Select(word => System.Text.Encoding.UTF8.GetBytes(word)),
    ];

    public override IEnumerable<byte[]> Seeds() =>
    [
        JsonSerializer.SerializeToUtf8Bytes(
            [ModelDescription.Of("tiny", _network), ModelDescription.Of("other", _network)],
            HostingJson.Default.ModelDescriptionArray),
        "[null]"u8.ToArray(), "null"u8.ToArray(), """[{"name":"a"}]"""u8.ToArray(),
        """[{"name":"a","input":[1,2,3],"layers":[null,{"kind":"x"}]}]"""u8.ToArray(), .. Corpus(),
    ];

    public override bool IsRefusal(Exception exception) => exception is PopcornException or JsonException;

    public override void Run(ReadOnlySpan<byte> input)
    {
        foreach (ModelDescription model in ServiceConnection.ReadModels(input))
        {
            try
            {
                model.RequireSame(_network);
            }
            catch (PopcornException)
            {
                // Another model, or one that is not described in full.
            }
        }
    }
}

/// <summary>Ciphertexts as either party imports them.</summary>
internal sealed class CiphertextsTarget : FuzzTarget
{
    private readonly Lazy<PaillierPrivateKey> _key = new(() => SessionRecorder.LoadKey());

    public override string Name => "ciphertexts";

    public override int InputsOfTest => 5_000;

    public override IEnumerable<byte[]> Seeds()
    {
        int bytes = _key.Value.PublicKey.CiphertextBytes;
        byte[] one = new byte[bytes], ones = new byte[3 * bytes];
        one[0] = 1;
        Array.Fill(ones, (byte)0x55);
        return [one, ones, new byte[bytes], .. Corpus()];
    }

    public override bool IsRefusal(Exception exception) => exception is PaillierException;

    public override byte[] Mutate(byte[] input, byte[] other, Random random) =>
        Mutations.InPlace(input, other, random);

    public override void Run(ReadOnlySpan<byte> input)
    {
        // As many as there are whole ones: how long a message must be is checked before.
        int bytes = _key.Value.PublicKey.CiphertextBytes;
        int count = Math.Min(input.Length / bytes, 16);
        using var batch = new CiphertextBatch(_key.Value.PublicKey, count);
        batch.Import(input[..(count * bytes)], 0, count, new Execution(1));
        new Decryptor(_key.Value).Decrypt(
            batch, 0, count, new ulong[count * _key.Value.PublicKey.PlaintextWords], new Execution(1));
    }
}

/// <summary>A batch as bytes, as it lies in a file.</summary>
internal sealed class BatchTarget : FuzzTarget
{
    private readonly Lazy<PaillierPrivateKey> _key = new(() => SessionRecorder.LoadKey());

    public override string Name => "batch";

    public override int InputsOfTest => 5_000;

    public override IEnumerable<byte[]> Seeds()
    {
        using var encryptor = new Encryptor(_key.Value);
        using CiphertextBatch one = encryptor.Encrypt([7L]), three = encryptor.Encrypt([1L, -2L, 3L]);
        return [one.ToBytes(), three.ToBytes(), .. Corpus()];
    }

    public override bool IsRefusal(Exception exception) => exception is PaillierException;

    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        byte[] changed = random.Next(4) == 0
            ? base.Mutate(input, other, random)
            : Mutations.InPlace(input, other, random);

        // Few changes get past the hash behind them.
        if (changed.Length >= SHA256.HashSizeInBytes && random.Next(4) != 0)
        {
            int end = changed.Length - SHA256.HashSizeInBytes;
            SHA256.HashData(changed.AsSpan(0, end), changed.AsSpan(end));
        }

        return changed;
    }

    public override void Run(ReadOnlySpan<byte> input) =>
        CiphertextBatch.FromBytes(_key.Value.PublicKey, input, new Execution(1)).Dispose();
}

/// <summary>A public key, as a client shows it to a server.</summary>
internal sealed class PublicKeyTarget : FuzzTarget
{
    public override string Name => "public-key";

    public override IEnumerable<byte[]> Seeds()
    {
        using PaillierPrivateKey key = SessionRecorder.LoadKey();
        return [key.PublicKey.Export(), .. Corpus()];
    }

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => random.Next(4) == 0
        ? base.Mutate(input, other, random)
        : Mutations.InPlace(input, other, random);

    public override bool IsRefusal(Exception exception) => exception is PaillierException;

    public override void Run(ReadOnlySpan<byte> input)
    {
        KeyOrder order = PaillierPublicKey.OrderAtStart(input);
        PaillierPublicKey.Import(input, new KeyOptions { AllowInsecureSize = true, Order = order }).Dispose();
    }
}

/// <summary>A private key, as it lies in a file.</summary>
internal sealed class PrivateKeyTarget : FuzzTarget
{
    public override string Name => "private-key";

    public override int InputsOfTest => 5_000;

    public override IEnumerable<byte[]> Seeds() => [CorpusFiles.Key, .. Corpus()];

    public override byte[] Mutate(byte[] input, byte[] other, Random random) => random.Next(4) == 0
        ? base.Mutate(input, other, random)
        : Mutations.InPlace(input, other, random);

    public override bool IsRefusal(Exception exception) => exception is PaillierException;

    public override void Run(ReadOnlySpan<byte> input)
    {
        KeyOrder order = PaillierPrivateKey.OrderAtStart(input);
        var options = new KeyOptions { AllowInsecureSize = true, Order = order };
        using PaillierPrivateKey key = PaillierPrivateKey.Import(input, options);
        key.PublicKey.Dispose();
    }
}
