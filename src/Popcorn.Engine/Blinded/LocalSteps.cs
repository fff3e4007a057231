using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>The server works on ciphertexts alone.</summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Sizes">What its sizes follow from.</param>
/// <param name="Described">The layer.</param>
internal abstract record LocalStep(StepPlace Place, StepSizes Sizes, PublicLayer Described) : BlindedStep(Place, Sizes)
{
    /// <summary>How its output could be packed: a value that does not fit the key is refused here.</summary>
    protected SlotLayout Packed { get; } = Sizes.Fit(Place, new SlotFields(Described.BoundBits + 1, 0));

    /// <summary>Shape of the layer's output, of one image.</summary>
    protected Shape Shape => Described.Output;

    public override StepCost Cost => StepCost.None;

    public override long ServerBytes => 0;

    public override string Describe() => GetType().Name;

    public override Task ServeAsync(BlindedServerQuery query)
    {
        query.Exchange.Report(this, 0, 1);
        query.Finish(this, Run(query));
        query.Exchange.Report(this, 1, 1);
        return Task.CompletedTask;
    }

    /// <summary>The layer's output, all images of it.</summary>
    protected abstract CiphertextBatch Run(BlindedServerQuery query);

    protected static int[] Range(int start, int count) => [.. Enumerable.Range(start, count)];
}

/// <summary>A linear layer.</summary>
internal sealed record LinearStep(StepPlace Place, StepSizes Sizes, PublicLayer Described)
    : LocalStep(Place, Sizes, Described)
{
    protected override CiphertextBatch Run(BlindedServerQuery query) =>
        query.Model.LinearAt(Layer).Run(query.InputOf(this), Sizes.Images, query.Context);
}

/// <summary>A sum of two values: a linear layer over both with their channels in turn.</summary>
internal sealed record AddStep(StepPlace Place, StepSizes Sizes, PublicLayer Described)
    : LocalStep(Place, Sizes, Described)
{
    public override long ServerBytes => 2L * Sizes.Images * Shape.Size * Sizes.MemoryBytes;

    /// <summary>The sum as a linear layer: first, second, first, …</summary>
    public static LinearLayer AsLinear(AddLayer add) => new(
        add.Name, add.Input, add.Output, Window.Pointwise(add.Output.Height, add.Output.Width), add.Output.Channels,
        [.. add.Factors.Zip(add.SecondFactors).SelectMany(f => (int[])[f.First, f.Second])],
        new BigInteger[add.Output.Channels]);

    /// <summary>What that layer reads.</summary>
    public static Shape BothOf(AddLayer add) => add.Output with { Channels = 2 * add.Output.Channels };

    protected override CiphertextBatch Run(BlindedServerQuery query)
    {
        int[] inputs = [.. query.Plan.Network.Layers[Layer].Inputs];
        using var both = new CiphertextBatch(query.Context.Key, 2 * Sizes.Images * Shape.Size);
        for (int plane = 0; plane < Sizes.Images * Shape.Channels; plane++)
        {
            int[] elements = Range(plane * Shape.Area, Shape.Area);
            both.Gather(query.Values[inputs[0]], elements, 2 * plane * Shape.Area);
            both.Gather(query.Values[inputs[1]], elements, (2 * plane + 1) * Shape.Area);
        }

        return query.Model.LinearAt(Layer).Run(both, Sizes.Images, query.Context);
    }
}

/// <summary>Values side by side, image by image.</summary>
internal sealed record ConcatStep(StepPlace Place, StepSizes Sizes, PublicLayer Described)
    : LocalStep(Place, Sizes, Described)
{
    protected override CiphertextBatch Run(BlindedServerQuery query)
    {
        var joined = new CiphertextBatch(query.Context.Key, Sizes.Images * Shape.Size);
        int next = 0;
        for (int image = 0; image < Sizes.Images; image++)
        {
            foreach (int value in query.Plan.Network.Layers[Layer].Inputs)
            {
                int size = query.Plan.Network.ShapeOf(value).Size;
                joined.Gather(query.Values[value], Range(image * size, size), next);
                next += size;
            }
        }

        return joined;
    }
}

/// <summary>A pool whose windows hold one element each: nothing to compare.</summary>
internal sealed record SelectStep(StepPlace Place, StepSizes Sizes, PublicLayer Described, Tournament Tournament)
    : LocalStep(Place, Sizes, Described)
{
    public override string Describe() => nameof(SelectStep);

    protected override CiphertextBatch Run(BlindedServerQuery query)
    {
        using var players = new TournamentPlayers(Tournament, Sizes.Images, query.InputOf(this), query.Context);
        return players.Winners();
    }
}
