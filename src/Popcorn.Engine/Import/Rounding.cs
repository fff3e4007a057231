using System.Numerics;

namespace Popcorn.Engine.Import;

/// <summary>From reals to integers.</summary>
internal static class Rounding
{
    /// <summary>How close to an integer, relatively, counts as one: what arithmetic on doubles leaves.</summary>
    private const double Tie = 1e-9;

    /// <summary>The nearest integer.</summary>
    public static BigInteger Round(double value, string node) => new(Math.Round(Finite(value, node)));

    /// <summary>The least integer that is not less; a value that is one but for rounding is taken as it.</summary>
    public static BigInteger Ceiling(double value, string node) =>
        new(IsWhole(value) ? Math.Round(value) : Math.Ceiling(Finite(value, node)));

    /// <summary>The greatest integer that is not greater, likewise.</summary>
    public static BigInteger Floor(double value, string node) =>
        new(IsWhole(value) ? Math.Round(value) : Math.Floor(Finite(value, node)));

    /// <summary>Whether a value is an integer but for rounding.</summary>
    public static bool IsWhole(double value) =>
        Math.Abs(value - Math.Round(value)) <= Tie * Math.Max(1, Math.Abs(value));

    private static double Finite(double value, string node) => double.IsFinite(value)
        ? value
        : throw new PopcornException(
            $"This network cannot be imported: a constant of node '{node}' dwarfs its weights. Train it again.");
}
