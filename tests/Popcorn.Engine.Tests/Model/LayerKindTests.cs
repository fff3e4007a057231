using Popcorn.Engine.Compression;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;

namespace Popcorn.Engine.Tests.Model;

/// <summary>
/// A new kind of layer is either handled wherever a kind decides, or refused there: nothing is computed by default. The
/// random networks carry a kind through model files, evaluation, every family and all else that is tested on them.
/// </summary>
public class LayerKindTests
{
    [Fact]
    public void Random_networks_hold_every_kind()
    {
        Layer[] layers = [.. Enumerable.Range(0, 200).SelectMany(seed => RandomNetworks.Create(seed).Layers)];
        Assert.Equal(Enum.GetValues<LayerKind>(), layers.Select(layer => layer.Kind).Distinct().Order());
        Assert.Equal(
            typeof(Layer).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Layer))).Select(t => t.Name).Order(),
            layers.Select(layer => layer.GetType().Name).Distinct().Order());
    }

    [Fact]
    public void Kinds_have_the_numbers_of_the_wire()
    {
        Assert.Equal(
            Enum.GetValues<LayerKind>().Select(kind => (int)kind),
            Enum.GetValues<Popcorn.Engine.Model.Messages.PublicLayer.Types.Kind>().Select(kind => (int)kind).Skip(1));
        Assert.All(Enum.GetValues<LayerKind>(), kind => Assert.Equal(
            kind.ToString(), ((Popcorn.Engine.Model.Messages.PublicLayer.Types.Kind)kind).ToString()));
    }

    [Fact]
    public void A_kind_that_nobody_knows_is_refused_everywhere()
    {
        var layer = new UnknownLayer("odd", 0, new Shape(1, 2, 2));
        var network = new IntegerNetwork(new InputDescription(layer.Output, 0, 255, 1), [layer], 1);
        Action[] choices =
        [
            () => _ = layer.KindName,
            () => _ = layer.Describe(1).IsNeverNegative,
            () => _ = layer.Describe(1).PoolTaps,
            () => NetworkValidator.Validate(network),
            () => PublicNetwork.From(network).Validate(),
            () => ModelFile.Save(network, new MemoryStream()),
            () => _ = new PlainEvaluator(network),
            () => PlainLayer.For(layer, layer.Output, [new Interval(0, 255)], 1),
            () => RoundingError.Of(network),
            () => DeadChannels.Remove(network, out _),
            .. FamilyRegistry.All.Select(family => (Action)(() => PlanBy(family))),
        ];
        Assert.All(choices, choice => Assert.ThrowsAny<Exception>(choice));

        void PlanBy(Family family)
        {
            using ServerModel model = family.Compile(network, PublicNetwork.From(network));
            model.PlanFor(2048);
        }
    }

    private sealed record UnknownLayer(string Name, int Input, Shape Output) : Layer(Name, Input, Output)
    {
        public override LayerKind Kind => (LayerKind)99;

        internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) => sources[0];
    }
}
