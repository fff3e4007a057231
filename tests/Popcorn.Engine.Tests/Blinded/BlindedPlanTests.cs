using System.Numerics;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Wire;

namespace Popcorn.Engine.Tests.Blinded;

public class BlindedPlanTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(20)]
    [InlineData(64)]
    [InlineData(127)]
    public void Fields_hold_the_worst_case(int boundBits)
    {
        BigInteger bound = (BigInteger.One << boundBits) - 1;
        BigInteger tau = (BigInteger.One << (SignCarrier.LeastBits + SignCarrier.BlurBits)) - 1;
        BigInteger carrier = 2 * tau * bound + (2 * tau - 1);
        BigInteger negative = 2 * tau * -bound + 1;
        BigInteger mask = bound + (BigInteger.One << Masks.RandomBits(boundBits)) - 1;

        var sizes = new StepSizes(4096, 1, 16);
        var place = new StepPlace(1, 0, "test");
        SlotFields compare = new SignStep(place, sizes, 1, boundBits).Layout.Fields;
        (int signedBits, int maskedBits) = (compare.SignedBits, Masks.MaskedBits(boundBits));

        BigInteger half = BigInteger.One << (signedBits - 1);
        Assert.True(carrier < half);
        Assert.True(-negative < half && -carrier > -half);
        Assert.True(bound + mask < BigInteger.One << maskedBits);
        Assert.True(mask - bound >= 0);
        Assert.Equal(SignCarrier.LeastBits + SignCarrier.BlurBits + boundBits + 2, signedBits);
        Assert.Equal(boundBits + Masks.HidingBits + 2, maskedBits);

        // The least x less the greatest cap.
        (int clipBits, int clipMasked, int fields) = new ClipStep(place, sizes, 1, boundBits).Layout.Fields;
        Assert.True(2 * tau * (-bound - (BigInteger.One << boundBits)) + 1 > -(BigInteger.One << (clipBits - 1)));
        Assert.Equal((signedBits + 1, maskedBits, 2), (clipBits, clipMasked, fields));
    }

    [Theory]
    [InlineData(67, 22, 2048)]
    [InlineData(86, 62, 2048)]
    [InlineData(2047, 0, 2048)]
    [InlineData(0, 300, 512)]
    public void Packed_plaintexts_stay_below_the_modulus(int signedBits, int maskedBits, int keyBits)
    {
        SlotLayout layout = SlotLayout.Fit(new SlotFields(signedBits, maskedBits), keyBits)!;
        Assert.True(layout.ItemsPerCiphertext * layout.Fields.ItemBits <= keyBits - 1);
        Assert.True((layout.ItemsPerCiphertext + 1) * layout.Fields.ItemBits > keyBits - 1);
        Assert.Null(SlotLayout.Fit(new SlotFields(keyBits, 0), keyBits));
    }

    [Fact]
    public void Both_parties_derive_the_same_plan()
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(7));
        PublicNetwork server = PublicNetwork.From(network);
        PublicNetwork client = PublicNetworkCodec.Decode(PublicNetworkCodec.Encode(server));
        Assert.Equal(BlindedPlan.Create(server, 2048).Hash.ToArray(), BlindedPlan.Create(client, 2048).Hash.ToArray());
    }

    [Fact]
    public void The_plans_asked_for_last_are_kept()
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(7));
        using var model = new BlindedServerModel(network, PublicNetwork.From(network), 16);
        BlindedPlan common = model.PlanFor(2048);
        for (int images = 2; images < 40; images++)
        {
            BlindedPlan rare = model.PlanFor(2048, images);
            Assert.Same(rare, model.PlanFor(2048, images));
            Assert.Same(common, model.PlanFor(2048));
        }

        BlindedPlan first = model.PlanFor(2048, 2);
        Enumerable.Range(3, 8).ToList().ForEach(images => model.PlanFor(2048, images));
        Assert.NotSame(first, model.PlanFor(2048, 2));
    }

    [Fact]
    public void Any_change_changes_the_hash()
    {
        PublicNetwork network = PublicNetwork.From(SampleNetworks.ConvReluPoolDense(new Random(7)));
        var hashes = new HashSet<string> { HashOf(network, 2048), HashOf(network, 3072) };
        int count = 2;
        for (int i = 0; i < network.Layers.Count; i++)
        {
            PublicLayer[] layers = [.. network.Layers];
            layers[i] = layers[i] with { BoundBits = layers[i].BoundBits + 1 };
            hashes.Add(HashOf(network with { Layers = layers }, 2048));
            count++;
        }

        hashes.Add(HashOf(network with { Input = network.Input with { Maximum = 100 } }, 2048));
        hashes.Add(HashOf(network with { Input = network.Input with { Scale = 1 } }, 2048));
        hashes.Add(HashOf(network with { Input = network.Input with { Shape = new Shape(2, 6, 7) } }, 2048));
        Assert.Equal(count + 3, hashes.Count);
    }

    /// <summary>Parties of two versions compare what these say.</summary>
    [Fact]
    public void A_round_says_what_it_was_told()
    {
        var sizes = new StepSizes(2048, Images: 2, ChunkCiphertexts: 16);
        var place = new StepPlace(1, 0, "test");
        RoundStep[] rounds =
        [
            new SignStep(place, sizes, 3, 9), new SquareStep(place, sizes, 3, 9), new ClipStep(place, sizes, 3, 9, 5),
            new RescaleStep(place, sizes, 3, 9, 4), new SplitStep(place, sizes, 3, 9, 4),
            new BorrowStep(place, sizes, 3, 4),
        ];
        Assert.Equal(
            [
                "SignStep items 6 by 272 bits 9 replies 1 fields 1 of 116 and 0 by 17",
                "SquareStep items 6 by 480 bits 9 replies 1 fields 1 of 0 and 51 by 40",
                "ClipStep items 6 by 112 bits 9 replies 4 fields 2 of 117 and 51 by 7",
                "RescaleStep items 6 by 480 bits 9 replies 1 fields 1 of 0 and 51 by 40 shift 4",
                "SplitStep items 6 by 240 bits 9 replies 2 fields 1 of 0 and 51 by 40 shift 4",
                "BorrowStep items 6 by 288 bits 4 replies 1 fields 1 of 111 and 0 by 18",
            ],
            rounds.Select(round => round.Describe()));
    }

    [Fact]
    public void The_hash_tells_nothing_of_the_weights()
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(7));
        var negated = (LinearLayer)network.Layers[0];
        int[] weights = [.. negated.Weights];
        (weights[0], weights[1]) = (weights[1], weights[0]);
        Layer swapped = negated with { Weights = weights };
        IntegerNetwork other = network with { Layers = [swapped, .. network.Layers.Skip(1)] };
        Assert.Equal(HashOf(PublicNetwork.From(network), 2048), HashOf(PublicNetwork.From(other), 2048));
    }

    [Fact]
    public void Messages_stay_within_the_limits()
    {
        PublicNetwork network = PublicNetwork.From(SampleNetworks.ConvReluPoolDense(new Random(7)));
        foreach (int keyBits in (int[])[2048, 3072, 4096])
        {
            foreach (BlindedStep step in BlindedPlan.Create(network, keyBits).Steps.Cast<BlindedStep>())
            {
                (Chunking chunks, int up, int down) = step switch
                {
                    InputStep input => (input.Chunks, input.Chunks.PerChunk, 0),
                    RoundStep round => (
                        round.Chunks, round.RepliesPerItem * round.Chunks.PerChunk,
                        round.Layout.Ciphertexts(round.Chunks.PerChunk)),
                    OutputStep output => (output.Chunks, 0, output.Layout.Ciphertexts(output.Chunks.PerChunk)),
                    _ => (new Chunking(0, 1), 0, 0),
                };
                Assert.InRange(Math.Max(up, down) * (keyBits / 4), 0, Plan.MaxPayloadBytes);
                Assert.Equal(chunks.Items, Enumerable.Range(0, chunks.Count).Sum(chunks.ItemsIn));
            }
        }

        Assert.True(Plan.MaxPayloadBytes + 1024 < WireLimits.MaxMessageBytes);
        Assert.True(IExchange.MessagesAhead < WireLimits.BufferedMessages);
    }

    [Fact]
    public void A_bound_that_outgrows_the_key_is_refused()
    {
        PublicNetwork network = PublicNetwork.From(SampleNetworks.ConvReluPoolDense(new Random(7)));
        PublicLayer[] layers = [.. network.Layers];
        layers[0] = layers[0] with { BoundBits = 1000 };
        var error = Assert.Throws<PopcornException>(
            () => BlindedPlan.Create(network with { Layers = layers }, 2048));
        Assert.Contains("use a larger key", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(981, true)]
    [InlineData(982, false)]
    public void The_square_of_a_masked_value_must_fit_the_key(int boundBits, bool fits)
    {
        var shape = new Shape(1, 1, 1);
        var network = new PublicNetwork(new InputDescription(shape, 0, 1, 1), [
            new PublicLayer(LayerKind.Linear, 0, shape, Window.Pointwise(1, 1), 1, boundBits),
            new PublicLayer(LayerKind.Square, 1, shape, null, 0, 2 * boundBits),
        ]);
        if (fits)
        {
            BlindedPlan.Create(network, 2048);
        }
        else
        {
            Assert.Throws<PopcornException>(() => BlindedPlan.Create(network, 2048));
        }
    }

    [Theory]
    [InlineData(9, 5, 0, "SplitStep 9, BorrowStep 5")]
    [InlineData(9, 9, 0, "SplitStep 9, BorrowStep 9")]
    [InlineData(9, 60, 0, "SplitStep 9, BorrowStep 51")] // all of the masked value
    [InlineData(20, 5, 8, "SplitStep 20, BorrowStep 5, ClipStep 16")]
    [InlineData(20, 5, 14, "SplitStep 20, BorrowStep 5, ClipStep 16")]
    [InlineData(20, 5, 15, "SplitStep 20, BorrowStep 5, CompareStep 16")] // never more than 2^15 − 1
    [InlineData(5, 9, 8, "SplitStep 5, BorrowStep 9, CompareStep 1")]
    [InlineData(9, 0, 8, "ClipStep 9")]
    [InlineData(9, 0, 9, "CompareStep 9")]
    [InlineData(20, 5, 14, "SplitStep 20, BorrowStep 5, ClipStep 15", true)]
    [InlineData(20, 5, 15, "SplitStep 20, BorrowStep 5", true)]
    [InlineData(5, 9, 8, "SplitStep 5, BorrowStep 9", true)]
    [InlineData(9, 0, 9, "CompareStep 9", true)]
    public void A_shift_takes_the_rounds_that_its_numbers_ask_for(
        int boundBits, int shift, int saturationBits, string rounds, bool afterRelu = false)
    {
        var shape = new Shape(3, 1, 1);
        PublicLayer first = afterRelu
            ? new(LayerKind.Relu, 0, shape, null, 0, boundBits)
            : new(LayerKind.Linear, 0, shape, Window.Whole(1, 1), 1, boundBits);
        var second = new PublicLayer(LayerKind.Shift, 1, shape, null, 0, boundBits)
        {
            Shift = shift,
            SaturationBits = saturationBits,
        };
        PublicNetwork network = new(new InputDescription(shape, 0, 1, 1), [first, second]);
        BlindedPlan plan = BlindedPlan.Create(network, 2048);
        Assert.Equal(Enumerable.Range(0, plan.Steps.Count), plan.Steps.Select(step => step.Index));
        Assert.Equal(
            rounds,
            string.Join(", ", plan.Steps.OfType<RoundStep>().Where(step => step.Layer == 1)
                .Select(step => $"{step.GetType().Name} {step.BoundBits}")));

        // Both numbers are part of what the parties agree on.
        PublicLayer[] others =
            [second with { Shift = shift + 1 }, second with { SaturationBits = saturationBits + 1 }];
        Assert.All(others, other => Assert.NotEqual(
            plan.Hash.ToArray(),
            BlindedPlan.Create(network with { Layers = [first, other] }, 2048).Hash.ToArray()));
    }

    [Fact]
    public void Images_of_a_query_are_more_items_in_as_many_rounds()
    {
        PublicNetwork network = PublicNetwork.From(SampleNetworks.ConvReluPoolDense(new Random(7)));
        BlindedPlan one = BlindedPlan.Create(network, 2048);
        BlindedPlan five = BlindedPlan.Create(network, 2048, 5);
        Assert.Equal(one.Rounds, five.Rounds);
        Assert.Equal(
            one.Steps.OfType<RoundStep>().Select(s => 5 * s.Chunks.Items),
            five.Steps.OfType<RoundStep>().Select(s => s.Chunks.Items));
        Assert.NotEqual(one.Hash.ToArray(), five.Hash.ToArray());
        foreach (int images in (int[])[0, -1, int.MaxValue, Shape.MaxSize])
        {
            Assert.Throws<PopcornException>(() => BlindedPlan.Create(network, 2048, images));
        }

        foreach (int chunk in (int[])[0, -1, BlindedFamily.MostChunkCiphertexts + 1])
        {
            Assert.Throws<PopcornException>(() => BlindedPlan.Create(network, 2048, 1, chunk));
        }
    }

    [Fact]
    public void A_huge_description_is_refused_before_memory_is_taken()
    {
        var large = new Shape(1, 4096, 4096);
        var relu = new PublicLayer(LayerKind.Relu, 0, large, null, 0, 8);
        var pool = new PublicLayer(
            LayerKind.MaxPool, 0, large, new Window(4096, 4096, 1, 1, 1, 1, 2048, 2048, 4096, 4096), 0, 8);
        var input = new InputDescription(large, 0, 255, 1);
        var many = new PublicLayer(
            LayerKind.MaxPool, 0, large, new Window(1, 2, 1, 1, 1, 1, 0, 1, 4096, 4096), 0, 8);
        foreach (PublicLayer layer in (PublicLayer[])[relu, pool, many])
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Throws<PopcornException>(() =>
                BlindedPlan.Create(new PublicNetwork(input, [.. Enumerable.Repeat(layer, 4096)]), 2048));
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 64 << 20);
        }
    }

    [Fact]
    public void The_largest_pool_that_is_allowed_is_planned_in_bounded_memory()
    {
        // One channel, as many windows as there may be.
        var plane = new Shape(1, 256, 1024);
        var network = new PublicNetwork(
            new InputDescription(plane, 0, 255, 1),
            [new PublicLayer(LayerKind.MaxPoolRelu, 0, plane, Window.Pointwise(256, 1024), 0, 8)]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(2, BlindedPlan.Create(network, 2048).Rounds);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 50L << 20);
    }

    [Fact]
    public void Malformed_descriptions_are_refused()
    {
        PublicNetwork good = PublicNetwork.From(SampleNetworks.ConvReluPoolDense(new Random(7)));
        Refused(good with { Layers = [] });
        Refused(good with { Input = good.Input with { Shape = new Shape(0, 1, 1) } });
        Refused(good with { Input = good.Input with { Maximum = good.Input.Minimum - 1 } });
        for (int i = 0; i < good.Layers.Count; i++)
        {
            Change(i, l => l with { Input = i + 1 });
            Change(i, l => l with { Input = -1 });
            Change(i, l => l with { Kind = (LayerKind)99 });
            Change(i, l => l with { BoundBits = 0 });
            Change(i, l => l with { BoundBits = int.MaxValue });
            Change(i, l => l with { Output = new Shape(int.MaxValue, int.MaxValue, 1) });
            Change(i, l => l with { Output = new Shape(l.Output.Channels, l.Output.Height + 1, l.Output.Width) });
            if (good.Layers[i].Window is not null)
            {
                Change(i, l => l with { Window = null });
                Change(i, l => l with { Window = l.Window!.Value with { StrideX = 0 } });
            }
        }

        good = PublicNetwork.From(SampleNetworks.Branches(new Random(7)));
        int concat = good.Layers.ToList().FindIndex(l => l.Kind == LayerKind.Concat);
        Change(concat, l => l with { OtherInputs = [] });
        Change(concat, l => l with { OtherInputs = [-1] });
        Change(concat, l => l with { OtherInputs = [concat + 1] });
        Change(concat, l => l with { OtherInputs = [0] });
        Change(concat, l => l with { OtherInputs = [.. Enumerable.Repeat(1, 1000)] });
        Change(0, l => l with { OtherInputs = [0] });
        Change(0, l => l with { Shift = 1 });
        good = PublicNetwork.From(SampleNetworks.Residual(new Random(7)));
        int add = good.Layers.ToList().FindIndex(l => l.Kind == LayerKind.Add);
        Change(add, l => l with { OtherInputs = [] });
        Change(add, l => l with { OtherInputs = [0] });
        good = PublicNetwork.From(SampleNetworks.Rescaled(new Random(7)));
        Change(good.Layers.Count - 1, l => l with { Shift = 0 });
        Change(good.Layers.Count - 1, l => l with { Shift = 1 << 20 });
        Change(good.Layers.Count - 1, l => l with { SaturationBits = 8 });
        good = PublicNetwork.From(SampleNetworks.Shifted(new Random(7)));
        Change(0, l => l with { SaturationBits = 8 });
        Change(1, l => l with { Shift = 0, SaturationBits = 0 });
        Change(1, l => l with { Shift = -1 });
        Change(1, l => l with { Shift = 1 << 20 });
        Change(1, l => l with { SaturationBits = -1 });
        Change(1, l => l with { SaturationBits = 65 });

        void Change(int i, Func<PublicLayer, PublicLayer> change)
        {
            PublicLayer[] layers = [.. good.Layers];
            layers[i] = change(layers[i]);
            Refused(good with { Layers = layers });
        }

        static void Refused(PublicNetwork network) =>
            Assert.Throws<PopcornException>(() => BlindedPlan.Create(network, 2048));
    }

    private static string HashOf(PublicNetwork network, int keyBits) =>
        Convert.ToHexString(BlindedPlan.Create(network, keyBits).Hash.Span);
}
