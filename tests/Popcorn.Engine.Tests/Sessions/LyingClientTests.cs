using System.Numerics;
using Google.Protobuf;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>What docs/THREAT_MODEL.md says that the protocol does not prevent: kept true by doing it.</summary>
public class LyingClientTests
{
    [Fact]
    public async Task A_client_that_lies_reads_weights()
    {
        const int Inputs = 4, Neurons = 6, Pixel = 2;
        var random = new Random(11);
        int[] weights = [.. Enumerable.Range(0, Neurons * Inputs).Select(_ => random.Next(-7, 8))];
        Shape row = new(Neurons, 1, 1);
        var network = new IntegerNetwork(
            new InputDescription(new Shape(1, 2, 2), 0, 255, 1),
            [
                new LinearLayer("first", 0, row, Window.Whole(2, 2), 1, weights, new BigInteger[Neurons]),
                new SquareLayer("square", 1, row),
                new LinearLayer(
                    "last", 2, new Shape(2, 1, 1), Window.Whole(1, 1), 1,
                    [.. Enumerable.Range(0, 2 * Neurons).Select(_ => random.Next(-7, 8))], new BigInteger[2]),
            ],
            1);

        using var model = new ServedModel("net", network);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = new ServerSession(
            new Dictionary<string, ServedModel> { ["net"] = model },
            new ServerOptions
            {
                MinimumKeyBits = TestKeys.Key.PublicKey.Bits,
                KeyOptions = TestKeys.Options,
            }).RunAsync(server, default);
        var liar = new Liar(client, TestKeys.Key, Pixel);
        await using (ClientSession session = await ClientSession.OpenAsync(
            liar, TestKeys.Key, "net", new ClientOptions(), default))
        {
            liar.Layout = session.Plan.Steps.OfType<SquareStep>().Single().Layout;
            await session.InferAsync(new int[Inputs], null, default);
        }

        await serving;
        int[] column = [.. Enumerable.Range(0, Neurons).Select(neuron => weights[neuron * Inputs + Pixel])];
        Assert.Equal(column.Order(), liar.Read(Neurons).Order());
    }

    /// <summary>Sends one input of 2^k, far out of range and above all masks, and reads what comes back.</summary>
    private sealed class Liar(IMessageChannel inner, PaillierPrivateKey key, int pixel) : IMessageChannel
    {
        private BigInteger _plaintext;

        public SlotLayout? Layout { get; set; }

        private int Shift => Layout!.Fields.ItemBits * 7;

        public ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
        {
            Frame frame = Frame.Parser.ParseFrom(message.Span);
            if (frame.Chunk is { Step: 0 } chunk)
            {
                byte[] payload = chunk.Payload.ToByteArray();
                using var encryptor = new Encryptor(key, new EncryptorOptions());
                using var lie = new CiphertextBatch(key.PublicKey, 1);
                encryptor.Encrypt([BigInteger.One << Shift], lie);
                int bytes = key.PublicKey.CiphertextBytes;
                lie.Export(0, 1, payload.AsSpan(pixel * bytes, bytes));
                frame.Chunk.Payload = ByteString.CopyFrom(payload);
            }

            return inner.SendAsync(frame.ToByteArray(), cancellationToken);
        }

        public async ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken)
        {
            byte[]? message = await inner.ReceiveAsync(cancellationToken);
            if (message is not null && _plaintext.IsZero && Frame.Parser.ParseFrom(message).Chunk is Chunk chunk)
            {
                using var batch = new CiphertextBatch(key.PublicKey, 1);
                batch.Import(chunk.Payload.Span, 0, 1);
                _plaintext = new Decryptor(key).DecryptSigned(batch)[0];
            }

            return message;
        }

        /// <summary>Σ wᵢ·2^(slot i) stands above the masks.</summary>
        public int[] Read(int neurons)
        {
            var weights = new int[neurons];
            int bits = Layout!.Fields.ItemBits;
            BigInteger rest = _plaintext >> Shift;
            for (int i = 0; i < neurons; i++)
            {
                BigInteger digit = rest & ((BigInteger.One << bits) - 1);
                digit -= digit >> (bits - 1) << bits;
                weights[i] = (int)digit;
                rest = (rest - digit) >> bits;
            }

            return weights;
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
