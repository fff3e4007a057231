using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Model;

public class NetworkValidatorTests
{
    private static readonly Shape Plane = new(4, 5, 5);

    private static readonly LinearLayer Good = new(
        "conv", 0, new Shape(2, 5, 5), new Window(3, 3, 1, 1, 1, 1, 1, 1, 5, 5), 2, new int[36], new BigInteger[2]);

    public static TheoryData<string, object> Malformed => new()
    {
        { "does not come before", Good with { Input = 1 } },
        { "does not come before", Good with { Input = -1 } },
        { "not valid", Good with { Output = new Shape(2, 5, 0) } },
        { "not valid", Good with { Window = Good.Window with { StrideX = 0 } } },
        { "not valid", Good with { Window = Good.Window with { PadTop = -1 } } },
        { "not valid", Good with { Window = Good.Window with { KernelHeight = int.MaxValue } } },
        { "not its window's", Good with { Output = new Shape(2, 5, 4) } },
        { "groups", Good with { Groups = 0 } },
        { "groups", Good with { Groups = 3 } },
        { "instead of 72", Good with { Groups = 1 } },
        { "instead of 36", Good with { Weights = new int[35] } },
        { "out of range", Good with { Weights = [int.MinValue, .. new int[35]] } },
        { "biases", Good with { Bias = new BigInteger[3] } },
        { "bits", Good with { Bias = [0, BigInteger.One << 20_000] } },
        { "longer", Good with { Name = new string('x', 300) } },
        { "control character", Good with { Name = "a\nb" } },
        { "not its input's", new ReluLayer("r", 0, Plane with { Width = 4 }) },
        { "not its input's", new SquareLayer("s", 0, Plane with { Channels = 1 }) },
        { "padding has 9", Good with { Padding = new BigInteger[9] } },
        { "bits", Good with { Padding = [.. Enumerable.Repeat(BigInteger.One << 20_000, 18)] } },
        { "does not come before", new AddLayer("a", 0, 1, Plane, new int[4], new int[4]) },
        { "not its input's", new AddLayer("a", 0, 0, Plane with { Width = 4 }, new int[4], new int[4]) },
        { "3 factors", new AddLayer("a", 0, 0, Plane, new int[4], new int[3]) },
        { "out of range", new AddLayer("a", 0, 0, Plane, [int.MinValue, 0, 0, 0], new int[4]) },
        { "does not come before", new ConcatLayer("c", 0, [-1], Plane with { Channels = 8 }) },
        { "it joins 8 channels to 9", new ConcatLayer("c", 0, [0], Plane with { Channels = 9 }) },
        { "different height", new ConcatLayer("c", 0, [0], new Shape(8, 5, 4)) },
        { "more than 64", new ConcatLayer("c", 0, new int[64], Plane with { Channels = 260 }) },
        { "5 caps", new ClipLayer("c", 0, Plane, new BigInteger[5]) },
        { "negative", new ClipLayer("c", 0, Plane, [1, 2, -3, 4]) },
        { "shifts by 0", new RescaleLayer("r", 0, Plane, 0) },
        { "shifts by 5000", new RescaleLayer("r", 0, Plane, 5000) },
        { "neither shifts", new ShiftLayer("s", 0, Plane, 0, 0) },
        { "shifts by -1", new ShiftLayer("s", 0, Plane, -1, 0) },
        { "shifts by 1025", new ShiftLayer("s", 0, Plane, 1025, 0) },
        { "saturates at -1", new ShiftLayer("s", 0, Plane, 3, -1) },
        { "saturates at 65", new ShiftLayer("s", 0, Plane, 3, 65) },
        { "not its input's", new ShiftLayer("s", 0, Plane with { Height = 4 }, 3, 0) },
        { "number of channels", new MaxPoolLayer("m", 0, new Shape(3, 5, 5), Window.Pointwise(5, 5), false) },
        { "outside the plane", new MaxPoolLayer("m", 0, new Shape(4, 6, 5), Window.Pointwise(6, 5), false) },
        {
            "outside the plane",
            new MaxPoolLayer("m", 0, new Shape(4, 1, 1), new Window(2, 2, 1, 1, 1, 1, 2, 0, 1, 1), true)
        },
    };

    [Fact]
    public void A_good_layer_passes() => NetworkValidator.Validate(With(Good));

    [Theory]
    [MemberData(nameof(Malformed), DisableDiscoveryEnumeration = true)]
    public void A_malformed_layer_is_named(string finding, object malformed)
    {
        var layer = (Layer)malformed;
        string message = Assert.Throws<PopcornException>(() => NetworkValidator.Validate(With(layer))).Message;
        Assert.Contains(finding, message);
        Assert.Contains($"layer 1 ({layer.KindName}", message);
    }

    [Fact]
    public void A_malformed_input_is_refused()
    {
        IntegerNetwork network = With(Good);
        void Refuses(InputDescription input) =>
            Assert.Throws<PopcornException>(() => NetworkValidator.Validate(network with { Input = input }));
        Refuses(network.Input with { Shape = new Shape(4, 0, 5) });
        Refuses(network.Input with { Minimum = 255 });
        Refuses(network.Input with { Scale = 0 });
        Refuses(network.Input with { Scale = double.PositiveInfinity });
        Assert.Throws<PopcornException>(() => NetworkValidator.Validate(network with { Layers = [] }));
        foreach (string version in (string[])[new string('1', 65), "1\n2"])
        {
            Assert.Throws<PopcornException>(() => NetworkValidator.Validate(network with { Version = version }));
        }

        Assert.Throws<PopcornException>(() => NetworkValidator.Validate(network with { LogitScale = -1 }));
    }

    private static IntegerNetwork With(Layer layer) => new(new InputDescription(Plane, 0, 255, 1), [layer], 1);
}
