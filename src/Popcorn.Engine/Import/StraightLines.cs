namespace Popcorn.Engine.Import;

/// <summary>
/// A function that approaches a straight line on either side, such as x·sigmoid(x): left·min(x, 0) + right·max(x, 0)
/// and a bounded remainder.
/// </summary>
/// <param name="Function">The function.</param>
/// <param name="Left">Slope towards −∞.</param>
/// <param name="Right">Slope towards +∞.</param>
/// <param name="Span">Beyond it, on either side, the remainder does not change.</param>
internal sealed record StraightLines(Func<double, double> Function, double Left, double Right, double Span)
{
    /// <summary>Powers of two between which functions are looked at.</summary>
    private const int Least = -6, Most = 20;

    private const double Tolerance = 1e-7;

    /// <summary>Points at which the remainder is looked at.</summary>
    private const int Samples = 1 << 16;

    /// <summary>The lines that a function approaches; null where it approaches none.</summary>
    public static StraightLines? Of(Func<double, double> function)
    {
        double far = Math.Pow(2, Most);
        double left = Snapped((function(-far / 2) - function(-far)) / (far / 2));
        double right = Snapped((function(far) - function(far / 2)) / (far / 2));
        var lines = new StraightLines(function, left, right, far);
        double[] ends = [lines.Remainder(-far), lines.Remainder(far)];
        if (!double.IsFinite(left) || !double.IsFinite(right) || !lines.IsConstantAt(0.7 * far, ends))
        {
            return null;
        }

        int power = Most - 1;
        while (power > Least && lines.IsConstantAt(Math.Pow(2, power - 1), ends))
        {
            power--;
        }

        lines = lines with { Span = Math.Pow(2, power) };
        return Array.TrueForAll(lines.Points(), x => double.IsFinite(function(x))) ? lines : null;
    }

    /// <summary>
    /// A staircase of equal steps that stands for the remainder: where it passes one of the middles between levels, it
    /// takes a step up or down.
    /// </summary>
    /// <param name="steps">About so many steps.</param>
    public (Cut[] Cuts, double Low, double[] Heights, double Height) Staircase(int steps)
    {
        double[] points = Points();
        double[] values = Array.ConvertAll(points, Remainder);
        double low = values.Min(), range = values.Max() - low;
        if (range < Tolerance)
        {
            return ([], values[0], [], 0);
        }

        // A function that goes up and down passes each level several times.
        double travelled = values.Skip(1).Zip(values, (b, a) => Math.Abs(b - a)).Sum();
        int levels = Math.Max((int)(steps * range / travelled + Tolerance), 1);
        double height = range / levels;
        var cuts = new List<Cut>();
        var heights = new List<double>();
        int level = Level(values[0]);
        double first = low + level * height;
        for (int i = 1; i < points.Length; i++)
        {
            for (int next = Level(values[i]); level != next; level += Math.Sign(next - level))
            {
                bool up = next > level;
                double middle = low + (level + (up ? 0.5 : -0.5)) * height;
                cuts.Add(new Cut(Crossing(points[i - 1], points[i], middle, up), false));
                heights.Add(up ? height : -height);
            }
        }

        return ([.. cuts], first, [.. heights], height);

        int Level(double value) => (int)Math.Round((value - low) / height);
    }

    private double[] Points() =>
        [.. Enumerable.Range(0, Samples + 1).Select(i => Span * (2.0 * i / Samples - 1))];

    /// <summary>Where the remainder passes a number between two points.</summary>
    private double Crossing(double from, double to, double number, bool up)
    {
        for (int i = 0; i < 50; i++)
        {
            double middle = (from + to) / 2;
            (from, to) = Remainder(middle) < number == up ? (middle, to) : (from, middle);
        }

        return to;
    }

    private double Remainder(double x) => Function(x) - Left * Math.Min(x, 0) - Right * Math.Max(x, 0);

    private bool IsConstantAt(double x, double[] ends) =>
        Math.Abs(Remainder(-x) - ends[0]) <= Tolerance && Math.Abs(Remainder(x) - ends[1]) <= Tolerance;

    /// <summary>A slope, or the integer that it is but for what arithmetic on doubles leaves.</summary>
    private static double Snapped(double slope) =>
        Math.Abs(slope - Math.Round(slope)) < 1e-9 ? Math.Round(slope) : slope;
}
