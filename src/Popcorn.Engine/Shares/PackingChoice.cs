using Popcorn.Engine.Model;

namespace Popcorn.Engine.Shares;

/// <summary>
/// Microseconds that operations take a core, near enough to weigh one packing against another: both parties choose by
/// them, so they are the same everywhere. Measured under keys of 2048 bits (docs/PERFORMANCE.md); with other keys all
/// grow alike.
/// </summary>
/// <param name="Encrypt">The key owner's encryption, with export and import.</param>
/// <param name="Decrypt">Mask, re-randomisation, export, import and decryption.</param>
internal readonly record struct PackingCosts(double Encrypt, double Decrypt)
{
    /// <summary>A product modulo n².</summary>
    public const double Product = 0.3;

    /// <summary>A square modulo n².</summary>
    public const double Square = 0.23;

    /// <summary>A byte sent, on a line of 100 Mbit/s: a faster one loses hundredths of its time by it.</summary>
    public const double Byte = 0.08;

    /// <summary>Ciphertexts that take as long as one.</summary>
    public const int Lanes = 8;

    /// <summary>Under ordinary keys.</summary>
    public static PackingCosts OrdinaryKeys { get; } = new(Encrypt: 42, Decrypt: 385);

    /// <summary>Under keys whose randomness is of short order.</summary>
    public static PackingCosts ShortOrderKeys { get; } = new(Encrypt: 21, Decrypt: 117);
}

