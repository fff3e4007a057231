using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;
using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Engine.Shares;

/// <summary>The client's side of a connection: the key owner's encryption and decryption, and transfers.</summary>
internal sealed class SharesClient(PaillierPrivateKey key, PartyOptions options) : ClientParty
{
    private readonly CiphertextBatchPool _pool = new(key.PublicKey);
    private SharesPlan? _plan;
    private LayerTerms[]? _terms;
    private OwnerTables? _tables;
    private ShareTransfers? _transfers;

    public override ReadOnlyMemory<byte> Opening => KeyOpening.Of(key);

    public override Plan Agree(PublicNetwork network, ReadOnlySpan<byte> terms)
    {
        network.Validate();
        _terms = SharesTerms.Decode(ScaleMerging.Of(network), terms);
        return _plan = Create(ScaleMerging.Of(network), 1);
    }

    public override Plan PlanFor(int images) => images == 1 ? _plan! : Create(_plan!.Network, images);

    /// <remarks>The tables, transfers, shares of all values while a bundle is made, and its tickets.</remarks>
    public override long MemoryOf(Plan plan) =>
        TableSize.BytesOfClient(TablesFor(plan), key.PublicKey.Bits, key.PublicKey.Order)
        + SharesMemory.OfClient((SharesPlan)plan);

    public override async Task SetUpAsync(IExchange exchange)
    {
        _tables = OwnerTables.Rent(key, TablesFor(_plan!));
        _transfers = await ShareTransfers.SetUpAsync(Party.Client, _plan!, exchange).ConfigureAwait(false);
    }

    public override ClientQuery NewQuery(Plan plan) => new SharesClientQuery(
        (SharesPlan)plan, _transfers!,
        new ClientCiphertexts(_tables!, new Decryptor(key), _pool, options.DegreeOfParallelism));

    public override void Dispose()
    {
        _transfers?.Dispose();
        _tables?.Dispose();
        _pool.Dispose();
    }

    private SharesPlan Create(PublicNetwork network, int images) =>
        SharesPlan.Create(network, _terms!, key.PublicKey.Bits, key.PublicKey.Order, images);

    private EncryptorOptions TablesFor(Plan plan) =>
        TableSize.ForClient(plan, key.PublicKey.Bits, options.Profile, key.PublicKey.Order);
}

/// <summary>The client's work on ciphertexts.</summary>
/// <param name="Tables">The key owner's tables.</param>
/// <param name="Decryptor">The key owner's decryption.</param>
/// <param name="Pool">Recycles the batches that every message needs.</param>
/// <param name="Threads">Threads at most; 0: one per core.</param>
internal sealed record ClientCiphertexts(
    OwnerTables Tables, Decryptor Decryptor, CiphertextBatchPool Pool, int Threads)
{
    private PaillierPublicKey Key => Tables.Encryptor.Key;

    /// <summary>A message of packed shares.</summary>
    public byte[] Encrypt(
        PackedLinear linear, int first, int count, ReadOnlySpan<ulong> shares, CancellationToken cancellationToken)
    {
        using var words = new SecretArray<ulong>(checked(count * Key.PlaintextWords));
        var elements = new int[linear.Packing.Slots];
        for (int i = 0; i < count; i++)
        {
            linear.InputsOf(first + i, elements);
            SlotCoding.Write(
                linear.Widths, linear.Guard, elements, shares,
                words.Span.Slice(i * Key.PlaintextWords, Key.PlaintextWords));
        }

        var execution = new Execution(Threads, cancellationToken);
        using CiphertextBatch batch = Pool.Rent(count);
        Tables.Encryptor.Encrypt(words.Span, Key.PlaintextWords, batch, 0, count, execution);
        var bytes = new byte[checked(count * Key.CiphertextBytes)];
        batch.Export(0, count, bytes, execution);
        return bytes;
    }

    /// <summary>Shares out of a message.</summary>
    public void Decrypt(
        PackStep step, int first, int count, ReadOnlySpan<byte> message, Span<ulong> shares,
        CancellationToken cancellationToken)
    {
        if (message.Length != count * Key.CiphertextBytes)
        {
            throw new PopcornException(
                PopcornError.Protocol,
                $"The server sent {message.Length} bytes instead of {count} ciphertexts for '{step.Name}'; refused.");
        }

        var execution = new Execution(Threads, cancellationToken);
        using CiphertextBatch batch = Pool.Rent(count);
        batch.Import(message, 0, count, execution);
        using var words = new SecretArray<ulong>(checked(count * Key.PlaintextWords));
        Decryptor.Decrypt(batch, 0, count, words.Span, execution);
        var elements = new int[step.Linear.Packing.Slots];
        for (int i = 0; i < count; i++)
        {
            step.Linear.OutputsOf(first + i, elements);
            SlotCoding.Read(
                step.Linear.Widths, elements, words.Span.Slice(i * Key.PlaintextWords, Key.PlaintextWords), shares);
        }
    }
}

