using System.Numerics;

namespace Popcorn.Engine.Products;

/// <summary>
/// Finds products that many sums have in common. While some pair of values is in several sums, the pair that is in the
/// most of them is multiplied once, and the product takes its place there (Paar's greedy algorithm). Of pairs with as
/// many uses, the one whose values have the fewest others goes first: it spoils the fewest other pairs.
/// </summary>
internal sealed class CommonProducts
{
    /// <summary>Values in one search: it keeps a number for each two of them.</summary>
    private const int MaxValues = 6144;

    /// <summary>Steps that one search may take, roughly: for each value in a sum, the others there.</summary>
    private const long MaxWork = 12_000_000;

    /// <summary>Smaller blocks have too little in common, whatever a search takes.</summary>
    private const int LeastBlock = 4;

    private readonly List<int>[] _sums;
    private readonly int _leastUses;
    private readonly List<ulong[]> _sumsOf = []; // of each value, as bits
    private readonly List<int> _uses = []; // the number of these
    private readonly List<int[]> _together = []; // sums that hold both a and b: [b][a], a < b
    private readonly PriorityQueue<(int A, int B), long> _queue = new();
    private readonly List<(int Left, int Right)> _products = [];

    private CommonProducts(List<int>[] sums, int values, int leastUses)
    {
        _sums = sums;
        _leastUses = leastUses;
        for (int value = 0; value < values; value++)
        {
            AddValue();
        }

        for (int s = 0; s < sums.Length; s++)
        {
            for (int i = 0; i < sums[s].Count; i++)
            {
                Enter(s, sums[s][i]);
                for (int j = 0; j < i; j++)
                {
                    Together(sums[s][i], sums[s][j])++;
                }
            }
        }

        for (int value = 1; value < values; value++)
        {
            QueuePairsOf(value);
        }
    }

    /// <summary>Replaces common pairs in all sums.</summary>
    /// <param name="sums">Sums of different values; rewritten.</param>
    /// <param name="values">Values are 0 … values−1; the products found are numbered from there on.</param>
    /// <param name="leastUses">Uses that a product must have to be worth its cost.</param>
    /// <param name="most">Products to find at most.</param>
    /// <returns>The values that make up each product: earlier ones.</returns>
    public static List<(int Left, int Right)> Extract(List<int>[] sums, int values, int leastUses, int most)
    {
        int block = BlockFor(sums, values);
        if (block >= values)
        {
            return ExtractFrom(sums, values, leastUses, most);
        }

        // Too many values to look at every pair: only those within blocks of values.
        var all = new List<(int Left, int Right)>();
        ILookup<int, (int Sum, int Value)> byBlock = sums
            .SelectMany((sum, s) => sum.Select(value => (s, value)))
            .ToLookup(entry => entry.value / block);
        foreach (List<int> sum in sums)
        {
            sum.Clear();
        }

        for (int first = 0; first < values; first += block)
        {
            int size = Math.Min(block, values - first);
            List<int>[] parts = [.. sums.Select(_ => new List<int>())];
            foreach ((int s, int value) in byBlock[first / block])
            {
                parts[s].Add(value - first);
            }

            int known = values + all.Count;
            all.AddRange(ExtractFrom(parts, size, leastUses, most - all.Count).Select(
                product => (Renumber(product.Left), Renumber(product.Right))));
            for (int s = 0; s < sums.Length; s++)
            {
                sums[s].AddRange(parts[s].Select(Renumber));
            }

            int Renumber(int value) => value < size ? first + value : known + value - size;
        }

        return all;
    }

    private static List<(int Left, int Right)> ExtractFrom(List<int>[] sums, int values, int leastUses, int most)
    {
        most = Math.Min(most, MaxValues - values);
        var search = new CommonProducts(sums, values, leastUses);
        while (search._products.Count < most
            && search._queue.TryDequeue(out (int A, int B) pair, out long priority))
        {
            if (search.PriorityOf(pair.A, pair.B) >> 32 == priority >> 32)
            {
                search.Replace(pair.A, pair.B);
            }
            else
            {
                search.Queue(pair.A, pair.B);
            }
        }

        return search._products;
    }

    /// <summary>The largest number of values that a search can handle at once.</summary>
    private static int BlockFor(List<int>[] sums, int values)
    {
        double work = sums.Sum(sum => (double)sum.Count * sum.Count);
        int block = values;
        while (block > MaxValues * 2 / 3 || (block > LeastBlock && work * block / values > MaxWork))
        {
            block = (block + 1) / 2;
        }

        return block;
    }

    private void Replace(int a, int b)
    {
        int product = _sumsOf.Count;
        AddValue();
        _products.Add((a, b));
        int[] withProduct = _together[product];
        for (int word = 0; word < _sumsOf[a].Length; word++)
        {
            for (ulong both = _sumsOf[a][word] & _sumsOf[b][word]; both != 0; both &= both - 1)
            {
                int s = word * 64 + BitOperations.TrailingZeroCount(both);
                Leave(s, a);
                Leave(s, b);
                foreach (int other in _sums[s])
                {
                    Together(a, other)--;
                    Together(b, other)--;
                    withProduct[other]++;
                }

                Enter(s, product);
                _sums[s].Add(product);
            }
        }

        Together(a, b) = 0;
        QueuePairsOf(product);
    }

    private void AddValue()
    {
        _sumsOf.Add(new ulong[(_sums.Length + 63) / 64]);
        _uses.Add(0);
        _together.Add(new int[_together.Count]);
    }

    private void Enter(int s, int value)
    {
        _sumsOf[value][s / 64] |= 1UL << s;
        _uses[value]++;
    }

    private void Leave(int s, int value)
    {
        _sums[s].Remove(value);
        _sumsOf[value][s / 64] &= ~(1UL << s);
        _uses[value]--;
    }

    private ref int Together(int a, int b) => ref a < b ? ref _together[b][a] : ref _together[a][b];

    private void QueuePairsOf(int value)
    {
        for (int other = 0; other < value; other++)
        {
            Queue(other, value);
        }
    }

    private void Queue(int a, int b)
    {
        if (Together(a, b) >= _leastUses)
        {
            _queue.Enqueue((a, b), PriorityOf(a, b));
        }
    }

    /// <summary>Least first: most common uses above, fewest uses in all below.</summary>
    private long PriorityOf(int a, int b) => ((long)-Together(a, b) << 32) + _uses[a] + _uses[b];
}
