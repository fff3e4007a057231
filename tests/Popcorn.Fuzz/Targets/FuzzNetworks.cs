using Popcorn.Engine.Model;
using Popcorn.Engine.Tests;

namespace Popcorn.Fuzz.Targets;

/// <summary>Networks that targets read, plan or run.</summary>
internal static class FuzzNetworks
{
    /// <summary>A round of every kind, in few and small messages.</summary>
    public static IntegerNetwork Tiny { get; } = new SampleNetworks.Builder(new Random(1), new Shape(1, 3, 3))
        .Conv(2, 2, 1, 0, limit: 3).Relu().Clip(100).MaxPool(2, 1, 0, ceil: false, withZero: false).Square().Rescale(2)
        .Shift(2, 4).Dense(2, limit: 2).Sign().Dense(2, limit: 3).Build();

    /// <summary>One of each kind of layer, at least.</summary>
    public static IReadOnlyList<IntegerNetwork> All { get; } =
    [
        Tiny, .. new Func<Random, IntegerNetwork>[]
        {
            SampleNetworks.ConvReluPoolDense, SampleNetworks.Squares, SampleNetworks.Signs, SampleNetworks.MergedPools,
            SampleNetworks.GroupsAndAverages, SampleNetworks.Residual, SampleNetworks.Branches, SampleNetworks.Clipped,
            SampleNetworks.Rescaled, SampleNetworks.Shifted,
        }.Select(make => make(new Random(1))),
    ];
}
