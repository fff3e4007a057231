using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Shares;
using Popcorn.Engine.Tests.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>Every way to pack a layer gives its sums, and the mistakes that are easily made do not.</summary>
public class PackingTests
{
    /// <summary>Hardly any: a slot too many shows above the mask.</summary>
    private const int FewHidingBits = 8;

    [Fact]
    public void Every_packing_of_a_layer_gives_its_sums() => Seeds.Check(
        seed =>
        {
            var random = new Random(seed);
            (Shape input, LinearLayer layer) = RandomLayer(random);
            PublicLayer description = layer.Describe(1);
            bool isExact = random.Next(2) == 0;
            int guard = isExact ? 0 : random.Next(1, 3), images = random.Next(1, 4), ring = random.Next(2, 40);
            PackedWidths widths = WidthsOf(layer, ring, guard, isExact);
            foreach (Packing packing in AllOf(input, description, images))
            {
                var simulation = new PackingSimulation(packing, layer, input, widths, guard);
                string? fault = simulation.Fault(Shares(random, images * input.Size));
                Assert.True(fault is null, $"{packing.Name} of {layer.Window} on {input}, {images} images: {fault}");
            }
        },
        count: 60);

    [Fact]
    public void The_packing_that_is_chosen_fits_and_gives_the_layers_sums() => Seeds.Check(
        seed =>
        {
            var random = new Random(seed);
            (Shape input, LinearLayer layer) = RandomLayer(random);
            PackedWidths widths = WidthsOf(layer, 12, 1, isExact: false) with { HidingBits = 56 };
            int images = random.Next(1, 6), keyBits = random.Next(2) == 0 ? 768 : 2048;
            PackingCosts costs = random.Next(2) == 0 ? PackingCosts.OrdinaryKeys : PackingCosts.ShortOrderKeys;
            var problem = new PackingProblem(
                input, layer.Describe(1), widths, new PackedTerms(0, random.Next(0, 10)), keyBits, costs);
            Packing packing = problem.Best(images);
            Assert.InRange(packing.Slots, 1, widths.Capacity(keyBits));
            Assert.True(packing.Slots * widths.Pitch + 56 <= keyBits - 2, "Masks do not fit.");
            var simulation = new PackingSimulation(packing, layer, input, widths, 1);
            Assert.Null(simulation.Fault(Shares(random, packing.ImagesOfBlock * input.Size)));
        },
        count: 60);

