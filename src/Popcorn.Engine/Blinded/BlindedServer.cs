using System.Buffers.Binary;
using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Products;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Resources;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>A model with its linear layers compiled.</summary>
internal sealed class BlindedServerModel : ServerModel
{
    /// <summary>Plans that are kept: few are common, and clients that try them all must not fill the memory.</summary>
    private const int PlansKept = 8;

    private readonly PublicNetwork _description;
    private readonly int _chunkCiphertexts;
    private readonly BlindedLinear?[] _linear;
    private readonly List<BlindedPlan> _plans = []; // the last asked for at the end

    public BlindedServerModel(IntegerNetwork network, PublicNetwork description, int chunkCiphertexts)
    {
        Network = network;
        _description = description;
        _chunkCiphertexts = chunkCiphertexts;
        _linear = new BlindedLinear?[network.Layers.Count];
        Parallel.For(0, _linear.Length, i => _linear[i] = Compile(network.Layers[i], network));
    }

    /// <summary>The network; secret.</summary>
    public IntegerNetwork Network { get; }

    public override BlindedPlan PlanFor(int keyBits, int images = 1, KeyOrder order = KeyOrder.Full)
    {
        BlindedPlan? plan;
        lock (_plans)
        {
            plan = _plans.Find(known => known.KeyBits == keyBits && known.Images == images);
            _plans.Remove(plan!);
        }

        // Large plans take a while; whoever asks for another one does not wait for them.
        plan ??= BlindedPlan.Create(_description, keyBits, images, _chunkCiphertexts);
        lock (_plans)
        {
            if (_plans.Count == PlansKept)
            {
                _plans.RemoveAt(0);
            }

            _plans.Add(plan);
            return plan;
        }
    }

    public override (string Strategy, double Products) Inspect(Plan plan, int layer)
    {
        if (_linear[layer] is BlindedLinear linear)
        {
            return (linear.Compiled.Strategy, linear.Compiled.Products);
        }

        RoundStep[] rounds = [.. plan.Steps.OfType<RoundStep>().Where(s => s.Layer == layer)];
        return (
            rounds.Length == 0
                ? Network.Layers[layer].Kind == LayerKind.Concat ? "side by side" : "nothing to compare"
                : $"{rounds.Length} round{(rounds.Length == 1 ? "" : "s")}, {rounds.Sum(r => r.Chunks.Items)} items, "
                    + $"{rounds[0].Layout.ItemsPerCiphertext} a ciphertext",
            0);
    }

    /// <remarks>The buffers of a linear layer follow from its weights.</remarks>
    public override long WorkBytes(Plan plan, int layer) =>
        base.WorkBytes(plan, layer) + plan.Images * (_linear[layer]?.Compiled.WorkSize ?? 0L)
            * PaillierLibrary.NumberBytes(((BlindedPlan)plan).KeyBits);

    public override ServerParty Admit(ReadOnlySpan<byte> opening, PartyOptions options) =>
        new BlindedServer(this, opening, options);

    public override void Dispose()
    {
        foreach (BlindedLinear? linear in _linear)
        {
            linear?.Dispose();
        }
    }

    /// <summary>What there is to compile of a layer.</summary>
    private static BlindedLinear? Compile(Layer layer, IntegerNetwork network) => layer.Kind switch
    {
        LayerKind.Linear => new BlindedLinear((LinearLayer)layer, network.ShapeOf(layer.Input)),
        LayerKind.Add => new BlindedLinear(AddStep.AsLinear((AddLayer)layer), AddStep.BothOf((AddLayer)layer)),
        LayerKind.Concat or LayerKind.Relu or LayerKind.MaxPool or LayerKind.MaxPoolRelu or LayerKind.Square
            or LayerKind.Sign or LayerKind.Clip or LayerKind.Rescale or LayerKind.Shift => null,
    };

    /// <summary>The compiled form of a linear layer, or of a sum over both its values with channels in turn.</summary>
    public BlindedLinear LinearAt(int layer) =>
        _linear[layer] ?? throw new InvalidOperationException($"Layer {layer} is not linear.");
}

/// <summary>A linear layer on one ciphertext for each element.</summary>
internal sealed class BlindedLinear : IDisposable
{
    private readonly int _biasWords; // of each output; 0 where all biases are zero
    private readonly ulong[] _bias = [];

    public BlindedLinear(LinearLayer layer, Shape input)
        : this(layer, input, LinearCompiler.Compile(layer, input))
    {
    }

