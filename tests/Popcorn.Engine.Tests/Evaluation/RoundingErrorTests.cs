using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Model;
using Popcorn.Engine.Tests.Sessions;

namespace Popcorn.Engine.Tests.Evaluation;

public class RoundingErrorTests
{
    /// <summary>A rescaling is off by 1, a sum of weights by 14; what a shift drops of that may yet carry.</summary>
    [Theory]
    [InlineData(0, 0, 14)]
    [InlineData(1, 0, 7)]
    [InlineData(3, 0, 2)]
    [InlineData(3, 5, 2)]
    [InlineData(4, 0, 1)]
    [InlineData(60, 0, 1)]
    [InlineData(0, 3, 14)]
    public async Task A_shift_divides_an_error_and_rounds_it_up(int shift, int saturationBits, int expected)
    {
        var shape = new Shape(3, 1, 1);
        var rescale = new RescaleLayer("rescale", 0, shape, 3);
        var dense = new LinearLayer(
            "dense", 1, new Shape(2, 1, 1), Window.Whole(1, 1), 1, [5, -7, 2, 1, 1, 1], [3, 0]);
        var layers = new List<Layer> { rescale, dense };
        if (shift > 0 || saturationBits > 0)
        {
            layers.Add(new ShiftLayer("shift", 2, dense.Output, shift, saturationBits));
        }

        var network = new IntegerNetwork(new InputDescription(shape, 0, 255, 1), layers, 1);
        Assert.Equal(expected, RoundingError.Of(network));
        await SessionTests.AssertAgreesAsync(network, new Random(shift), expected);
    }

    [Fact]
    public void Shifts_alone_are_exact() =>
        Assert.Equal(0, RoundingError.Of(SampleNetworks.Shifted(new Random(3))));

    /// <summary>Random networks hold every kind of layer; without a rescaling nothing is off.</summary>
    [Fact]
    public void Every_kind_has_a_bound() => Assert.All(
        Enumerable.Range(0, 200).Select(seed => RandomNetworks.Create(seed)),
        network =>
        {
            double error = RoundingError.Of(network);
            Assert.True(error >= 0);
            Assert.True(error == 0 || network.Layers.Any(layer => layer.Kind == LayerKind.Rescale));
        });
}
