namespace Popcorn.Engine.Import;

/// <summary>How alike two sequences of numbers are, but for a scale and an offset.</summary>
internal struct Similarity
{
    /// <summary>Numbers that differ by less than this, relatively and squared, are all the same.</summary>
    private const double Constant = 1e-12;

    private double _count, _first, _second, _firstSquares, _secondSquares, _products;

    /// <summary>The cosine of both about their means; of two constants 1; of one, or beyond all numbers, 0.</summary>
    public readonly double Cosine
    {
        get
        {
            double first = _firstSquares - _first * _first / _count;
            double second = _secondSquares - _second * _second / _count;
            bool isConstant = first <= Constant * _firstSquares;
            if (isConstant || second <= Constant * _secondSquares)
            {
                return isConstant == second <= Constant * _secondSquares ? 1 : 0;
            }

            double cosine = (_products - _first * _second / _count) / Math.Sqrt(first) / Math.Sqrt(second);
            return double.IsFinite(cosine) ? cosine : 0;
        }
    }

    /// <summary>The similarity of two whole sequences.</summary>
    public static Similarity Of(ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        var result = default(Similarity);
        for (int i = 0; i < first.Length; i++)
        {
            result.Add(first[i], second[i]);
        }

        return result;
    }

    /// <summary>Appends a pair.</summary>
    public void Add(double first, double second)
    {
        _count++;
        _first += first;
        _second += second;
        _firstSquares += first * first;
        _secondSquares += second * second;
        _products += first * second;
    }

    /// <summary>Appends other sequences.</summary>
    public void Add(Similarity other)
    {
        _count += other._count;
        _first += other._first;
        _second += other._second;
        _firstSquares += other._firstSquares;
        _secondSquares += other._secondSquares;
        _products += other._products;
    }
}
