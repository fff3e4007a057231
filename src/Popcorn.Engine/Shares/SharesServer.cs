using Popcorn.Engine.Planning;
using Popcorn.Engine.Products;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Resources;
using Popcorn.Interop;
using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Engine.Shares;

/// <summary>The server's side of a connection: the client's key, and transfers.</summary>
internal sealed class SharesServer : ServerParty
{
    private readonly SharesServerModel _model;
    private readonly PartyOptions _options;
    private readonly PaillierPublicKey _key;
    private readonly SharesPlan _plan;
    private ShareTransfers? _transfers;
    private MemoryReservation? _memory;

    /// <param name="model">The model.</param>
    /// <param name="opening">The client's public key, and the proof of its modulus.</param>
    /// <param name="options">How the party works.</param>
    public SharesServer(SharesServerModel model, ReadOnlySpan<byte> opening, PartyOptions options)
    {
        _model = model;
        _options = options;
        (_key, _plan) = KeyOpening.Admit(opening, options, key => model.PlanFor(key.Bits, 1, key.Order));
    }

    public override ReadOnlyMemory<byte> Terms => _model.Terms;

    public override int KeyBits => _key.Bits;

    public override Plan PlanFor(int images) => _model.PlanFor(_key.Bits, images, _key.Order);

    public override async Task SetUpAsync(IExchange exchange)
    {
        _model.Prepare(_plan);
        (await RentTablesAsync(exchange.Cancellation).ConfigureAwait(false)).Dispose();
        _memory = await _options.Resources!.ReserveAsync(
            SharesMemory.OfTransfers(_plan), "a client's transfers", exchange.Cancellation).ConfigureAwait(false);
        _transfers = await ShareTransfers.SetUpAsync(Party.Server, _plan, exchange).ConfigureAwait(false);
    }

    public override async ValueTask<ServerQuery> NewQueryAsync(Plan plan, CancellationToken cancellationToken)
    {
        var own = (SharesPlan)plan;
        _model.Prepare(own);
        TableLease<KeyTables> lease = await RentTablesAsync(cancellationToken).ConfigureAwait(false);
        return new SharesServerQuery(_model, own, _transfers!, lease, _options.DegreeOfParallelism);
    }

    public override void Dispose()
    {
        _transfers?.Dispose();
        _memory?.Dispose();
        _key.Dispose();
    }

    /// <summary>Tables that all sessions under this modulus share; none is held between queries.</summary>
    private Task<TableLease<KeyTables>> RentTablesAsync(CancellationToken cancellationToken) =>
        KeyTables.RentAsync(_key, _plan, _options, cancellationToken);
}

