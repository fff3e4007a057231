using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Interop;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.Engine.Shares;

/// <summary>
/// The plan of a query: how every value is shared, which of them share ciphertexts, what is compared in which rings.
/// </summary>
internal sealed class SharesPlan : Plan
{
    /// <summary>COTs of a direction that are made at a time, at most: 16 MB of them.</summary>
    public const long MostCots = 1 << 20;

    /// <summary>Bytes of ciphertexts that the client has under way, with those that they are answered by, unless a
    /// single layer has more.</summary>
    public const long MostPackedBytes = 1 << 24;

    /// <summary>What the messages of tickets up to the next that the other party waits for are less than: no more COTs
    /// than <see cref="MostCots"/> of a direction lie between two such.</summary>
    private const long MostTicketBytes = 1 << 23;

    private SharesPlan(
        PublicNetwork network, SharesLayers layers, SharesSizes sizes, IReadOnlyList<SharesStep> steps)
        : base(
            $"shares, key {sizes.KeyBits} mask {sizes.HidingBits} transfers {sizes.Silent}",
            network, sizes.Images, steps)
    {
        Layers = layers;
        Sizes = sizes;
        Packs = [.. steps.OfType<PackStep>()];
        Tickets = [.. steps.OfType<TicketStep>()];
        Transfers = new TransferOptions(sizes.Silent);
        CotDemands = [.. Tickets.SelectMany(step => Enumerable.Range(0, step.Chunks.Count).Select(chunk => (
            step.Round.Comparison.Cots(Party.Server) * (long)step.Chunks.ItemsIn(chunk),
            step.Round.Comparison.Cots(Party.Client) * (long)step.Chunks.ItemsIn(chunk))))];
    }

    /// <summary>What is to be known of the layers.</summary>
    public SharesLayers Layers { get; }

    /// <summary>What sizes follow from.</summary>
    public SharesSizes Sizes { get; }

    /// <summary>The steps on ciphertexts, in order.</summary>
    public IReadOnlyList<PackStep> Packs { get; }

    /// <summary>The steps that make tickets, in order.</summary>
    public IReadOnlyList<TicketStep> Tickets { get; }

    /// <summary>COTs that are there at once at most, by who holds Δ.</summary>
    public (long OfServer, long OfClient) CotsAtOnce => (
        AtOnce(CotDemands.Select(demand => demand.OfServer)), AtOnce(CotDemands.Select(demand => demand.OfClient)));

    /// <summary>How the connection makes its transfers.</summary>
    public TransferOptions Transfers { get; }

    /// <summary>COTs that each chunk of tickets takes, in order, by who holds Δ.</summary>
    public IReadOnlyList<(long OfServer, long OfClient)> CotDemands { get; }

    /// <summary>Makes the plan of a network for a key size.</summary>
    /// <param name="network">The network, valid.</param>
    /// <param name="terms">What the server tells of its layers.</param>
    /// <param name="keyBits">Bits of the modulus.</param>
    /// <param name="order">What the key's randomness is drawn from.</param>
    /// <param name="images">Images that one query classifies.</param>
    /// <exception cref="PopcornException">
    /// A layer cannot be computed so, a value outgrows the key, or these are too many images.
    /// </exception>
    public static SharesPlan Create(
        PublicNetwork network, IReadOnlyList<LayerTerms> terms, int keyBits, KeyOrder order, int images = 1)
    {
        PackingCosts costs = order switch
        {
            KeyOrder.Full => PackingCosts.OrdinaryKeys,
            KeyOrder.Short => PackingCosts.ShortOrderKeys,
        };
        CheckImages(network, images);
        var rings = new Rings(network, terms);
        var layers = new SharesLayers(network, terms, rings);
        var sizes = new SharesSizes(keyBits, images, SharesSizes.FewHidingBits) { Silent = SilentFor(layers) };
        List<SharesStep> steps = StepsOf(layers, sizes, costs);
        if (steps.OfType<PackStep>().Sum(step => (long)step.Linear.Received) > SharesSizes.ManyCiphertexts)
        {
            sizes = sizes with { HidingBits = SharesSizes.ManyHidingBits };
            steps = StepsOf(layers, sizes, costs);
        }

        return new SharesPlan(network, layers, sizes, steps);
    }