/// <summary>What the choice of a packing depends on.</summary>
/// <param name="Input">Shape of what the layer reads.</param>
/// <param name="Layer">The layer.</param>
/// <param name="Widths">Its slots.</param>
/// <param name="Terms">What the server tells of it.</param>
/// <param name="KeyBits">Bits of the key.</param>
/// <param name="Costs">What operations take.</param>
internal sealed record PackingProblem(
    Shape Input, PublicLayer Layer, PackedWidths Widths, PackedTerms Terms, int KeyBits, PackingCosts Costs)
{
    private Window Window => Layer.Window!.Value;

    /// <summary>The packing that takes least, of all images of a query.</summary>
    /// <param name="images">Images of the query.</param>
    /// <exception cref="PopcornException">Not even a single slot fits under the key.</exception>
    public Packing Best(int images)
    {
        int capacity = Widths.Capacity(KeyBits);
        Func<Packing>? best = null;
        double least = double.PositiveInfinity;
        int before = 0;
        for (int blocks = 1; blocks <= images; blocks++)
        {
            int each = (images + blocks - 1) / blocks;
            if (each == before)
            {
                continue; // more blocks, as large as those
            }

            before = each;
            foreach ((Counts counts, Func<Packing> make) in Candidates(each, capacity))
            {
                double cost = blocks * Cost(counts);
                if (counts.Slots <= capacity && cost < least)
                {
                    (least, best) = (cost, make);
                }
            }
        }

        return best?.Invoke() ?? throw new PopcornException(
            $"A {Layer.KindName} layer needs slots of {Widths.Pitch} bits, which a key of {KeyBits} bits does not "
            + "hold: use a larger key, or import the network with --activation-bits 8.");
    }

    private double Cost(Counts counts)
    {
        double products = (double)counts.ProductGroups * Math.Pow(2, Terms.ProductsLog);
        double squares = (double)Widths.Pitch * (counts.MovedSlots + (Filled(counts.Received) * counts.JoinedSlots));
        double bytes = (counts.Sent + counts.Received) * (KeyBits / 4.0);
        return (Filled(counts.Sent) * Costs.Encrypt) + (Filled(counts.Received) * Costs.Decrypt)
            + (PackingCosts.Product * products) + (PackingCosts.Square * squares) + (PackingCosts.Byte * bytes);
    }

    private static double Filled(int ciphertexts) =>
        (ciphertexts + PackingCosts.Lanes - 1) / PackingCosts.Lanes * (double)PackingCosts.Lanes;

    private IEnumerable<(Counts Counts, Func<Packing> Make)> Candidates(int images, int capacity)
    {
        if (Window is { OutputHeight: 1, OutputWidth: 1 } && Layer.Groups == 1)
        {
            int inputs = DensePacking.InputsOf(Window, Input);
            for (int span = 1; span <= inputs && images * ((2 * span) - 1) <= capacity; span++)
            {
                int joined = span > 1 ? 1 : Math.Min(Layer.Output.Channels, capacity / images);
                int own = span;
                yield return (
                    new Counts(
                        (inputs + span - 1) / span, (Layer.Output.Channels + joined - 1) / joined,
                        images * ((2 * span) - 1) * joined, Layer.Output.Channels, 0,
                        span > 1 ? span - 1 : (joined - 1) * images),
                    () => new DensePacking(Input, Layer, images, own, joined));
            }
        }
        else if (PlanePacking.Suits(Window, Input))
        {
            var plane = new PlanePacking(Input, Layer, images);
            yield return (
                new Counts(plane.Sent, plane.Received, plane.Slots, plane.Received, 0, plane.JoinedSlots), () => plane);
        }

        foreach ((Counts counts, Grid grid) in Grids(images, capacity))
        {
            yield return (counts, () => new GridPacking(Input, Layer, images, grid));
        }
    }

    private IEnumerable<(Counts Counts, Grid Grid)> Grids(int images, int capacity)
    {
        bool isPointwise = GridPacking.IsPointwise(Window, Input);
        Window window = isPointwise ? Window.Pointwise(1, Input.Area) : Window;
        Side[] rows =
            [.. SidesOf(window.OutputHeight, window.StrideY, window.KernelHeight, window.DilationY, images, capacity)];
        Side[] columns =
            [.. SidesOf(window.OutputWidth, window.StrideX, window.KernelWidth, window.DilationX, images, capacity)];
        foreach (Side row in rows)
        {
            foreach (Side column in columns)
            {
                int pitch = column.Outputs + column.Moves;
                int slots = (images * (row.Outputs + row.Moves) * pitch) + (row.Moves * pitch) + column.Moves;
                if (slots > capacity)
                {
                    continue;
                }

                // A ciphertext that is moved in both directions is moved once, by both.
                int sent = row.Sent.Count * column.Sent.Count;
                long moved = 0;
                foreach ((int rho, int ofRow) in row.Derived)
                {
                    foreach ((int tau, int ofColumn) in column.Derived)
                    {
                        moved += (long)ofRow * ofColumn * ((rho * pitch) + tau);
                    }
                }

                yield return (
                    new Counts(
                        Input.Channels * sent, Layer.Output.Channels * row.Phases * column.Phases, slots,
                        Layer.Output.Channels * row.Phases * column.Phases, Input.Channels * moved, 0),
                    new Grid(row.Phases, column.Phases, row.IsMoved, column.IsMoved));
            }
        }
    }

    /// <summary>Ways to split the rows (or columns): as few phases as leave each so many outputs.</summary>
    private static IEnumerable<Side> SidesOf(
        int outputs, int stride, int kernel, int dilation, int images, int capacity)
    {
        int before = 0;
        for (int phases = 1; phases <= outputs; phases++)
        {
            int each = (outputs + phases - 1) / phases;
            if (each == before || images * each > capacity)
            {
                continue;
            }

            before = each;
            int[] needed = GridPacking.Needed(phases, stride, kernel, dilation);
            yield return Side.Of(phases, each, needed, null);
            if (needed[^1] >= stride * phases)
            {
                yield return Side.Of(phases, each, needed, stride * phases);
            }
        }
    }

    /// <summary>What a packing takes, of a block.</summary>
    /// <param name="Sent">Ciphertexts from the client.</param>
    /// <param name="Received">Ciphertexts to the client.</param>
    /// <param name="Slots">Slots of each.</param>
    /// <param name="ProductGroups">How often an output channel's products are made.</param>
    /// <param name="MovedSlots">Slots by which sent ciphertexts are moved, all of them together.</param>
    /// <param name="JoinedSlots">Slots by which parts of an output are moved, for one ciphertext.</param>
    private sealed record Counts(
        int Sent, int Received, int Slots, int ProductGroups, long MovedSlots, int JoinedSlots);

    /// <summary>One direction of a grid.</summary>
    /// <param name="Phases">U or V.</param>
    /// <param name="Outputs">I or J.</param>
    /// <param name="IsMoved">Whether the halo is moved.</param>
    /// <param name="Moves">q: spare slots.</param>
    /// <param name="Sent">Rows of ciphertexts that are sent.</param>
    /// <param name="Derived">By how much rows are moved, and how many; those that are not, by 0.</param>
    private sealed record Side(
        int Phases, int Outputs, bool IsMoved, int Moves, HashSet<int> Sent, (int By, int Count)[] Derived)
    {
        public static Side Of(int phases, int outputs, int[] needed, int? step) => new(
            phases, outputs, step is not null, step is int s ? needed[^1] / s : 0,
            [.. needed.Select(a => step is int t ? a % t : a)],
            [.. needed.GroupBy(a => step is int t ? a / t : 0).Select(group => (group.Key, group.Count()))]);
    }
}
