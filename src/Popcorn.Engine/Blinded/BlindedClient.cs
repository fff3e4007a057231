using System.Buffers.Binary;
using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>The client's side of a connection: the key owner's encryption and decryption.</summary>
internal sealed class BlindedClient(PaillierPrivateKey key, PartyOptions options) : ClientParty
{
    private readonly CiphertextBatchPool _pool = new(key.PublicKey);
    private BlindedPlan? _plan;
    private OwnerTables? _tables;

    public override ReadOnlyMemory<byte> Opening => KeyOpening.Of(key);

    public override Plan Agree(PublicNetwork network, ReadOnlySpan<byte> terms)
    {
        if (terms.Length != sizeof(int))
        {
            throw new PopcornException(
                PopcornError.Protocol, "The server did not say how long its messages are; refused.");
        }

        return _plan = BlindedPlan.Create(
            network, key.PublicKey.Bits, chunkCiphertexts: BinaryPrimitives.ReadInt32LittleEndian(terms));
    }

    public override Plan PlanFor(int images) => images == 1
        ? _plan!
        : BlindedPlan.Create(_plan!.Network, _plan.KeyBits, images, _plan.ChunkCiphertexts);

    /// <remarks>
    /// The tables, a message and its answer, each as bytes and as ciphertexts, and what stands in the clear: input and
    /// logits.
    /// </remarks>
    public override long MemoryOf(Plan plan)
    {
        const int NumberOverhead = 64, Messages = 2, Forms = 2;
        PublicLayer last = plan.Network.Layers[^1];
        long logits = (long)plan.Images * last.Output.Size * (NumberOverhead + last.BoundBits / 8);
        long inputs = 2L * plan.Images * plan.Network.Input.Shape.Size * sizeof(int);
        long tables = TableSize.BytesOfClient(TablesFor(plan), key.PublicKey.Bits, key.PublicKey.Order);
        return tables + Messages * Forms * Plan.MaxPayloadBytes + inputs + logits;
    }

    public override Task SetUpAsync(IExchange exchange)
    {
        _tables = OwnerTables.Rent(key, TablesFor(_plan!));
        return Task.CompletedTask;
    }

    public override ClientQuery NewQuery(Plan plan) => new BlindedClientQuery(
        plan,
        new ClientContext(_tables!.Encryptor, new Decryptor(key), _pool, new Execution(options.DegreeOfParallelism)));

    public override void Dispose()
    {
        _tables?.Dispose();
        _pool.Dispose();
    }

    private EncryptorOptions TablesFor(Plan plan) =>
        TableSize.ForClient(plan, key.PublicKey.Bits, options.Profile, key.PublicKey.Order);
}

/// <summary>The client's part in a query. Between steps it holds nothing but the input and the logits.</summary>
internal sealed class BlindedClientQuery(Plan plan, ClientContext context) : ClientQuery(plan)
{
    private readonly ValueStore<SecretArray<int>> _values = new(plan.Network);
    private readonly List<BigInteger> _logits = [];
    private IExchange? _exchange;

    /// <summary>Key, tables, threads.</summary>
    public ClientContext Context => context;

    /// <summary>The way to the server.</summary>
    public IExchange Exchange => _exchange!;

    protected override IReadOnlyList<BigInteger> Logits => _logits;

    /// <summary>Sends the input, one ciphertext for each value.</summary>
    public async Task SendInputAsync(InputStep step)
    {
        for (int chunk = 0; chunk < step.Chunks.Count; chunk++)
        {
            int first = step.Chunks.FirstOf(chunk);
            byte[] ciphertexts = Encrypt(_values[0].Span.Slice(first, step.Chunks.ItemsIn(chunk)));
            await Exchange.SendAsync(step.Index, first, ciphertexts).ConfigureAwait(false);
            Exchange.Report(step, step.Chunks.EndOf(chunk), step.Chunks.Items);
        }
    }

    /// <summary>Takes in a message of packed logits.</summary>
    public void TakeLogits(OutputStep step, int chunk, ReadOnlySpan<byte> ciphertexts)
    {
        int items = step.Chunks.ItemsIn(chunk);
        int bits = step.Layout.Fields.SignedBits;
        using SecretArray<ulong> packed = context.Decrypt(step.Layout, items, ciphertexts, step.Name);
        using var field = new SecretArray<ulong>(Words.For(bits));
        BigInteger half = BigInteger.One << (bits - 1);
        for (int i = 0; i < items; i++)
        {
            int shift = step.Layout.SignedShift(i % step.Layout.ItemsPerCiphertext);
            Words.Extract(context.PlaintextOf(step.Layout, packed.Span, i), shift, bits, field.Span);
            _logits.Add(Words.Read(field.Span) - half);
        }
    }

    public override void Dispose() => _values.Dispose();

    protected override void SetInput(SecretArray<int> input) => _values.SetInput(input);

    protected override Task RunAsync(PlanStep step, IExchange exchange)
    {
        _exchange = exchange;
        return ((BlindedStep)step).AskAsync(this);
    }

    private byte[] Encrypt(ReadOnlySpan<int> values)
    {
        using var plaintexts = new SecretArray<ulong>(values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            plaintexts[i] = (ulong)(long)values[i];
        }

        return context.Encrypt(plaintexts.Span, wordsEach: 1);
    }
}

/// <summary>What the client's side of a query works with.</summary>
/// <param name="Encryptor">The key owner's tables.</param>
/// <param name="Decryptor">The key owner's decryption.</param>
/// <param name="Pool">Recycles the batches that every chunk needs.</param>
/// <param name="Execution">Degree of parallelism and cancellation.</param>
internal sealed record ClientContext(
    Encryptor Encryptor, Decryptor Decryptor, CiphertextBatchPool Pool, Execution Execution)
{
    private PaillierPublicKey Key => Encryptor.Key;

    /// <summary>The plaintexts of packed items, as words.</summary>
    /// <returns>The caller's to dispose.</returns>
    /// <exception cref="PopcornException">The message has the wrong length.</exception>
    public SecretArray<ulong> Decrypt(SlotLayout layout, int items, ReadOnlySpan<byte> ciphertexts, string step)
    {
        int count = layout.Ciphertexts(items);
        if (ciphertexts.Length != count * Key.CiphertextBytes)
        {
            throw new PopcornException(
                PopcornError.Protocol,
                $"The server sent {ciphertexts.Length} bytes instead of {count} ciphertexts for '{step}'; refused.");
        }

        using CiphertextBatch packed = Pool.Rent(count);
        packed.Import(ciphertexts, 0, count, Execution);
        var words = new SecretArray<ulong>(checked(count * Key.PlaintextWords));
        try
        {
            Decryptor.Decrypt(packed, 0, count, words.Span, Execution);
            return words;
        }
        catch
        {
            words.Dispose();
            throw;
        }
    }

    /// <summary>The plaintext that an item shares with others.</summary>
    public ReadOnlySpan<ulong> PlaintextOf(SlotLayout layout, ReadOnlySpan<ulong> packed, int item) =>
        packed.Slice(item / layout.ItemsPerCiphertext * Key.PlaintextWords, Key.PlaintextWords);

    /// <summary>Numbers of some words each, encrypted and ready to be sent.</summary>
    public byte[] Encrypt(ReadOnlySpan<ulong> words, int wordsEach)
    {
        int count = words.Length / wordsEach;
        using CiphertextBatch batch = Pool.Rent(count);
        Encryptor.Encrypt(words, wordsEach, batch, 0, count, Execution);
        var bytes = new byte[checked(count * Key.CiphertextBytes)];
        batch.Export(0, count, bytes, Execution);
        return bytes;
    }
}