    /// <inheritdoc/>
    internal override long MostBytesAhead => MostTicketBytes + Math.Max(
        Math.Min(MostPackedBytes, Packs.Sum(step => step.MessageBytes)),
        Packs.Select(step => step.MessageBytes).DefaultIfEmpty().Max());

    /// <inheritdoc/>
    public override long ServerBytesOf(Shape value) => (long)Images * value.Size * sizeof(ulong);

    /// <summary>As many as chunks take that are made together.</summary>
    private static long AtOnce(IEnumerable<long> demands) =>
        Math.Min(demands.Sum(), Math.Max(MostCots, demands.DefaultIfEmpty().Max()));

    /// <summary>
    /// What silent transfers settle on: a larger set the more of them a bundle takes, that of a single image, because a
    /// connection settles once. Of the largest the secret vectors of both directions fill 16 MB, which caches do not
    /// hold: a COT takes a quarter longer, to save a fortieth of the bytes of a query.
    /// </summary>
    private static FerretParameters SilentFor(SharesLayers layers)
    {
        long cots = Enumerable.Range(0, layers.Network.Layers.Count)
            .SelectMany(layer => layers.RoundsOf(layer)?.Rounds ?? [])
            .Sum(round => (long)round.Items * Math.Max(
                round.Comparison.Cots(Party.Server), round.Comparison.Cots(Party.Client)));
        return cots < SharesSizes.CotsOfFirstSet ? FerretParameters.Depth11 : FerretParameters.Depth12;
    }

    private static List<SharesStep> StepsOf(SharesLayers layers, SharesSizes sizes, PackingCosts costs)
    {
        PublicNetwork network = layers.Network;
        var steps = new List<SharesStep>();
        for (int i = 0; i < network.Layers.Count; i++)
        {
            if (layers.Terms[i] is PackedTerms)
            {
                PackedLinear linear = layers.Pack(i, sizes, costs, NameOf(i));
                bool waits = steps.Count == 0
                    || !(layers.Rings.MakesExact(i) || layers.IsChosen(network.Layers[i].Input));
                steps.Add(new PackStep(steps.Count, i, NameOf(i), sizes, linear, waits));
            }
        }

        var tickets = new List<TicketStep>();
        for (int i = 0; i < network.Layers.Count; i++)
        {
            foreach (CompareRound round in RoundsOf(i))
            {
                tickets.Add(new TicketStep(steps.Count, i, NameOf(i), sizes, round, tickets.Count == 0));
                steps.Add(tickets[^1]);
            }
        }

        // Online in the order of layers.
        int ticket = 0;
        steps.Add(new InputSharesStep(steps.Count, sizes, network.Input.Shape.Size, layers.Rings.FormOf(0)));
        for (int i = 0; i < network.Layers.Count; i++)
        {
            int rounds = RoundsOf(i).Count;
            for (int r = 0; r < rounds; r++)
            {
                steps.Add(new CompareSharesStep(
                    steps.Count, sizes, tickets[ticket++], r == 0, r == rounds - 1, layers.RoundsOf(i)!.Board));
            }

            if (layers.Terms[i] is PackedTerms)
            {
                steps.Add(new ApplyStep(steps.Count, i, NameOf(i), sizes));
            }
            else if (rounds == 0)
            {
                steps.Add(new LocalShareStep(
                    steps.Count, i, NameOf(i), sizes, layers.RoundsOf(i)?.Board ?? 0));
            }
        }

        SharedForm last = layers.Rings.FormOf(network.Layers.Count);
        steps.Add(new LogitSharesStep(steps.Count, sizes, network.Layers[^1].Output.Size, last));
        return steps;

        string NameOf(int layer) => $"{network.Layers[layer].KindName} {layer + 1}";

        IReadOnlyList<CompareRound> RoundsOf(int layer) => layers.RoundsOf(layer)?.Rounds ?? [];
    }
}

