using System.Collections.Concurrent;
using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Products;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Shares;

/// <summary>
/// A model as this family serves it: its weights as they apply to shares in the clear, and the cores of its linear
/// layers, compiled for the packings that plans choose.
/// </summary>
internal sealed class SharesServerModel : ServerModel
{
    private const int DefaultKeyBits = 2048;

    private readonly PublicNetwork _description;
    private readonly IReadOnlyList<LayerTerms> _terms;
    private readonly RingLinear?[] _ring;
    private readonly ulong[]?[] _constants; // of layers that both parties compute alone: what the server adds
    private readonly ulong[]?[] _caps;
    private readonly uint[]?[] _factors; // of linear layers: what all weights of a channel have in common
    private readonly ConcurrentDictionary<(int Layer, string Packing), Lazy<CompiledLinear>> _cores = new();
    private readonly ConcurrentDictionary<(int KeyBits, int Images, KeyOrder Order), SharesPlan> _plans = new();

    /// <summary>Plans that are kept: few are common, and clients that try them all must not fill the memory.</summary>
    private const int PlansKept = 8;

    /// <summary>Cores that are kept of a layer, on average, for the same reason.</summary>
    private const int CoresKept = 8;

    /// <param name="original">The network.</param>
    /// <param name="described">Its public part.</param>
    public SharesServerModel(IntegerNetwork original, PublicNetwork described)
    {
        IntegerNetwork network = ScaleMerging.Of(original, described);
        PublicNetwork description = ScaleMerging.Of(described);
        Network = network;
        _description = description;
        _terms = TermsOf(network, description);
        var rings = new Rings(description, _terms);
        int layers = network.Layers.Count;
        _ring = new RingLinear?[layers];
        _constants = new ulong[]?[layers];
        _factors = new uint[]?[layers];
        _caps = new ulong[]?[layers];
        for (int i = 0; i < layers; i++)
        {
            Layer layer = network.Layers[i];
            SharedForm made = rings.FormOf(i + 1);
            if (_terms[i] is PackedTerms)
            {
                var linear = (LinearLayer)layer;
                _factors[i] = CommonFactors.Of(linear);
                _ring[i] = new RingLinear(linear, network.ShapeOf(linear.Input), narrow: made.Ring <= 32);
            }
            else if (layer is LinearLayer pool)
            {
                BigInteger[] constants = pool.Constants(network.ShapeOf(pool.Input));
                int each = pool.Output.Size / constants.Length;
                _constants[i] = Array.TrueForAll(constants, constant => constant.IsZero) ? null :
                    [.. Enumerable.Range(0, pool.Output.Size).Select(o => Reduce(constants[o / each]) << made.Guard)];
            }

            ClipLayer? clip = layer as ClipLayer
                ?? (rings.TakesOver(i, LayerKind.Clip) ? (ClipLayer)network.Layers[layer.Input - 1] : null);
            if (clip is not null)
            {
                // A cap beyond what the layer's bound says caps nothing.
                BigInteger most = (BigInteger.One << description.BoundBitsOf(IndexOf(clip) + 1)) - 1;
                int guard = rings.FormOf(clip.Input).Guard;
                _caps[i] = [.. clip.Caps.Select(cap => (ulong)BigInteger.Min(cap, most) << guard)];
            }
        }

        foreach (int i in ScaleMerging.BeforeSigns(described))
        {
            BigInteger[] thresholds = ScaleMerging.ThresholdsOf(
                (LinearLayer)original.Layers[i], described.BoundBitsOf(original.Layers[i].Input),
                description.BoundBitsOf(i + 1) + 1);
            int area = original.Layers[i].Output.Area, guard = rings.FormOf(i + 1).Guard;
            _constants[i] = [.. thresholds.SelectMany(t => Enumerable.Repeat(Reduce(t) << guard, area))];
        }

        Prepare(PlanFor(DefaultKeyBits));

        int IndexOf(Layer layer) => network.Layers.ToList().IndexOf(layer);
    }

    /// <summary>The network; secret.</summary>
    public IntegerNetwork Network { get; }

    /// <summary>What clients are told of the layers.</summary>
    public byte[] Terms => SharesTerms.Encode(_terms);

    public override SharesPlan PlanFor(int keyBits, int images = 1, KeyOrder order = KeyOrder.Full)
    {
        if (_plans.TryGetValue((keyBits, images, order), out SharesPlan? known))
        {
            return known;
        }

        SharesPlan plan = SharesPlan.Create(_description, _terms, keyBits, order, images);
        if (_plans.Count >= PlansKept)
        {
            _plans.Clear();
        }

        return _plans.GetOrAdd((keyBits, images, order), plan);
    }

    public override (string Strategy, double Products) Inspect(Plan plan, int layer)
    {
        var own = (SharesPlan)plan;
        PackStep? step = own.Packs.FirstOrDefault(step => step.Layer == layer);
        if (step is not null)
        {
            CompiledLinear core = CoreOf(step);
            return (
                $"{step.Linear.Packing.Name}; {core.Strategy}",
                (double)core.Products * step.Linear.Blocks / own.Images);
        }

        TicketStep[] rounds = [.. own.Tickets.Where(step => step.Layer == layer)];
        return (
            rounds.Length == 0
                ? "local"
                : $"{rounds.Sum(round => (long)round.Chunks.Items)} comparisons of "
                    + $"{rounds[0].Round.Comparison.Operation.Bits} bits",
            0);
    }

