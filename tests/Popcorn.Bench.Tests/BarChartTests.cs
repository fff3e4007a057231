using System.Globalization;
using System.Xml.Linq;
using Popcorn.Bench.Report;

namespace Popcorn.Bench.Tests;

public sealed class BarChartTests
{
    [Fact]
    public void Every_value_has_a_bar_whose_length_tells_its_size()
    {
        var chart = new BarChart(
            "Seconds", ["measured", "predicted"], [("a < b & c", [0.1, 1.0]), ("long", [1000.0, 10.0])]);
        XDocument svg = XDocument.Parse(chart.ToSvg());
        double[] lengths =
        [
            .. svg.Descendants().Where(e => e.Attribute("class")?.Value == "bar")
                .Select(e => double.Parse(e.Attribute("width")!.Value, CultureInfo.InvariantCulture)),
        ];
        Assert.Equal(4, lengths.Length);

        // From 0.1 to 1,000 there are four powers of ten.
        Assert.Equal(lengths[2], 4 * lengths[1], tolerance: 1);
        Assert.Equal(lengths[2], 2 * lengths[3], tolerance: 1);
        Assert.Contains(svg.Descendants(), e => e.Value == "a < b & c");
    }
}
