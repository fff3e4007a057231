using System.Numerics;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Blinded;

/// <summary>Plays the client, and notes what came and went in the order of travel.</summary>
/// <param name="plan">The plan.</param>
/// <param name="input">The client's input, encrypted.</param>
/// <param name="client">The client's key and tables.</param>
internal sealed class PlayedClient(BlindedPlan plan, CiphertextBatch input, ClientContext client) : IExchange
{
    private readonly Queue<byte[]> _answers = new();

    /// <summary>What the client's answers held.</summary>
    public string Order { get; private set; } = "";

    /// <summary>The packed plaintexts that the client saw of each round, with the number of items in them.</summary>
    public List<(RoundStep Step, BigInteger[] Plaintexts, int Items)> Seen { get; } = [];

    public BigInteger[] Logits { get; private set; } = [];

    public CancellationToken Cancellation => default;

    public ValueTask SendAsync(int step, int first, ReadOnlyMemory<byte> payload)
    {
        switch (plan.Steps[step])
        {
            case RoundStep round:
                int chunk = first / round.Chunks.PerChunk;
                Seen.Add((round, Open(payload.Span), round.Chunks.ItemsIn(chunk)));
                byte[] answer = round.Answer(client, chunk, payload.Span);
                Order += string.Join(',', Open(answer).Where((_, i) => i % round.RepliesPerItem == 0)) + ';';
                _answers.Enqueue(answer);
                break;
            case OutputStep output:
                BigInteger[] packed = Open(payload.Span);
                int bits = output.Layout.Fields.SignedBits;
                Logits = [.. Enumerable.Range(0, output.Chunks.Items).Select(i =>
                    (packed[i / output.Layout.ItemsPerCiphertext]
                        >> output.Layout.SignedShift(i % output.Layout.ItemsPerCiphertext))
                    % (BigInteger.One << bits) - (BigInteger.One << (bits - 1)))];
                break;
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int step, int first)
    {
        if (_answers.TryDequeue(out byte[]? answer))
        {
            return ValueTask.FromResult<ReadOnlyMemory<byte>>(answer);
        }

        var bytes = new byte[input.Count * TestKeys.Key.PublicKey.CiphertextBytes];
        input.Export(0, input.Count, bytes);
        return ValueTask.FromResult<ReadOnlyMemory<byte>>(bytes);
    }

    public Task RunSideBySideAsync(IReadOnlyList<Func<Task>> lanes) => throw new NotSupportedException();

    public void Report(PlanStep step, int done, int total)
    {
    }

    private BigInteger[] Open(ReadOnlySpan<byte> ciphertexts)
    {
        using var batch = new CiphertextBatch(
            TestKeys.Key.PublicKey, ciphertexts.Length / TestKeys.Key.PublicKey.CiphertextBytes);
        batch.Import(ciphertexts, 0, batch.Count);
        return client.Decryptor.DecryptSigned(batch);
    }
}