    /// <param name="layer">The layer.</param>
    /// <param name="input">Shape of what it reads.</param>
    /// <param name="compiled">Its products, which are disposed with this.</param>
    public BlindedLinear(LinearLayer layer, Shape input, CompiledLinear compiled)
    {
        Compiled = compiled;
        BigInteger[] constants = layer.Constants(input);
        if (Array.TrueForAll(constants, c => c.IsZero))
        {
            return;
        }

        _biasWords = Words.CountFor(constants);
        int elementsEach = layer.Output.Size / constants.Length;
        _bias = new ulong[checked(layer.Output.Size * _biasWords)];
        for (int output = 0; output < layer.Output.Size; output++)
        {
            Words.Write(constants[output / elementsEach], _bias.AsSpan(output * _biasWords, _biasWords));
        }
    }

    /// <summary>Its products.</summary>
    public CompiledLinear Compiled { get; }

    /// <summary>Applies the layer.</summary>
    /// <param name="input">The input, image by image.</param>
    /// <param name="images">Images in it.</param>
    /// <param name="context">Key and threads.</param>
    /// <returns>A new batch, which the caller disposes.</returns>
    public CiphertextBatch Run(CiphertextBatch input, int images, ServerContext context)
    {
        CiphertextBatch output = Compiled.Run(input, images, context.Execution, out long products);
        context.Counter.Add(products);
        for (int image = 0; image < images && _biasWords > 0; image++)
        {
            Evaluator.AddPlain(
                _bias, _biasWords, output, image * Compiled.Outputs, Compiled.Outputs, context.Execution);
        }

        return output;
    }

    public void Dispose() => Compiled.Dispose();
}

/// <summary>The server's side of a connection: re-randomisation under the client's modulus.</summary>
internal sealed class BlindedServer : ServerParty
{
    private readonly BlindedServerModel _model;
    private readonly PartyOptions _options;
    private readonly PaillierPublicKey _key;
    private readonly BlindedPlan _plan;

    /// <param name="model">The model.</param>
    /// <param name="opening">The client's public key, and the proof of its modulus.</param>
    /// <param name="options">How the party works.</param>
    public BlindedServer(BlindedServerModel model, ReadOnlySpan<byte> opening, PartyOptions options)
    {
        _model = model;
        _options = options;
        (_key, _plan) = KeyOpening.Admit(opening, options, key => model.PlanFor(key.Bits));
        var terms = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(terms, _plan.ChunkCiphertexts);
        Terms = terms;
    }

    public override ReadOnlyMemory<byte> Terms { get; }

    public override int KeyBits => _key.Bits;

    public override Plan PlanFor(int images) => _model.PlanFor(_key.Bits, images);

    public override async Task SetUpAsync(IExchange exchange) =>
        (await RentTablesAsync(exchange.Cancellation).ConfigureAwait(false)).Dispose();

    public override async ValueTask<ServerQuery> NewQueryAsync(Plan plan, CancellationToken cancellationToken)
    {
        TableLease<KeyTables> lease = await RentTablesAsync(cancellationToken).ConfigureAwait(false);
        Rerandomizer rerandomizer = lease.Tables.Rerandomizer;
        return new BlindedServerQuery(
            _model, (BlindedPlan)plan, rerandomizer, new CiphertextBatchPool(rerandomizer.Key),
            _options.DegreeOfParallelism, lease);
    }

    public override void Dispose() => _key.Dispose();

    /// <summary>Tables that all sessions under this modulus share; none is held between queries.</summary>
    private Task<TableLease<KeyTables>> RentTablesAsync(CancellationToken cancellationToken) =>
        KeyTables.RentAsync(_key, _plan, _options, cancellationToken);
}

