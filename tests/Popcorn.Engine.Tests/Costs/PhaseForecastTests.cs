using Popcorn.Engine.Costs;
using Popcorn.Engine.Families;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;

namespace Popcorn.Engine.Tests.Costs;

/// <summary>Predictions of a family that prepares.</summary>
public class PhaseForecastTests
{
    private static readonly Family Shares = FamilyRegistry.All.Single(family => family.Name == "shares");

    private static readonly OperationTimes Times = new(1e-6, 1e-6, 1e-3, 1e-3, 1e-3, 1e-5, 1e-5)
    {
        Transfers = new TransferTimes(1e-5, 1e-6, 1e-5, 1e-5, 1e-7, 1e-7, 1e-6, 1e-7, 1e-4, 1e-9),
    };

    private static readonly Lazy<ServedModel> Model = new(() => ServedModel.ForAble(
        "net", SampleNetworks.ConvReluPoolDense(new Random(7)), [Shares], 2048, (_, _) => { }));

    private static Plan Plan => Model.Value.PlanFor(2048, family: Shares);

    [Fact]
    public void Layers_say_how_they_are_computed_and_what_they_take()
    {
        Inspection inspection = Inspect(cores: 1);
        Assert.All(inspection.Layers, layer =>
        {
            Assert.True(layer.RingBits >= layer.BoundBits && layer.GuardBits >= 0, layer.Name);
            Assert.Equal(layer.Kind is "conv" or "dense", layer.PackedAs is not null);
            Assert.Equal(layer.PackedAs is null, layer.Slots is null);
            Assert.Equal(layer.PackedAs is null, layer.Comparisons > 0);
            Assert.True(layer.PrepareSeconds > 0 && layer.OnlineSeconds > 0, layer.Name);
            Assert.True(layer.PrepareBytes > 0, layer.Name);
        });
        Assert.Equal(126, inspection.Layers[1].Comparisons);
    }

    [Fact]
    public void Layers_add_up_to_phases()
    {
        Inspection inspection = Inspect(cores: 1);
        PhaseUse prepare = inspection.Predicted.Prepare!, online = inspection.Predicted.Online!;
        Assert.Equal(prepare.Seconds, inspection.Layers.Sum(layer => layer.PrepareSeconds!.Value), 9);
        Assert.Equal(prepare.BytesUp + prepare.BytesDown, inspection.Layers.Sum(layer => layer.PrepareBytes));

        // What remains of the query is the input and the logits, and of preparing it the leave to.
        Assert.Equal(prepare.Rounds + online.Rounds - 2, inspection.Layers.Sum(layer => layer.Rounds));
        double ends = online.Seconds - inspection.Layers.Sum(layer => layer.OnlineSeconds!.Value);
        Assert.InRange(ends, 2e-4, 3e-4);
    }

    [Fact]
    public void One_core_does_all_work_and_two_share_preparation()
    {
        Prediction one = Inspect(cores: 1).Predicted, two = Inspect(cores: 2).Predicted;
        Assert.Equal(one.ServerSeconds + one.ClientSeconds, one.Seconds, 9);
        Assert.InRange(two.Prepare!.Seconds, one.Prepare!.Seconds / 2, one.Prepare.Seconds * 0.75);
        Assert.InRange(two.Online!.Seconds, one.Online!.Seconds * 0.8, one.Online.Seconds);
    }

    [Fact]
    public void Tickets_take_transfers_of_both_parties_and_the_query_takes_none()
    {
        StepCost prepare = Plan.CostOf(Phase.Offline), online = Plan.CostOf(Phase.Online);
        Assert.True(prepare.Server[Operation.Transfer] > 1000);
        Assert.Equal(prepare.Server[Operation.Transfer], prepare.Client[Operation.Transfer]);
        Assert.Equal(0, online.Server[Operation.Transfer]);
        Assert.Equal(0, prepare.Server[Operation.CompareBit]);
        Assert.Equal(online.Server[Operation.CompareBit], online.Client[Operation.CompareBit]);
        foreach (StepCost cost in (StepCost[])[prepare, online])
        {
            Assert.InRange(cost.Client[Operation.MessageByte], cost.BytesUp * 0.9, cost.BytesUp);
            Assert.InRange(cost.Server[Operation.MessageByte], cost.BytesDown * 0.9, cost.BytesDown);
        }
    }

    [Fact]
    public void Lanes_of_a_kernel_that_stay_empty_take_as_long()
    {
        PlanStep step = Plan.Steps.First(step => step.Cost.Client[Operation.EncryptOwner] > 0);
        double sent = step.Cost.Client[Operation.EncryptOwner];
        Assert.Equal(sent, step.CostIn(1).Client[Operation.EncryptOwner]);
        Assert.Equal(Math.Ceiling(sent / 64) * 64, step.CostIn(64).Client[Operation.EncryptOwner]);
        Assert.Equal(step.Cost.BytesUp, step.CostIn(64).BytesUp);
    }

    [Fact]
    public void Times_are_measured()
    {
        TransferTimes times = TransferTimes.Measure(cores: 1);
        double[] all =
            [times.Transfer, times.TicketHash, times.CompareBit, times.Accumulate, times.AccumulateWide, times.Move];
        Assert.All(all, seconds => Assert.InRange(seconds, 1e-12, 1e-4));
        Assert.InRange(times.Message, 0, 1);
        Assert.InRange(times.MessageByte, 0, 1e-6);
    }

    private static Inspection Inspect(int cores) =>
        Model.Value.Inspect(new InspectionConditions(2048, Times, cores), family: Shares);
}
