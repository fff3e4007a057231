using System.Globalization;
using System.Net;
using System.Text;

namespace Popcorn.Bench.Report;

/// <summary>Horizontal bars on a logarithmic scale, as SVG that is legible on light and dark ground.</summary>
/// <param name="Title">What is shown, with its unit.</param>
/// <param name="Series">What each bar of a row stands for.</param>
/// <param name="Rows">A name and for each series a positive value.</param>
internal sealed record BarChart(
    string Title, IReadOnlyList<string> Series, IReadOnlyList<(string Name, IReadOnlyList<double> Values)> Rows)
{
    private const int NameWidth = 190, PlotWidth = 430, ValueWidth = 60, Bar = 11, Gap = 9, Top = 50;
    private const int Width = NameWidth + PlotWidth + ValueWidth;
    private const string Ink = "#808080";
    private static readonly string[] Colours = ["#3b82c4", "#e0962f", "#5aa469"];

    /// <summary>The picture.</summary>
    public string ToSvg()
    {
        double[] all = [.. Rows.SelectMany(row => row.Values)];
        double low = Math.Floor(Math.Log10(all.Min())), high = Math.Ceiling(Math.Log10(all.Max()));
        high = Math.Max(high, low + 1);
        int rowHeight = Series.Count * Bar + Gap;
        int height = Top + Rows.Count * rowHeight + 10;
        var svg = new StringBuilder();
        Add($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" ");
        Add($"viewBox=\"0 0 {Width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n");
        Add($"<title>{Text(Title)}</title>\n");
        Label(NameWidth, 14, "start", Title);
        for (int i = 0; i < Series.Count; i++)
        {
            int x = NameWidth + i * 120;
            Add($"<rect x=\"{x}\" y=\"21\" width=\"9\" height=\"9\" fill=\"{Colours[i]}\"/>\n");
            Label(x + 14, 30, "start", Series[i]);
        }

        for (double power = low; power <= high; power++)
        {
            double x = At(Math.Pow(10, power));
            Add($"<line x1=\"{x:0.#}\" y1=\"{Top - 4}\" x2=\"{x:0.#}\" y2=\"{height - 8}\" ");
            Add($"stroke=\"{Ink}\" stroke-opacity=\"0.35\"/>\n");
            Label(x, Top - 7, "middle", Math.Pow(10, power).ToString("G6", CultureInfo.InvariantCulture));
        }

        for (int r = 0; r < Rows.Count; r++)
        {
            int y = Top + r * rowHeight;
            Label(NameWidth - 8, y + (rowHeight - Gap) / 2 + 4, "end", Rows[r].Name);
            for (int i = 0; i < Series.Count; i++)
            {
                double value = Rows[r].Values[i];
                double end = At(value);
                Add($"<rect class=\"bar\" x=\"{NameWidth}\" y=\"{y + i * Bar}\" width=\"{end - NameWidth:0.#}\" ");
                Add($"height=\"{Bar - 1}\" fill=\"{Colours[i]}\"/>\n");
                Label(end + 4, y + i * Bar + 9, "start", value.ToString("G3", CultureInfo.InvariantCulture));
            }
        }

        return svg.Append("</svg>\n").ToString();

        double At(double value) => NameWidth + Math.Max(1, (Math.Log10(value) - low) / (high - low) * PlotWidth);

        void Label(double x, double y, string anchor, string text) =>
            Add($"<text x=\"{x:0.#}\" y=\"{y:0.#}\" text-anchor=\"{anchor}\" fill=\"{Ink}\">{Text(text)}</text>\n");

        void Add(FormattableString part) => svg.Append(part.ToString(CultureInfo.InvariantCulture));
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
