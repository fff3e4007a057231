using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// The plan of a query: which values are compared in which round, how they share plaintexts and messages.
/// </summary>
internal sealed class BlindedPlan : Plan
{
    private BlindedPlan(
        PublicNetwork network, int keyBits, int images, int chunkCiphertexts, IReadOnlyList<BlindedStep> steps)
        : base(
            $"blinded, key {keyBits} chunk {chunkCiphertexts} carrier {SignCarrier.LeastBits}+{SignCarrier.BlurBits} "
            + $"mask {Masks.HidingBits}",
            network, images, steps)
    {
        KeyBits = keyBits;
        ChunkCiphertexts = chunkCiphertexts;
    }

    /// <summary>Bits of the Paillier modulus.</summary>
    public int KeyBits { get; }

    /// <summary>See <see cref="BlindedFamily.ChunkCiphertexts"/>.</summary>
    public int ChunkCiphertexts { get; }

    /// <summary>Makes the plan of a network for a key size.</summary>
    /// <param name="network">The network.</param>
    /// <param name="keyBits">Bits of the modulus.</param>
    /// <param name="images">Images that one query classifies.</param>
    /// <param name="chunkCiphertexts">See <see cref="BlindedFamily.ChunkCiphertexts"/>.</param>
    /// <exception cref="PopcornException">
    /// A value outgrows the plaintexts of such a key, or a step would have too many items.
    /// </exception>
    public static BlindedPlan Create(
        PublicNetwork network, int keyBits, int images = 1,
        int chunkCiphertexts = BlindedFamily.DefaultChunkCiphertexts)
    {
        network.Validate();
        CheckChunk(chunkCiphertexts);
        CheckImages(network, images);
        var sizes = new StepSizes(keyBits, images, chunkCiphertexts);
        var steps = new List<BlindedStep> { new InputStep(sizes, network.Input.Shape) };
        for (int i = 0; i < network.Layers.Count; i++)
        {
            steps.AddRange(StepsOf(network, i, steps.Count, sizes));
        }

        steps.Add(new OutputStep(new StepPlace(steps.Count, -1, "logits"), sizes, network.Layers[^1]));
        return new BlindedPlan(network, keyBits, images, chunkCiphertexts, steps);
    }

    /// <summary>Refuses chunks out of range.</summary>
    public static void CheckChunk(int chunkCiphertexts)
    {
        if (chunkCiphertexts is < 1 or > BlindedFamily.MostChunkCiphertexts)
        {
            throw new PopcornException(
                $"A chunk holds 1 to {BlindedFamily.MostChunkCiphertexts} packed ciphertexts, not {chunkCiphertexts}.");
        }
    }

    internal override Work AloneInRound(Phase phase) =>
        new((Operation.Square, KeyBits), (Operation.Rerandomise, 1), (Operation.Decrypt, 1));

    public override long ServerBytesOf(Shape value) =>
        (long)Images * value.Size * PaillierLibrary.NumberBytes(KeyBits);

    private static IEnumerable<BlindedStep> StepsOf(PublicNetwork network, int i, int index, StepSizes sizes)
    {
        PublicLayer layer = network.Layers[i];
        Shape input = network.ShapeOf(layer.Input);
        int bits = network.BoundBitsOf(layer.Input);
        var place = new StepPlace(index, i, $"{layer.KindName} {i + 1}");
        return layer.Kind switch
        {
            LayerKind.Linear => [new LinearStep(place, sizes, layer)],
            LayerKind.Add => [new AddStep(place, sizes, layer)],
            LayerKind.Concat => [new ConcatStep(place, sizes, layer)],
            LayerKind.Clip => [new ClipStep(place, sizes, input.Size, bits)],
            LayerKind.Rescale => [new RescaleStep(place, sizes, input.Size, bits, layer.Shift)],
            LayerKind.Shift => ShiftSteps.Of(layer, place, sizes, bits, !network.IsNeverNegative(layer.Input)),
            LayerKind.Sign => [new SignStep(place, sizes, input.Size, bits)],
            LayerKind.Square => [new SquareStep(place, sizes, input.Size, bits)],
            LayerKind.Relu => Compare(Tournament.AgainstZero(input.Size)),
            LayerKind.MaxPool => Compare(Tournament.OverWindows(layer.Window!.Value, input, withZero: false)),
            LayerKind.MaxPoolRelu => Compare(Tournament.OverWindows(layer.Window!.Value, input, withZero: true)),
        };

        IEnumerable<BlindedStep> Compare(Tournament tournament) => tournament.Rounds.Count == 0
            ? [new SelectStep(place, sizes, layer, tournament)]
            : CompareStep.Of(tournament, place, sizes, input, bits);
    }
}