/// <summary>
/// The client's part in a query. All its shares are known before the input is; from preparation to query it keeps those
/// of the input and of the logits, and tickets.
/// </summary>
internal sealed class SharesClientQuery(SharesPlan plan, ShareTransfers transfers, ClientCiphertexts ciphertexts)
    : ClientQuery(plan)
{
    private readonly ClientShares _shares = new(plan);
    private readonly Queue<Tickets> _tickets = [];
    private readonly List<BigInteger> _logits = [];
    private SecretArray<int>? _input;
    private SecretArray<ulong>? _ofInput;
    private SecretArray<ulong>? _ofLogits;
    private Task? _sending;
    private IExchange? _exchange;
    private int _chunk;

    protected override IReadOnlyList<BigInteger> Logits => _logits;

    private IExchange Exchange => _exchange!;

    /// <summary>Before the input is known: takes a layer's products, while the shares of later ones are sent.</summary>
    public async Task TakeProductsAsync(PackStep step)
    {
        _sending ??= Task.Run(SendSharesAsync);
        try
        {
            SecretArray<ulong> shares = _shares.NewProducts(step.Linear.OutputSize);
            for (int chunk = 0; chunk < step.Down.Count; chunk++)
            {
                int first = step.Down.FirstOf(chunk), count = step.Down.ItemsIn(chunk);
                ReadOnlyMemory<byte> message = await ReceiveProductsAsync(step.Index, first).ConfigureAwait(false);
                ciphertexts.Decrypt(step, first, count, message.Span, shares.Span, Exchange.Cancellation);
                Exchange.Report(step, step.Down.EndOf(chunk), step.Down.Items);
            }

            _shares.Complete(step.Layer + 1, shares);
        }
        catch
        {
            // What is being sent reads the shares: they are wiped only when it has ended, which it does as the
            // connection fails.
            _shares.Fail();
            await _sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    /// <summary>Before the input is known: what a comparison uses up.</summary>
    public async Task MakeTicketsAsync(TicketStep step)
    {
        var numbers = new BoardNumbers(step.Round, plan.Layers.RoundsOf(step.Layer)!.Board);
        int first = _chunk;
        _chunk += step.Chunks.Count;
        await transfers.MakeTicketsAsync(
            step, Exchange, plan.CotDemands, first,
            async chunk => Prepare(step, chunk, numbers, await _shares.BoardOf(step.Layer).ConfigureAwait(false)),
            _tickets.Enqueue).ConfigureAwait(false);
    }

    /// <summary>Sends the input less its share.</summary>
    public async Task SendInputAsync(InputSharesStep step)
    {
        using SecretArray<ulong> own = _ofInput!;
        _ofInput = null;
        Span<ulong> masked = own.Span;
        for (int i = 0; i < masked.Length; i++)
        {
            masked[i] = (ulong)(long)_input!.Span[i] - masked[i];
        }

        byte[] message = BitFields.ToBytes(masked, step.Form.Ring);
        await new StepMessages(Exchange, step.Index).SendAsync(message).ConfigureAwait(false);
    }

    /// <summary>Compares.</summary>
    public async Task CompareAsync(CompareSharesStep step)
    {
        var comparisons = new List<Comparison>();
        try
        {
            for (int chunk = 0; chunk < step.Tickets.Chunks.Count; chunk++)
            {
                comparisons.Add(Comparison.OfClient(_tickets.Dequeue()));
            }

            await new StepMessages(Exchange, step.Index).RunAsync(comparisons).ConfigureAwait(false);
        }
        finally
        {
            comparisons.ForEach(comparison => comparison.Dispose());
        }

        Exchange.Report(step, 1, 1);
    }

    /// <summary>Takes the server's shares of the logits.</summary>
    public async Task TakeLogitsAsync(LogitSharesStep step)
    {
        ReadOnlyMemory<byte> message =
            await new StepMessages(Exchange, step.Index).ReceiveAsync(step.Bytes).ConfigureAwait(false);
        using var shares = new SecretArray<ulong>(_ofLogits!.Length);
        BitFields.FromBytes(message.Span, step.Form.Ring, shares.Span);
        int unused = 64 - step.Form.Ring;
        for (int i = 0; i < shares.Length; i++)
        {
            _logits.Add((long)((shares[i] + _ofLogits[i]) << unused) >> unused);
        }

        Exchange.Report(step, 1, 1);
    }

    public override void Dispose()
    {
        _shares.Dispose();
        _ofInput?.Dispose();
        _ofLogits?.Dispose();
        foreach (Tickets tickets in _tickets)
        {
            tickets.Dispose();
        }

        _tickets.Clear();
    }

    /// <summary>Keeps of all shares those of input and logits.</summary>
    protected override async Task FinishPreparingAsync()
    {
        if (_sending is not null)
        {
            await _sending.ConfigureAwait(false);
        }

        transfers.Trim();
        _ofInput = await _shares.TakeAsync(0).ConfigureAwait(false);
        _ofLogits = await _shares.TakeAsync(plan.Network.Layers.Count).ConfigureAwait(false);
        _shares.Dispose();
    }

    protected override void SetInput(SecretArray<int> input) => _input = input;

    protected override Task RunAsync(PlanStep step, IExchange exchange)
    {
        _exchange = exchange;
        return ((SharesStep)step).AskAsync(this);
    }

    /// <summary>A message of products, unless what they are of cannot be sent: then the server has nothing to answer.
    /// </summary>
    private async Task<ReadOnlyMemory<byte>> ReceiveProductsAsync(int step, int first)
    {
        Task<ReadOnlyMemory<byte>> receiving = Exchange.ReceiveAsync(step, first).AsTask();
        await Task.WhenAny(receiving, _sending!).ConfigureAwait(false);
        if (_sending!.IsCompleted)
        {
            await _sending.ConfigureAwait(false);
        }

        return await receiving.ConfigureAwait(false);
    }

    private async Task SendSharesAsync()
    {
        var underWay = new Queue<PackStep>();
        long bytes = 0;
        foreach (PackStep step in plan.Packs)
        {
            while (underWay.TryPeek(out PackStep? oldest) && bytes + step.MessageBytes > SharesPlan.MostPackedBytes)
            {
                await _shares.Of(oldest.Layer + 1).ConfigureAwait(false);
                bytes -= underWay.Dequeue().MessageBytes;
            }

            underWay.Enqueue(step);
            bytes += step.MessageBytes;
            SecretArray<ulong> shares = await _shares.ReadBy(step.Layer).ConfigureAwait(false);
            for (int chunk = 0; chunk < step.Up.Count; chunk++)
            {
                int first = step.Up.FirstOf(chunk);
                byte[] message = ciphertexts.Encrypt(
                    step.Linear, first, step.Up.ItemsIn(chunk), shares.Span, Exchange.Cancellation);
                await Exchange.SendAsync(step.Index, first, message).ConfigureAwait(false);
            }
        }
    }

    private Preparation Prepare(TicketStep step, int chunk, BoardNumbers numbers, SecretArray<ulong> board)
    {
        int first = step.Chunks.FirstOf(chunk), count = step.Chunks.ItemsIn(chunk);
        using var operands = new SecretArray<ulong>(step.Round.Comparison.Operation.Operands * count);
        using var results = new SecretArray<ulong>(count);
        numbers.Gather(board.Span, first, count, operands.Span);
        numbers.TakeResults(board.Span, first, results.Span);
        return transfers.Transfers.Prepare(step.Round.Comparison, operands.Span, results.Span);
    }
}
