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
        Task serving = TestServer.ServeAsync(model, server);
        var liar = new Liar(TestKeys.Key, Pixel);
        await using (ClientSession session = await ClientSession.OpenAsync(
            new FrameFilter(client, liar.Pass), TestKeys.Key, "net", new ClientOptions(), default))
        {
            liar.Layout = session.Plan.Steps.OfType<SquareStep>().Single().Layout;
            await session.InferAsync(new int[Inputs], null, default);
        }

        await serving;
        int[] column = [.. Enumerable.Range(0, Neurons).Select(neuron => weights[neuron * Inputs + Pixel])];
        Assert.Equal(column.Order(), liar.Read(Neurons).Order());
    }

    /// <summary>Sends one input of 2^k, far out of range and above all masks, and reads what comes back.</summary>
    private sealed class Liar(PaillierPrivateKey key, int pixel)
    {
        private BigInteger _plaintext;

        public SlotLayout? Layout { get; set; }

        private int Shift => Layout!.Fields.ItemBits * 7;

        public void Pass(Frame frame, bool isOut)
        {
            if (frame.Chunk is not Chunk chunk)
            {
                return;
            }

            using var one = new CiphertextBatch(key.PublicKey, 1);
            if (isOut && chunk.Step == 0)
            {
                byte[] payload = chunk.Payload.ToByteArray();
                using var encryptor = new Encryptor(key, new EncryptorOptions());
                encryptor.Encrypt([BigInteger.One << Shift], one);
                int bytes = key.PublicKey.CiphertextBytes;
                one.Export(0, 1, payload.AsSpan(pixel * bytes, bytes));
                chunk.Payload = ByteString.CopyFrom(payload);
            }
            else if (!isOut && _plaintext.IsZero)
            {
                one.Import(chunk.Payload.Span, 0, 1);
                _plaintext = new Decryptor(key).DecryptSigned(one)[0];
            }
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
    }
}
