namespace Popcorn.Engine.Import;

/// <summary>A strictly increasing function with bounds that it approaches and never takes.</summary>
/// <param name="Low">Greatest lower bound.</param>
/// <param name="High">Least upper bound.</param>
/// <param name="Function">The function.</param>
/// <param name="Inverse">The inverse between the bounds.</param>
internal sealed record MonotoneFunction(
    double Low, double High, Func<double, double> Function, Func<double, double> Inverse)
{
    public static MonotoneFunction Tanh { get; } = new(-1, 1, Math.Tanh, Math.Atanh);

    public static MonotoneFunction Sigmoid { get; } =
        new(0, 1, x => 1 / (1 + Math.Exp(-x)), y => Math.Log(y / (1 - y)));

    public static MonotoneFunction Softsign { get; } =
        new(-1, 1, x => x / (1 + Math.Abs(x)), y => y / (1 - Math.Abs(y)));

    public static MonotoneFunction Atan { get; } = new(-Math.PI / 2, Math.PI / 2, Math.Atan, Math.Tan);

    /// <summary>The error function.</summary>
    public static MonotoneFunction Erf { get; } = new(-1, 1, ErrorFunction.Of, ErrorFunction.Inverse);

    /// <summary>The staircase closest to it with some number of equal steps: off by half a step at most.</summary>
    public (double[] Thresholds, double Height) Staircase(int steps)
    {
        double height = (High - Low) / steps;
        return ([.. Enumerable.Range(0, steps).Select(k => Inverse(Low + (k + 0.5) * height))], height);
    }
}