    public override long WorkBytes(Plan plan, int layer) => base.WorkBytes(plan, layer)
        + ((SharesPlan)plan).Packs.Where(step => step.Layer == layer)
            .Sum(step => CoreOf(step).WorkSize * step.Linear.Blocks * step.Sizes.MemoryBytes)
        + TransfersBeyond((SharesPlan)plan);

    public override Work WorkOfWeights(Plan plan, PlanStep step)
    {
        if (step is not ApplyStep)
        {
            return Work.None;
        }

        RingLinear ring = RingOf(step.Layer);
        return new Work(
            (ring.IsNarrow ? Operation.Accumulate : Operation.AccumulateWide, plan.Images * ring.Accumulates));
    }

    public override LayerFacts FactsOf(Plan plan, int layer)
    {
        var own = (SharesPlan)plan;
        SharedForm form = own.Layers.Rings.FormOf(layer + 1);
        Packing? packing = own.Packs.FirstOrDefault(step => step.Layer == layer)?.Linear.Packing;
        long comparisons = own.Tickets.Where(step => step.Layer == layer).Sum(step => (long)step.Chunks.Items);
        return new LayerFacts(form.Ring, form.Guard)
        {
            PackedAs = packing?.Name,
            Slots = packing?.Slots,
            Comparisons = comparisons > 0 ? comparisons : null,
        };
    }

    public override long BundleBytes(Plan plan) => SharesMemory.OfBundle((SharesPlan)plan);

    public override ServerParty Admit(ReadOnlySpan<byte> opening, PartyOptions options) =>
        new SharesServer(this, opening, options);

    /// <summary>Compiles what a plan needs.</summary>
    public void Prepare(SharesPlan plan) =>
        Parallel.ForEach(plan.Packs, step => CoreOf(step));

    /// <summary>The core of a packed layer.</summary>
    public CompiledLinear CoreOf(PackStep step)
    {
        Packing packing = step.Linear.Packing;
        string key = $"{packing.CoreInput} {packing.CoreOutput} {packing.CoreWindow}";
        if (_cores.Count > CoresKept * _ring.Length)
        {
            _cores.Clear(); // whoever uses one keeps it alive
        }

        return _cores.GetOrAdd(
            (step.Layer, key),
            _ => new Lazy<CompiledLinear>(() => LinearCompiler.Compile(
                packing.CoreOf(CommonFactors.Divide((LinearLayer)Network.Layers[step.Layer], _factors[step.Layer])),
                packing.CoreInput))).Value;
    }

    /// <summary>What the outputs of a layer's core are still to be multiplied by, for each channel of the layer; null:
    /// by nothing.</summary>
    public uint[]? FactorsOf(int layer) => _factors[layer];

    /// <summary>A linear layer as it applies to shares in the clear.</summary>
    public RingLinear RingOf(int layer) => _ring[layer]!;

    /// <summary>What the server adds to a layer that each party computes alone; null: nothing.</summary>
    public ulong[]? ConstantsOf(int layer) => _constants[layer];

    /// <summary>The caps of a clip, or of a shift that takes one over, for each channel; null: it has none.</summary>
    public ulong[]? CapsOf(int layer) => _caps[layer];

    public override void Dispose()
    {
        foreach (Lazy<CompiledLinear> core in _cores.Values.Where(core => core.IsValueCreated))
        {
            core.Value.Dispose();
        }
    }

    /// <summary>Room for transfers beyond what the connection keeps, which is what an image takes.</summary>
    private long TransfersBeyond(SharesPlan plan) => Math.Max(0, SharesMemory.OfTransfers(plan)
        - SharesMemory.OfTransfers(PlanFor(plan.Sizes.KeyBits))); // the same under keys of either order

    private static ulong Reduce(BigInteger number) => (ulong)(number & ulong.MaxValue);

    private static LayerTerms[] TermsOf(IntegerNetwork network, PublicNetwork description)
    {
        // The rings follow from what is a pool and from factors; loads from the rings.
        LayerTerms[] terms = [.. network.Layers.Select(layer => (LayerTerms)(layer switch
        {
            LinearLayer { IsPool: true } => new PoolTerms(),
            LinearLayer => new PackedTerms(0, 0),
            AddLayer sum => new SumTerms(sum.Factors, sum.SecondFactors),
            ReluLayer or ClipLayer or MaxPoolLayer or SignLayer or SquareLayer or ConcatLayer or RescaleLayer
                or ShiftLayer => NoTerms.Instance,
            _ => throw new NotSupportedException($"Nothing is told of a layer of kind {layer.Kind}."),
        }))];
        var rings = new Rings(description, terms);
        for (int i = 0; i < terms.Length; i++)
        {
            if (network.Layers[i] is LinearLayer linear && terms[i] is PackedTerms)
            {
                terms[i] = LinearLoad.Of(linear, rings.FormOf(i + 1).Ring, rings.HasFreshInputs(i));
            }
        }

        return terms;
    }
}