/// <summary>What sizes of a query follow from.</summary>
/// <param name="KeyBits">Bits of the modulus.</param>
/// <param name="Images">Images of the query.</param>
/// <param name="HidingBits">λ of the masks.</param>
internal sealed record SharesSizes(int KeyBits, int Images, int HidingBits)
{
    /// <summary>λ of most plans, and of those with many ciphertexts: all distances add up to 2^−40 at most.</summary>
    public const int FewHidingBits = 56, ManyHidingBits = 64;

    /// <summary>From so many ciphertexts on they are many.</summary>
    public const int ManyCiphertexts = 1 << 15;

    /// <summary>
    /// COTs that a direction makes with the set that every connection begins with, nearly: bundles that take fewer are
    /// made with it.
    /// </summary>
    public const int CotsOfFirstSet = 1 << 19;

    /// <summary>What the connection's silent transfers settle on.</summary>
    public required FerretParameters Silent { get; init; }

    /// <summary>Bytes of messages that a COT costs: a share of a tree's.</summary>
    public double BytesOfCot
    {
        get
        {
            FerretParameters set = Silent == FerretParameters.Depth11 ? FerretParameters.Depth10 : Silent;
            return (double)set.TreeBytes / set.Leaves;
        }
    }

    /// <summary>Bytes of a ciphertext in a message.</summary>
    public int CiphertextBytes => 2 * ((KeyBits + 7) / 8);

    /// <summary>
    /// How ciphertexts are spread over messages: while one is made the other party takes in the one before, so there
    /// are several even of a few, each of as many as two cores work on at once, or a multiple.
    /// </summary>
    public Chunking Chunks(int ciphertexts)
    {
        const int Messages = 6, Least = 2 * PackingCosts.Lanes, Most = 8 * Least;
        int wanted = (ciphertexts + (Messages * Least) - 1) / (Messages * Least) * Least;
        return new Chunking(ciphertexts, Math.Min(Math.Min(wanted, Most), Plan.MaxPayloadBytes / CiphertextBytes));
    }

    /// <summary>Bytes of a ciphertext in memory.</summary>
    public long MemoryBytes => PaillierLibrary.NumberBytes(KeyBits);
}

/// <summary>What both parties know of the layers, whatever the key and the number of images.</summary>
internal sealed class SharesLayers
{
    private readonly LayerRounds?[] _rounds;

    /// <param name="network">The network, valid.</param>
    /// <param name="terms">What the server tells of its layers.</param>
    /// <param name="rings">How values are shared.</param>
    public SharesLayers(PublicNetwork network, IReadOnlyList<LayerTerms> terms, Rings rings)
    {
        Network = network;
        Terms = terms;
        Rings = rings;
        _rounds = new LayerRounds?[network.Layers.Count];
        for (int i = 0; i < _rounds.Length; i++)
        {
            _rounds[i] = rings.Compares(i) ? CompareOf(i) : null;
        }
    }

    /// <summary>The network.</summary>
    public PublicNetwork Network { get; }

    /// <summary>What the server tells of its layers.</summary>
    public IReadOnlyList<LayerTerms> Terms { get; }

    /// <summary>How values are shared.</summary>
    public Rings Rings { get; }

    /// <summary>The comparisons of a layer; null where it needs none.</summary>
    public LayerRounds? RoundsOf(int layer) => _rounds[layer];

    /// <summary>Whether the client chooses its share of a value, so that it is known before all else.</summary>
    public bool IsChosen(int value)
    {
        if (value == 0)
        {
            return true;
        }

        PublicLayer maker = Network.Layers[value - 1];
        return Terms[value - 1] is not PackedTerms
            && (_rounds[value - 1] is { IsChosen: true } || maker.Inputs.All(IsChosen));
    }