/// <summary>The server's part in a query.</summary>
/// <param name="model">The model.</param>
/// <param name="plan">The plan.</param>
/// <param name="transfers">The connection's.</param>
/// <param name="lease">Tables under the client's key: held until all that needs them is done.</param>
/// <param name="threads">Threads at most; 0: one per core.</param>
internal sealed class SharesServerQuery(
    SharesServerModel model, SharesPlan plan, ShareTransfers transfers, TableLease<KeyTables> lease, int threads)
    : ServerQuery(plan)
{
    private readonly ValueStore<SecretArray<ulong>> _values = new(plan.Network);
    private readonly LocalSums _sums = new(plan.Layers, Party.Server);
    private readonly SecretArray<ulong>?[] _products = new SecretArray<ulong>?[plan.Network.Layers.Count];
    private readonly Queue<Tickets> _tickets = [];
    private SecretArray<ulong>? _board;
    private SecretArray<ulong>? _copy; // of what the next linear layer reads, exact
    private TableLease<KeyTables>? _lease = lease;
    private IExchange? _exchange;
    private int _chunk;
    private long _productsDone;

    public override long Products => _productsDone;

    private IExchange Exchange => _exchange!;

    private Execution Execution => new(threads, Exchange.Cancellation);

    /// <summary>Before the input is known: the layer on what the client sends, masked.</summary>
    public async Task MultiplyAsync(PackStep step)
    {
        PaillierPublicKey key = _lease!.Tables.Rerandomizer.Key;
        PackedLinear linear = step.Linear;
        using CiphertextBatch products = await ReceiveAndMultiplyAsync(step, key).ConfigureAwait(false);
        var mask = new SlotMask(linear.Widths, linear.Packing.Slots, key.PlaintextWords);
        var shares = new SecretArray<ulong>(checked(plan.Images * linear.OutputSize));
        _products[step.Layer] = shares;
        var elements = new int[linear.Packing.Slots];
        Chunking chunks = step.Down;
        for (int chunk = 0; chunk < chunks.Count; chunk++)
        {
            int first = chunks.FirstOf(chunk), count = chunks.ItemsIn(chunk);
            using SecretArray<ulong> masks = mask.Draw(count);
            for (int i = 0; i < count; i++)
            {
                linear.OutputsOf(first + i, elements);
                mask.TakeOff(elements, masks.Span.Slice(i * key.PlaintextWords, key.PlaintextWords), shares.Span);
            }

            mask.AddOffsets(masks.Span);
            Evaluator.AddPlain(masks.Span, key.PlaintextWords, products, first, count, Execution);
            _lease.Tables.Rerandomizer.Rerandomize(products, first, count, Execution);
            var bytes = new byte[checked(count * key.CiphertextBytes)];
            products.Export(first, count, bytes, Execution);
            await Exchange.SendAsync(step.Index, first, bytes).ConfigureAwait(false);
            Exchange.Report(step, chunks.EndOf(chunk), chunks.Items);
        }

        if (step == plan.Packs[^1])
        {
            FinishProducts();
        }
    }

    /// <summary>Before the input is known: what a comparison uses up.</summary>
    public async Task MakeTicketsAsync(TicketStep step)
    {
        int first = _chunk;
        _chunk += step.Chunks.Count;
        await transfers.MakeTicketsAsync(
            step, Exchange, plan.CotDemands, first,
            chunk => Task.FromResult(transfers.Transfers.Prepare(step.Round.Comparison, step.Chunks.ItemsIn(chunk))),
            _tickets.Enqueue).ConfigureAwait(false);
    }

    /// <summary>Takes its share of the input.</summary>
    public async Task ReceiveInputAsync(InputSharesStep step)
    {
        FinishProducts();
        ReadOnlyMemory<byte> message =
            await new StepMessages(Exchange, step.Index).ReceiveAsync(step.Bytes).ConfigureAwait(false);
        var shares = new SecretArray<ulong>(checked(plan.Images * step.Size));
        BitFields.FromBytes(message.Span, step.Form.Ring, shares.Span);
        _values.SetInput(shares);
    }

    /// <summary>A linear layer on shares: with what the client has of it, all of the layer.</summary>
    public void Apply(ApplyStep step)
    {
        SecretArray<ulong> masks = _products[step.Layer]!;
        int guard = plan.Layers.Rings.FormOf(step.Layer + 1).Guard;
        using SecretArray<ulong>? copy = _copy;
        _copy = null;
        SecretArray<ulong> source = copy ?? _values[plan.Network.Layers[step.Layer].Input];
        var result = new SecretArray<ulong>(masks.Length);
        int cores = threads == 0 ? Environment.ProcessorCount : threads;
        model.RingOf(step.Layer).Run(source.Span, plan.Images, result.Span, cores);
        Span<ulong> sums = result.Span, off = masks.Span;
        for (int i = 0; i < sums.Length; i++)
        {
            sums[i] = (sums[i] << guard) + off[i];
        }

        masks.Dispose();
        _products[step.Layer] = null;
        _values.Finish(step.Layer, result);
    }

    /// <summary>What needs no client.</summary>
    public void ApplyLocally(LocalShareStep step)
    {
        if (plan.Layers.RoundsOf(step.Layer) is { } rounds)
        {
            using SecretArray<ulong> board = NewBoard(step.Layer, rounds);
            FinishRounds(step.Layer, rounds, board);
            return;
        }

        SecretArray<ulong> result = _sums.Run(step.Layer, plan.Images, value => _values[value]);
        if (model.ConstantsOf(step.Layer) is { } constants)
        {
            Span<ulong> sums = result.Span;
            for (int i = 0; i < sums.Length; i++)
            {
                sums[i] += constants[i % constants.Length];
            }
        }

        _values.Finish(step.Layer, result);
    }

    /// <summary>Compares.</summary>
    public async Task CompareAsync(CompareSharesStep step)
    {
        TicketStep made = step.Tickets;
        LayerRounds rounds = plan.Layers.RoundsOf(made.Layer)!;
        if (step.IsFirst)
        {
            _board = NewBoard(made.Layer, rounds);
        }

        SecretArray<ulong> board = _board!;
        var numbers = new BoardNumbers(made.Round, rounds.Board);
        ulong[]? caps = model.CapsOf(made.Layer);
        int area = plan.Network.Layers[made.Layer].Output.Area;
        Tickets[] tickets = [.. Enumerable.Range(0, made.Chunks.Count).Select(_ => _tickets.Dequeue())];
        var comparisons = new Comparison[tickets.Length];
        try
        {
            ForChunks(made.Chunks, (chunk, first, count) =>
            {
                using var shares = new SecretArray<ulong>(made.Round.Comparison.Operation.Operands * count);
                numbers.Gather(board.Span, first, count, shares.Span);
                made.Round.AddTo(shares.Span);
                ulong[] ofItems = caps is null
                    ? []
                    : [.. Enumerable.Range(first, count).Select(item => caps[item / area % caps.Length])];
                comparisons[chunk] = Comparison.OfServer(tickets[chunk], shares.Span, ofItems);
            });
            await new StepMessages(Exchange, step.Index).RunAsync(comparisons).ConfigureAwait(false);
            ForChunks(made.Chunks, (chunk, first, count) =>
            {
                using var results = new SecretArray<ulong>(count);
                comparisons[chunk].CopyResults(results.Span);
                numbers.PutResults(results.Span, first, board.Span);
            });
        }
        finally
        {
            for (int chunk = 0; chunk < tickets.Length; chunk++)
            {
                comparisons[chunk]?.Dispose();
                tickets[chunk].Dispose();
            }
        }

        Exchange.Report(step, 1, 1);
        if (step.IsLast)
        {
            FinishRounds(made.Layer, rounds, board);
            board.Dispose();
            _board = null;
        }
    }

    /// <summary>Sends its shares of the logits.</summary>
    public async Task SendLogitsAsync(LogitSharesStep step)
    {
        byte[] message = BitFields.ToBytes(_values[plan.Network.Layers.Count].Span, step.Form.Ring);
        await new StepMessages(Exchange, step.Index).SendAsync(message).ConfigureAwait(false);
        Exchange.Report(step, 1, 1);
    }

    protected override Task RunAsync(PlanStep step, IExchange exchange)
    {
        _exchange = exchange;
        return ((SharesStep)step).ServeAsync(this);
    }

    protected override Task FinishPreparingAsync()
    {
        transfers.Trim();
        return Task.CompletedTask;
    }

    protected override void Release()
    {
        _values.Dispose();
        foreach (SecretArray<ulong>? products in _products)
        {
            products?.Dispose();
        }

        foreach (Tickets tickets in _tickets)
        {
            tickets.Dispose();
        }

        _tickets.Clear();
        _board?.Dispose();
        _copy?.Dispose();
        FinishProducts();
    }

    /// <summary>Chunks are worked on side by side: the client waits meanwhile.</summary>
    /// <param name="chunks">The chunks.</param>
    /// <param name="work">Takes a chunk, its first item and how many it has.</param>
    private void ForChunks(Chunking chunks, Action<int, int, int> work) => Execution.ForEach(
        chunks.Count, chunk => work(chunk, chunks.FirstOf(chunk), chunks.ItemsIn(chunk)));

    /// <summary>Tables are no longer needed.</summary>
    private void FinishProducts()
    {
        _lease?.Dispose();
        _lease = null;
    }

    private SecretArray<ulong> NewBoard(int layer, LayerRounds rounds)
    {
        SecretArray<ulong> source = _values[plan.Network.Layers[layer].Input];
        var board = new SecretArray<ulong>(checked(plan.Images * rounds.Board));
        BoardNumbers.Put(source.Span, plan.Images, board.Span, place: 0);
        return board;
    }

    private void FinishRounds(int layer, LayerRounds rounds, SecretArray<ulong> board)
    {
        bool isCopy = plan.Layers.Terms[layer] is PackedTerms;
        int size = isCopy ? rounds.Source : plan.Network.Layers[layer].Output.Size;
        var result = new SecretArray<ulong>(checked(plan.Images * size));
        BoardNumbers.Select(board.Span, rounds, plan.Images, result.Span);
        if (isCopy)
        {
            _copy = result;
        }
        else
        {
            _values.Finish(layer, result);
        }
    }

    private async Task<CiphertextBatch> ReceiveAndMultiplyAsync(PackStep step, PaillierPublicKey key)
    {
        PackedLinear linear = step.Linear;
        Packing packing = linear.Packing;
        int derived = linear.Blocks * packing.Derived.Count;
        using var sent = new CiphertextBatch(key, checked(linear.Sent + derived));
        Chunking chunks = step.Up;
        for (int chunk = 0; chunk < chunks.Count; chunk++)
        {
            int first = chunks.FirstOf(chunk), count = chunks.ItemsIn(chunk);
            ReadOnlyMemory<byte> bytes = await Exchange.ReceiveAsync(step.Index, first).ConfigureAwait(false);
            if (bytes.Length != count * key.CiphertextBytes)
            {
                throw new PopcornException(
                    PopcornError.Protocol,
                    $"The client sent {bytes.Length} bytes instead of {count} ciphertexts for '{step.Name}'; refused.");
            }

            sent.Import(bytes.Span, first, count, Execution);
            Exchange.Report(step, 0, step.Down.Items);
        }

        long products = 0;
        if (derived > 0)
        {
            Term[] terms = [.. Enumerable.Range(0, linear.Blocks).SelectMany(block => packing.Derived.Select(of =>
                new Term(1, 0, (block * packing.Sent) + of.Sent, of.Slots * linear.Widths.Pitch)))];
            int[] rows = [.. Enumerable.Range(0, terms.Length + 1)];
            products += Evaluator.Combine([sent], terms, rows, sent, linear.Sent, Execution);
        }

        CiphertextBatch core = RunCore(step, key, sent, ref products);
        _productsDone += products;
        return core;
    }

    private CiphertextBatch RunCore(PackStep step, PaillierPublicKey key, CiphertextBatch sent, ref long products)
    {
        PackedLinear linear = step.Linear;
        Packing packing = linear.Packing;
        CompiledLinear core = model.CoreOf(step);
        CiphertextBatch? placed = null;
        try
        {
            if (packing.CorePlaces is { } places)
            {
                int[] from = [.. Enumerable.Range(0, linear.Blocks).SelectMany(block => places.Select(place => place < 0
                    ? 0
                    : place < packing.Sent
                        ? (block * packing.Sent) + place
                        : linear.Sent + (block * packing.Derived.Count) + place - packing.Sent))];
                placed = new CiphertextBatch(key, from.Length);
                placed.Gather(sent, from);
            }

            CiphertextBatch output = core.Run(placed ?? sent, linear.Blocks, Execution, out long done);
            products += done;
            uint[]? factors = model.FactorsOf(step.Layer);
            if (packing.Joined(0) is null && factors is null)
            {
                return output;
            }

            using (output)
            {
                return Join(linear, factors, key, output, ref products);
            }
        }
        finally
        {
            placed?.Dispose();
        }
    }

    /// <summary>Joins the core's outputs, each times what its weights had in common.</summary>
    private CiphertextBatch Join(
        PackedLinear linear, uint[]? factors, PaillierPublicKey key, CiphertextBatch parts, ref long products)
    {
        Packing packing = linear.Packing;
        int outputsOfChannel = packing.CoreOutput.Size / packing.OutputChannels;
        var terms = new List<Term>();
        var rows = new List<int> { 0 };
        for (int ciphertext = 0; ciphertext < linear.Received; ciphertext++)
        {
            (int block, int own) = Math.DivRem(ciphertext, packing.Received);
            terms.AddRange((packing.Joined(own) ?? [(own, 0)]).Select(part => new Term(
                factors?[part.Output / outputsOfChannel] ?? 1, 0, (block * packing.CoreOutput.Size) + part.Output,
                part.Slots * linear.Widths.Pitch)));
            rows.Add(terms.Count);
        }

        var joined = new CiphertextBatch(key, linear.Received);
        products += Evaluator.Combine([parts], terms.ToArray(), rows.ToArray(), joined, 0, Execution);
        return joined;
    }
}
