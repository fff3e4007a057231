using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Model;

public class InputDescriptionTests
{
    private static readonly InputDescription Pixels = new(new Shape(1, 2, 4), 0, 255, 1.0 / 255);

    [Fact]
    public void Real_numbers_become_the_nearest_integers_within_the_range()
    {
        Assert.Equal(
            [0, 255, 128, 1, 0, 255, 255, 0],
            Pixels.Quantize([0, 1, 0.501f, 0.9f / 255, -3, 7.5f, float.PositiveInfinity, float.MinValue]));
        for (int value = 0; value < 256; value++)
        {
            Assert.Equal(value, Pixels.Quantize([.. Enumerable.Repeat(value / 255f, 8)])[7]);
        }

        InputDescription signed = Pixels with { Minimum = -128, Maximum = 127, Scale = 0.5 };
        Assert.Equal([-128, 127, -3, 3, 0, 1, 0, -2], signed.Quantize([-64, 64, -1.5f, 1.5f, 0.2f, 0.3f, 0, -0.9f]));
    }

    [Fact]
    public void What_is_no_number_or_of_another_size_is_refused()
    {
        Assert.Throws<PopcornException>(() => Pixels.Quantize(new float[7]));
        PopcornException e = Assert.Throws<PopcornException>(() => Pixels.Quantize([0, 0, 0, float.NaN, 0, 0, 0, 0]));
        Assert.Contains("Value 3", e.Message, StringComparison.Ordinal);
    }
}
