using System.Numerics;
using Popcorn.Engine;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Hosting;
using Popcorn.Interop;

namespace Popcorn.EndToEnd.Tests;

/// <summary>
/// What is left in the memory of both parties after a query, of the numbers that blind it and of what the client
/// decrypted. A network without biases turns an image of zeros into zeros: the client then sees the server's masks and
/// the randomness of its carriers themselves, and can look for them.
/// </summary>
public sealed class WipingTests : IDisposable
{
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [MemoryFact]
    public async Task Nothing_that_blinds_or_was_decrypted_stays_in_memory()
    {
        string model = _files.Model("zeros.popcorn", Zeros());
        await using RunningServer server = await RunningServer.StartAsync(model);
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(2048);
        using var transcript = new Transcript();
        using MemoryImage open = await QueryAsync(server, key, transcript);
        await server.LogsAsync("the client left"); // the session has ended
        using var serverMemory = new MemoryImage($"{server.Id}");
        using var clientMemory = new MemoryImage("self");

        // The looking glass works: the server knows the key's modulus as long as the session lasts.
        var modulus = new ulong[33];
        Words.Write(key.PublicKey.Modulus, modulus);
        Assert.NotEqual(0, open.Count(modulus[..32]));

        // Only now is anything decrypted that is looked for.
        (List<ulong> blinding, List<ulong> plaintexts) = transcript.Secrets(key);
        Assert.InRange(blinding.Count, 150, 400);
        Assert.InRange(plaintexts.Count, 300, 5000);
        Assert.Equal(0, open.Count(blinding));
        Assert.Equal((0, 0), (serverMemory.Count(blinding), clientMemory.Count(plaintexts)));
    }

    /// <summary>Runs two queries; the server's memory while the session is open.</summary>
    private static async Task<MemoryImage> QueryAsync(
        RunningServer server, PaillierPrivateKey key, Transcript transcript)
    {
        await using WebSocketMessageChannel channel = await PopcornClient.ConnectAsync(new Uri(server.Url));
        await using ClientSession session = await ClientSession.OpenAsync(
            transcript.Over(channel), key, "zeros", new ClientOptions { Families = [new BlindedFamily()] }, default);
        transcript.Plan = (BlindedPlan)session.Plan;
        for (int i = 0; i < 2; i++)
        {
            InferenceResult result = await session.InferAsync(new int[36], null, default);
            Assert.All(result.Logits, logit => Assert.InRange(logit, -7 * 8, 7 * 8));
        }

        // The client has its logits before the server has put everything away.
        await server.LogsAsync("query done", times: 2);
        return new MemoryImage($"{server.Id}");
    }

    /// <summary>Every kind of round; all values are 0 until the sign, which makes them 1.</summary>
    private static IntegerNetwork Zeros()
    {
        var random = new Random(5);
        Shape features = new(2, 4, 4), pooled = new(2, 2, 2), row = new(8, 1, 1);
        LinearLayer Linear(int input, Shape output, Window window, int weights) => new(
            $"linear{input}", input, output, window, 1,
            [.. Enumerable.Range(0, weights).Select(_ => random.Next(1, 8) * (random.Next(2) == 0 ? 1 : -1))],
            new BigInteger[output.Channels]);
        return new IntegerNetwork(
            new InputDescription(new Shape(1, 6, 6), 0, 255, 1 / 255.0),
            [
                Linear(0, features, new Window(3, 3, 1, 1, 1, 1, 0, 0, 4, 4), 18),
                new ReluLayer("relu", 1, features),
                new MaxPoolLayer("pool", 2, pooled, new Window(2, 2, 2, 2, 1, 1, 0, 0, 2, 2), false),
                Linear(3, row, Window.Whole(2, 2), 64),
                new ClipLayer("clip", 4, row, [.. Enumerable.Repeat((BigInteger)1000, 8)]),
                Linear(5, row, Window.Whole(1, 1), 64),
                new SquareLayer("square", 6, row),
                new RescaleLayer("rescale", 7, row, 4),
                Linear(8, row, Window.Whole(1, 1), 64),
                new ShiftLayer("shift", 9, row, 5, 4),
                Linear(10, row, Window.Whole(1, 1), 64),
                new SignLayer("sign", 11, row),
                Linear(12, new Shape(3, 1, 1), Window.Whole(1, 1), 24),
            ],
            1);
    }

    private sealed class MemoryFactAttribute : FactAttribute
    {
        public MemoryFactAttribute() => Skip = OperatingSystem.IsLinux()
            ? null
            : "only Linux shows the memory of a process as a file";
    }

    /// <summary>Keeps what the server sent, encrypted as it is.</summary>
    private sealed class Transcript : IDisposable
    {
        private readonly List<Chunk> _chunks = [];

        public BlindedPlan? Plan { get; set; }

        public IMessageChannel Over(IMessageChannel channel) => new FrameFilter(channel, (frame, isOut) =>
        {
            if (!isOut && frame.Chunk is not null)
            {
                _chunks.Add(frame.Chunk);
            }
        });

        /// <summary>What it blinded with, and the words of all that the client decrypted.</summary>
        public (List<ulong> Blinding, List<ulong> Plaintexts) Secrets(PaillierPrivateKey key)
        {
            var blinding = new List<ulong>();
            var plaintexts = new List<ulong>();
            var decryptor = new Decryptor(key);
            foreach (Chunk chunk in _chunks)
            {
                if (Plan!.Steps[(int)chunk.Step] is not RoundStep step)
                {
                    continue;
                }

                using var batch = new CiphertextBatch(key.PublicKey, chunk.Payload.Length / 512);
                batch.Import(chunk.Payload.Span, 0, batch.Count);
                var words = new ulong[batch.Count * 32];
                decryptor.Decrypt(batch, 0, batch.Count, words);
                plaintexts.AddRange(words);
                int items = Math.Min(step.Chunks.PerChunk, step.Chunks.Items - (int)chunk.First);
                for (int i = 0; i < items; i++)
                {
                    ReadFields(step, words.AsSpan(i / step.Layout.ItemsPerCiphertext * 32, 32), i, blinding);
                }
            }

            plaintexts.AddRange(blinding);
            blinding.RemoveAll(IsCommon);
            plaintexts.RemoveAll(IsCommon);
            return (blinding, plaintexts);
        }

        public void Dispose() => _chunks.Clear();

        private static void ReadFields(RoundStep step, Span<ulong> packed, int item, List<ulong> blinding)
        {
            SlotFields fields = step.Layout.Fields;
            int slot = item % step.Layout.ItemsPerCiphertext;
            if (fields.MaskedBits > 0)
            {
                var mask = new ulong[Words.For(fields.MaskedBits)];
                Words.Extract(packed, step.Layout.MaskedShift(slot), fields.MaskedBits, mask);
                blinding.Add(mask[0]);
            }

            // Of x = 0 the carrier is ±σ. Of a clip's two only one is.
            if (fields.SignedFields == 1 && fields.SignedBits > 0)
            {
                var carrier = new ulong[Words.For(fields.SignedBits)];
                Words.Extract(packed, step.Layout.SignedShift(slot), fields.SignedBits, carrier);
                BigInteger sigma = BigInteger.Abs(Words.Read(carrier) - (BigInteger.One << (fields.SignedBits - 1)));
                blinding.Add((ulong)(sigma & ulong.MaxValue));
            }
        }

        /// <summary>Words that stand in any memory.</summary>
        private static bool IsCommon(ulong word) =>
            BitOperations.PopCount(word) < 12 || BitOperations.PopCount(~word) < 12 || word >> 40 == 0;
    }
}