    [Fact]
    public void A_slot_for_which_the_key_has_no_room_is_refused_in_words()
    {
        (Shape input, LinearLayer layer) = RandomLayer(new Random(1));
        var widths = new PackedWidths(62, 120, 56, IsExact: true);
        var problem = new PackingProblem(
            input, layer.Describe(1), widths, new PackedTerms(57, 1), 128, PackingCosts.OrdinaryKeys);
        var error = Assert.Throws<PopcornException>(() => problem.Best(1));
        Assert.Contains("larger key", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A constant, because both parties choose by it: it must not depend on what either has loaded.</summary>
    [Fact]
    public void Costs_count_the_lanes_of_the_widest_kernel() =>
        Assert.Equal(PackingCosts.Lanes, PaillierLibrary.MaxLanes);

    /// <summary>3×3 over a padded plane of 8 × 8: whoever leaves the spare slots empty loses the halo.</summary>
    [Fact]
    public void Spare_slots_that_are_zero_give_wrong_sums()
    {
        (Shape input, LinearLayer layer) = Square(size: 8, kernel: 3, stride: 1, pad: 1);
        var grid = new GridPacking(input, layer.Describe(1), 1, new Grid(2, 2, true, true));
        AssertFaults(grid, new EmptySpares(grid), input, layer, "A sum is wrong.");
    }

    /// <summary>What stands above the plane's slots must be offset and masked like them.</summary>
    [Fact]
    public void Masking_the_planes_slots_alone_shows_what_stands_above()
    {
        (Shape input, LinearLayer layer) = Square(size: 8, kernel: 3, stride: 1, pad: 1);
        var grid = new GridPacking(input, layer.Describe(1), 1, new Grid(2, 2, true, true));
        PackedWidths widths = WidthsOf(layer, 20, 1, isExact: false);
        int faults = 0;
        for (int seed = 0; seed < 10; seed++)
        {
            ulong[] shares = Shares(new Random(seed), input.Size, extreme: true);
            Assert.Null(new PackingSimulation(grid, layer, input, widths, 1).Fault(shares));
            var tight = new PackingSimulation(grid, layer, input, widths, 1) { MaskedSlots = 25 };
            faults += tight.Fault(shares) is null ? 0 : 1;
        }

        Assert.True(faults > 5, $"Only {faults} of 10 show.");
    }

    /// <summary>Of m inputs a ciphertext, 2m − 1 slots hold sums: those above the result's too.</summary>
    [Fact]
    public void Masking_an_inner_products_slots_up_to_the_result_shows_what_stands_above()
    {
        var input = new Shape(20, 1, 1);
        int[] weights = [.. Enumerable.Range(0, 20).Select(i => (i % 7) + 1)];
        var layer = new LinearLayer(
            "", 0, new Shape(1, 1, 1), Window.Whole(1, 1), 1, weights, new BigInteger[1]);
        var packing = new DensePacking(input, layer.Describe(1), 1, 10, 1);
        Assert.Equal(19, packing.Slots);
        PackedWidths widths = WidthsOf(layer, 20, 1, isExact: false);
        int faults = 0;
        for (int seed = 0; seed < 10; seed++)
        {
            ulong[] shares = Shares(new Random(seed), input.Size, extreme: true);
            Assert.Null(new PackingSimulation(packing, layer, input, widths, 1).Fault(shares));
            var tight = new PackingSimulation(packing, layer, input, widths, 1) { MaskedSlots = 10 };
            faults += tight.Fault(shares) is null ? 0 : 1;
        }

        Assert.True(faults > 5, $"Only {faults} of 10 show.");
    }

    /// <summary>With stride 2, the rows that are sent are the first s·U, not the first U.</summary>
    [Fact]
    public void Moving_by_the_phases_alone_gives_wrong_sums()
    {
        (Shape input, LinearLayer layer) = Square(size: 9, kernel: 3, stride: 2, pad: 1);
        var grid = new GridPacking(input, layer.Describe(1), 1, new Grid(2, 2, true, true));
        AssertFaults(grid, new MovedByPhases(grid, 4, 2), input, layer, "A sum is wrong.");
    }

    /// <summary>A slot narrower by one bit than the heaviest output needs is outgrown.</summary>
    [Fact]
    public void A_slot_is_as_wide_as_the_heaviest_output_needs()
    {
        var input = new Shape(4, 1, 1);
        int[] weights = [7, 7, -7, 7];
        var layer = new LinearLayer(
            "", 0, new Shape(1, 1, 1), Window.Whole(1, 1), 1, weights, new BigInteger[1]);
        var packing = new DensePacking(input, layer.Describe(1), 1, 1, 1);
        PackedWidths widths = WidthsOf(layer, 10, 0, isExact: true);
        ulong[] least = [1ul << 9, 1ul << 9, (1ul << 9) - 1, 1ul << 9];
        Assert.Null(new PackingSimulation(packing, layer, input, widths, 0).Fault(least));
        PackedWidths narrow = widths with { Width = widths.Width - 1 };
        Assert.NotNull(new PackingSimulation(packing, layer, input, narrow, 0).Fault(least));
    }

    /// <summary>Rows of ciphertexts that no tap reads are not sent: 7 of 13 with a kernel of 1 and stride 2.</summary>
    [Fact]
    public void Only_what_a_tap_reads_is_sent()
    {
        Assert.Equal([0, 2, 4, 6, 8, 10, 12], GridPacking.Needed(phases: 7, stride: 2, kernel: 1, dilation: 1));
        Assert.Equal([0, 1, 2, 3], GridPacking.Needed(phases: 2, stride: 1, kernel: 3, dilation: 1));
        Assert.Equal([0, 3, 6], GridPacking.Needed(phases: 1, stride: 1, kernel: 3, dilation: 3));
    }

    /// <summary>What is sent depends on the shape of the kernel alone, never on which weights are zero.</summary>
    [Fact]
    public void The_pattern_of_zeros_does_not_show()
    {
        (Shape input, LinearLayer layer) = Square(size: 6, kernel: 3, stride: 1, pad: 1);
        LinearLayer pruned = layer with { Weights = new int[layer.Weights.Length] };
        foreach ((Packing one, Packing other) in AllOf(input, layer.Describe(1), 2)
            .Zip(AllOf(input, pruned.Describe(1), 2)))
        {
            Assert.Equal((one.Sent, one.Received, one.Slots), (other.Sent, other.Received, other.Slots));
            PackedWidths widths = WidthsOf(pruned, 10, 1, isExact: false);
            var simulation = new PackingSimulation(other, pruned, input, widths, 1);
            Assert.Null(simulation.Fault(Shares(new Random(1), 2 * input.Size)));
        }
    }

    private static void AssertFaults(
        Packing good, Packing wrong, Shape input, LinearLayer layer, string fault)
    {
        PackedWidths widths = WidthsOf(layer, 12, 1, isExact: false);
        ulong[] shares = Shares(new Random(7), input.Size, extreme: true);
        Assert.Null(new PackingSimulation(good, layer, input, widths, 1).Fault(shares));
        Assert.Equal(fault, new PackingSimulation(wrong, layer, input, widths, 1).Fault(shares));
    }

    /// <summary>All ways to pack a layer, whether they fit a key or not.</summary>
    private static IEnumerable<Packing> AllOf(Shape input, PublicLayer layer, int images)
    {
        Window window = layer.Window!.Value;
        if (window is { OutputHeight: 1, OutputWidth: 1 } && layer.Groups == 1)
        {
            int inputs = DensePacking.InputsOf(window, input);
            for (int span = 1; span <= Math.Min(inputs, 9); span++)
            {
                for (int joined = 1; joined <= (span == 1 ? layer.Output.Channels : 1); joined++)
                {
                    yield return new DensePacking(input, layer, images, span, joined);
                }
            }
        }

        if (PlanePacking.Suits(window, input))
        {
            yield return new PlanePacking(input, layer, images);
        }

        bool isPointwise = GridPacking.IsPointwise(window, input);
        int height = isPointwise ? 1 : window.OutputHeight, width = isPointwise ? input.Area : window.OutputWidth;
        for (int rows = 1; rows <= Math.Min(height, 3); rows++)
        {
            for (int columns = 1; columns <= Math.Min(width, 3); columns++)
            {
                for (int halo = 0; halo < 4; halo++)
                {
                    var grid = new Grid(rows, columns, (halo & 1) != 0, (halo & 2) != 0);
                    yield return new GridPacking(input, layer, images, grid);
                }
            }
        }
    }

    private static PackedWidths WidthsOf(LinearLayer layer, int ring, int guard, bool isExact)
    {
        int load = LinearLoad.Of(layer, ring, areFresh: false).LoadBits;
        return new PackedWidths(ring + guard, ring + guard + 1 + load, FewHidingBits, isExact);
    }

    private static (Shape Input, LinearLayer Layer) Square(int size, int kernel, int stride, int pad)
    {
        int output = ((size + (2 * pad) - kernel) / stride) + 1;
        var window = new Window(kernel, kernel, stride, stride, 1, 1, pad, pad, output, output);
        var random = new Random(3);
        int[] weights = [.. Enumerable.Range(0, 4 * kernel * kernel).Select(_ => random.Next(1, 8))];
        return (
            new Shape(2, size, size),
            new LinearLayer("", 0, new Shape(2, output, output), window, 1, weights, new BigInteger[2]));
    }

    private static (Shape Input, LinearLayer Layer) RandomLayer(Random random)
    {
        var input = new Shape(random.Next(1, 4), random.Next(1, 8), random.Next(1, 8));
        int groups = random.Next(3) == 0 ? input.Channels : 1;
        Window window = random.Next(5) switch
        {
            0 => Window.Whole(input.Height, input.Width),
            1 => Window.Pointwise(input.Height, input.Width),
            2 => new Window(
                random.Next(1, 4), random.Next(1, 4), 1, 1, 1, 1, random.Next(0, 2), random.Next(0, 2),
                input.Height, input.Width),
            _ => new Window(
                random.Next(1, 4), random.Next(1, 4), random.Next(1, 4), random.Next(1, 4), random.Next(1, 3),
                random.Next(1, 3), random.Next(0, 3), random.Next(0, 3),
                random.Next(1, input.Height + 2), random.Next(1, input.Width + 2)),
        };
        var output = new Shape(groups * random.Next(1, 4), window.OutputHeight, window.OutputWidth);
        int[] weights = new int[output.Channels * (input.Channels / groups) * window.Taps];
        int zeros = random.Next(0, 90);
        for (int i = 0; i < weights.Length; i++)
        {
            int weight = random.Next(3) switch { 0 => -7, 1 => 7, _ => random.Next(-7, 8) };
            weights[i] = random.Next(100) < zeros ? 0 : weight;
        }

        return (input, new LinearLayer("", 0, output, window, groups, weights, new BigInteger[output.Channels]));
    }

    /// <summary>Shares of 64 random bits, or all at one end of any ring, or at either.</summary>
    private static ulong[] Shares(Random random, int count, bool extreme = false)
    {
        int kind = extreme ? 3 : random.Next(4);
        int end = random.Next(2, 40);
        return
        [
            .. Enumerable.Range(0, count).Select(_ => kind switch
            {
                0 => 0x5555_5555_5555_5555ul << random.Next(2),
                1 => ulong.MaxValue << (end - 1),
                2 => random.Next(2) == 0 ? 1ul << (end - 1) : (1ul << (end - 1)) - 1,
                _ => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
            }),
        ];
    }

    /// <summary>A packing with a mistake.</summary>
    private abstract class Wrong(Packing inner, Shape input, PublicLayer layer) : Packing(input, layer, 1)
    {
        public override string Name => inner.Name;

        public override int Slots => inner.Slots;

        public override int Sent => inner.Sent;

        public override int Received => inner.Received;

        public override Shape CoreInput => inner.CoreInput;

        public override Shape CoreOutput => inner.CoreOutput;

        public override Window CoreWindow => inner.CoreWindow;

        public override IReadOnlyList<(int Sent, int Slots)> Derived => inner.Derived;

        public override int[]? CorePlaces => inner.CorePlaces;

        public override void InputsOf(int ciphertext, Span<int> elements) => inner.InputsOf(ciphertext, elements);

        public override void OutputsOf(int ciphertext, Span<int> elements) => inner.OutputsOf(ciphertext, elements);

        public override int[] CoreWeights(LinearLayer layer) => inner.CoreWeights(layer);
    }

    private sealed class EmptySpares(GridPacking grid) : Wrong(grid, default, Nothing)
    {
        public override void InputsOf(int ciphertext, Span<int> elements)
        {
            base.InputsOf(ciphertext, elements);
            var outputs = new int[elements.Length];
            OutputsOf(0, outputs);
            for (int slot = 0; slot < outputs.Length; slot++)
            {
                elements[slot] = outputs[slot] < 0 ? -1 : elements[slot];
            }
        }
    }

    /// <summary>Rows and columns from U and V on are taken for those before, moved.</summary>
    private sealed class MovedByPhases : Wrong
    {
        private readonly List<(int Sent, int Slots)> _derived = [];

        public MovedByPhases(GridPacking grid, int step, int phases)
            : base(grid, default, Nothing)
        {
            int[] places = [.. grid.CorePlaces!];
            int width = grid.CoreInput.Width, area = grid.CoreInput.Area;

            // The first column beyond s·V is moved by one slot, the first row beyond s·U by a row of them.
            int pitch = grid.Derived[places[step * width] - grid.Sent].Slots;
            for (int place = 0; place < places.Length; place++)
            {
                (int channel, int position) = Math.DivRem(place, area);
                (int row, int column) = Math.DivRem(position, width);
                (int rho, int a) = Math.DivRem(row, phases);
                (int tau, int b) = Math.DivRem(column, phases);
                if (places[place] >= 0)
                {
                    int from = grid.CorePlaces![(channel * area) + (a * width) + b];
                    _derived.Add((from, (rho * pitch) + tau));
                    places[place] = grid.Sent + _derived.Count - 1;
                }
            }

            CorePlaces = places;
        }

        public override IReadOnlyList<(int Sent, int Slots)> Derived => _derived;

        public override int[] CorePlaces { get; }
    }

    private static readonly PublicLayer Nothing = new(
        LayerKind.Linear, 0, new Shape(2, 1, 1), Window.Whole(1, 1), 1, 1);
}