/// <summary>The server's part in a query: the plan's steps over encrypted values.</summary>
/// <param name="model">The model.</param>
/// <param name="plan">The plan.</param>
/// <param name="rerandomizer">Hides how a ciphertext was made.</param>
/// <param name="pool">Recycles batches; disposed with the query.</param>
/// <param name="threads">Threads at most; 0: one per core.</param>
/// <param name="lease">What the query needs as long as it lives; disposed with it.</param>
internal sealed class BlindedServerQuery(
    BlindedServerModel model, BlindedPlan plan, Rerandomizer rerandomizer, CiphertextBatchPool pool, int threads,
    IDisposable? lease = null)
    : ServerQuery(plan)
{
    private readonly ProductCounter _counter = new();
    private ServerContext? _context;
    private IExchange? _exchange;
    private CiphertextBatch? _unfinished;

    /// <summary>The model.</summary>
    public BlindedServerModel Model => model;

    /// <summary>Encrypted values.</summary>
    public ValueStore<CiphertextBatch> Values { get; } = new(plan.Network);

    /// <summary>The tournament that is being played, between its rounds.</summary>
    public TournamentPlayers? Players { get; set; }

    /// <summary>See <see cref="SplitRound.Quotients"/>; between the two rounds of a shift.</summary>
    public CiphertextBatch? Quotients { get; set; }

    /// <summary>Draws all blinding.</summary>
    public SecretRandom Random { get; } = new();

    /// <summary>Key, tables, threads.</summary>
    public ServerContext Context => _context!;

    /// <summary>The way to the client.</summary>
    public IExchange Exchange => _exchange!;

    public override long Products => _counter.Total;

    /// <summary>What the layer's step before left, or else what the layer reads, or reads first.</summary>
    public CiphertextBatch InputOf(PlanStep step) => _unfinished ?? Values[Plan.Network.Layers[step.Layer].Input];

    /// <summary>Keeps what a step made: the layer's output, or what its next step goes on with.</summary>
    public void Finish(PlanStep step, CiphertextBatch result)
    {
        _unfinished?.Dispose();
        _unfinished = null;
        if (Plan.Steps[step.Index + 1].Layer == step.Layer)
        {
            _unfinished = result;
        }
        else
        {
            Values.Finish(step.Layer, result);
        }
    }

    /// <summary>Takes in the client's input.</summary>
    public async Task ReceiveInputAsync(InputStep step)
    {
        var input = new CiphertextBatch(rerandomizer.Key, step.Chunks.Items);
        Values.SetInput(input);
        for (int chunk = 0; chunk < step.Chunks.Count; chunk++)
        {
            int first = step.Chunks.FirstOf(chunk);
            int count = step.Chunks.ItemsIn(chunk);
            ReadOnlyMemory<byte> bytes = await Exchange.ReceiveAsync(step.Index, first).ConfigureAwait(false);
            if (bytes.Length != count * rerandomizer.Key.CiphertextBytes)
            {
                throw new PopcornException(
                    PopcornError.Protocol,
                    $"The input from {first} on has {bytes.Length} bytes instead of {count} ciphertexts; refused.");
            }

            input.Import(bytes.Span, first, count, Context.Execution);
            Exchange.Report(step, first + count, step.Chunks.Items);
        }
    }

    protected override void Release()
    {
        Values.Dispose();
        Players?.Dispose();
        Quotients?.Dispose();
        _unfinished?.Dispose();
        Random.Dispose();
        pool.Dispose();
        lease?.Dispose();
    }

    protected override Task RunAsync(PlanStep step, IExchange exchange)
    {
        _exchange = exchange;
        _context ??= new ServerContext(rerandomizer, pool, new Execution(threads, exchange.Cancellation), _counter);
        return ((BlindedStep)step).ServeAsync(this);
    }
}

/// <summary>What the server's side of a query works with.</summary>
/// <param name="Rerandomizer">Hides how a ciphertext was made.</param>
/// <param name="Pool">Recycles the batches that every chunk needs.</param>
/// <param name="Execution">Degree of parallelism and cancellation.</param>
/// <param name="Counter">Products done so far in this query.</param>
internal sealed record ServerContext(
    Rerandomizer Rerandomizer, CiphertextBatchPool Pool, Execution Execution, ProductCounter Counter)
{
    /// <summary>The client's key.</summary>
    public PaillierPublicKey Key => Rerandomizer.Key;

    /// <summary>A new batch that holds source[index[i]].</summary>
    public CiphertextBatch Gather(CiphertextBatch source, ReadOnlySpan<int> index)
    {
        var batch = new CiphertextBatch(Key, index.Length);
        try
        {
            batch.Gather(source, index, 0);
            return batch;
        }
        catch
        {
            batch.Dispose();
            throw;
        }
    }

    /// <summary>target[i] = −source[i], over the whole of both.</summary>
    public void Negate(CiphertextBatch source, CiphertextBatch target)
    {
        Evaluator.Negate(source, target.Range(0, source.Count), Execution);
        Counter.Add(Evaluator.ProductsOfNegation * (long)source.Count);
    }
}

/// <summary>Counts products over a query.</summary>
internal sealed class ProductCounter
{
    /// <summary>Products so far.</summary>
    public long Total { get; private set; }

    /// <summary>Adds products.</summary>
    public void Add(long products) => Total += products;
}