    /// <summary>How a linear layer is computed on ciphertexts.</summary>
    public PackedLinear Pack(int layer, SharesSizes sizes, PackingCosts costs, string name)
    {
        var terms = (PackedTerms)Terms[layer];
        SharedForm made = Rings.FormOf(layer + 1);
        bool isExact = Rings.MasksExactly(layer);
        int guard = isExact ? 0 : made.Guard;
        var widths = new PackedWidths(
            made.Ring + guard, made.Ring + guard + 1 + terms.LoadBits, sizes.HidingBits, isExact);
        PublicLayer description = Network.Layers[layer];
        Shape input = Network.ShapeOf(description.Input);
        try
        {
            Packing packing = new PackingProblem(input, description, widths, terms, sizes.KeyBits, costs)
                .Best(sizes.Images);
            return new PackedLinear(packing, widths, guard, sizes.Images, input.Size, description.Output.Size);
        }
        catch (PopcornException e)
        {
            throw new PopcornException($"Layer {layer + 1} ({name}): {e.Message}", e);
        }
    }

    /// <exception cref="PopcornException">
    /// Too many numbers are compared at once, or a server described what no network is.
    /// </exception>
    private LayerRounds CompareOf(int layer)
    {
        try
        {
            return LayerRounds.Of(Network, Rings, layer);
        }
        catch (ArgumentException e)
        {
            throw new PopcornException(
                $"Layer {layer + 1} ({Network.Layers[layer].KindName}) compares what this family does not: "
                + $"{OneLine(e.Message)}; use another family.", e);
        }

        static string OneLine(string message) => message.ReplaceLineEndings(" ");
    }
}

/// <summary>How a linear layer of a query is computed on ciphertexts.</summary>
/// <param name="Packing">Which values share them.</param>
/// <param name="Widths">Their slots.</param>
/// <param name="Guard">g: the client packs 2^g times its shares.</param>
/// <param name="Images">Images of the query.</param>
/// <param name="InputSize">Elements that an image has in what the layer reads.</param>
/// <param name="OutputSize">And in what it makes.</param>
internal sealed record PackedLinear(
    Packing Packing, PackedWidths Widths, int Guard, int Images, int InputSize, int OutputSize)
{
    /// <summary>Blocks of images.</summary>
    public int Blocks => (Images + Packing.ImagesOfBlock - 1) / Packing.ImagesOfBlock;

    /// <summary>Ciphertexts from the client.</summary>
    public int Sent => checked(Blocks * Packing.Sent);

    /// <summary>Ciphertexts to the client.</summary>
    public int Received => checked(Blocks * Packing.Received);

    /// <summary>What stands in a ciphertext from the client, by elements of the whole query.</summary>
    public void InputsOf(int ciphertext, Span<int> elements)
    {
        (int block, int own) = Math.DivRem(ciphertext, Packing.Sent);
        Packing.InputsOf(own, elements);
        Move(elements, block, InputSize);
    }

    /// <summary>What stands in a ciphertext to the client, by elements of the whole query.</summary>
    public void OutputsOf(int ciphertext, Span<int> elements)
    {
        (int block, int own) = Math.DivRem(ciphertext, Packing.Received);
        Packing.OutputsOf(own, elements);
        Move(elements, block, OutputSize);
    }

    public override string ToString() =>
        $"{Packing.Name}, {Packing.Slots} slots of {Widths.Pitch} bits, {Blocks} x {Packing.ImagesOfBlock} images, "
        + $"guard {Guard}, {Sent} up, {Received} down";

    /// <summary>From a block's elements to the query's; the last block may lack some images.</summary>
    private void Move(Span<int> elements, int block, int size)
    {
        if (Blocks == 1 && Packing.ImagesOfBlock == Images)
        {
            return;
        }

        int first = block * Packing.ImagesOfBlock * size, end = Images * size;
        foreach (ref int element in elements)
        {
            element = element < 0 || first + element >= end ? -1 : first + element;
        }
    }
}
