using Popcorn.Engine.Costs;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;

namespace Popcorn.Engine.Tests.Costs;

public class InspectionTests
{
    [Fact]
    public void Layers_are_described_and_add_up()
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(7));
        using var model = new ServedModel("net", network);
        var times = new OperationTimes(1e-6, 1e-6, 1e-3, 1e-3, 1e-3, 1e-5, 1e-5);

        Inspection one = model.Inspect(new InspectionConditions(2048, times, Cores: 1));
        Inspection two = model.Inspect(new InspectionConditions(2048, times, Cores: 2));

        Assert.Equal(["conv", "relu", "maxpool", "dense"], one.Layers.Select(l => l.Kind));
        Assert.Equal([126, 126, 36, 5], one.Layers.Select(l => l.Outputs));
        LayerReport conv = one.Layers[0];
        Assert.Equal(((LinearLayer)network.Layers[0]).NonZero, conv.Nnz);

        // 3x3 taps with padding 1 over 7x6: rows see 19 of 21 taps, columns 16 of 18; 2 channels in, 3 out.
        Assert.Equal(19 * 16 * 2 * 3, conv.Macs);
        Assert.All(one.Layers, l => Assert.True(l.BoundBits > 0 && l.Products > 0 && l.Strategy.Length > 0));
        Assert.True(one.Predicted.Products >= one.Layers.Sum(l => l.Products));

        // In every round one of two cores waits for a ciphertext to be packed, re-randomised and decrypted.
        double waits = one.Predicted.Rounds * (2048e-6 + 1e-3 + 1e-3) / 2;
        Assert.Equal(one.Predicted.Seconds / 2 + waits, two.Predicted.Seconds, 9);
        // ReLU, two rounds of 2x2 maxima, and the input that the logits answer.
        Assert.Equal(4, one.Predicted.Rounds);
    }

    [Fact]
    public void Kernel_times_are_measured()
    {
        using var model = new ServedModel("net", SampleNetworks.ConvReluPoolDense(new Random(7)));
        OperationTimes times = OperationTimes.Measure(
            model.PlanFor(TestKeys.Bits), TestKeys.Bits, cores: 1, options: TestKeys.Options);
        double[] all =
        [
            times.Product, times.Square, times.Import, times.Export, times.Rerandomise, times.EncryptOwner,
            times.Decrypt,
        ];
        Assert.All(all, t => Assert.InRange(t, 1e-8, 1));
        Assert.True(times.Product < times.Decrypt);
    }
}
