using System.Numerics;
using System.Runtime.InteropServices;

namespace Popcorn.Engine.Products;

/// <summary>
/// Finds products that many sums have in common. While some pair of values is in several sums, the pair that is in the
/// most of them is multiplied once, and the product takes its place there (Paar's greedy algorithm). Of pairs with as
/// many uses, the one whose values have the fewest others goes first: it spoils the fewest other pairs.
/// </summary>
internal sealed class CommonProducts
{
    /// <summary>Values in one search: it may look at every two of them.</summary>
    private const int MaxValues = 6144;

    /// <summary>Steps that one search may take, roughly: for each value in a sum, the others there.</summary>
    private const long MaxWork = 12_000_000;

    /// <summary>Smaller blocks have too little in common, whatever a search takes.</summary>
    private const int LeastBlock = 4;

    private readonly List<int>[] _sums;
    private readonly int _leastUses;
    private readonly int _words;
    private readonly List<ulong> _sumsOf = []; // of each value, as bits of so many words
    private readonly List<int> _uses = []; // sums with each value
    private readonly int[] _together; // sums that the value being queued is in with each earlier one
    private readonly PriorityQueue<(int A, int B), long> _queue = new();
    private readonly List<(int Left, int Right)> _products = [];

    private CommonProducts(List<int>[] sums, int values, int leastUses, int most)
    {
        _sums = [.. sums.Where(sum => sum.Count > 1)]; // where there are pairs
        _leastUses = leastUses;
        _words = (_sums.Length + 63) / 64;
        _together = new int[values + most];
        for (int value = 0; value < values; value++)
        {
            AddValue();
        }

        foreach (int alone in sums.Where(sum => sum.Count == 1).Select(sum => sum[0]))
        {
            _uses[alone]++;
        }

        for (int s = 0; s < _sums.Length; s++)
        {
            foreach (int value in _sums[s])
            {
                Enter(s, value);
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
            var owners = new List<int>(); // of the parts: sums that have a value in this block
            var parts = new List<List<int>>();
            foreach ((int s, int value) in byBlock[first / block])
            {
                if (owners.Count == 0 || owners[^1] != s)
                {
                    owners.Add(s);
                    parts.Add([]);
                }

                parts[^1].Add(value - first);
            }

            int known = values + all.Count;
            all.AddRange(ExtractFrom([.. parts], size, leastUses, most - all.Count).Select(
                product => (Renumber(product.Left), Renumber(product.Right))));
            for (int part = 0; part < parts.Count; part++)
            {
                foreach (int value in parts[part])
                {
                    sums[owners[part]].Add(Renumber(value));
                }
            }

            int Renumber(int value) => value < size ? first + value : known + value - size;
        }

        return all;
    }

    private static List<(int Left, int Right)> ExtractFrom(List<int>[] sums, int values, int leastUses, int most)
    {
        // Each product takes the place of two values in as many sums as use it.
        most = Math.Min(Math.Min(most, MaxValues - values), sums.Sum(sum => sum.Count) / leastUses);
        var search = new CommonProducts(sums, values, leastUses, most);
        while (search._products.Count < most
            && search._queue.TryDequeue(out (int A, int B) pair, out long priority))
        {
            int together = search.Together(pair.A, pair.B);
            if (together == -(priority >> 32))
            {
                search.Replace(pair.A, pair.B);
            }
            else
            {
                search.Queue(pair.A, pair.B, together);
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
        int product = AddValue();
        _products.Add((a, b));
        for (int word = 0; word < _words; word++)
        {
            for (ulong both = SumsOf(a)[word] & SumsOf(b)[word]; both != 0; both &= both - 1)
            {
                int s = (word * 64) + BitOperations.TrailingZeroCount(both);
                Leave(s, a);
                Leave(s, b);
                Enter(s, product);
                _sums[s].Add(product);
            }
        }

        QueuePairsOf(product);
    }

    private int AddValue()
    {
        CollectionsMarshal.SetCount(_sumsOf, _sumsOf.Count + _words);
        SumsOf(_uses.Count).Clear();
        _uses.Add(0);
        return _uses.Count - 1;
    }

    private Span<ulong> SumsOf(int value) => CollectionsMarshal.AsSpan(_sumsOf).Slice(value * _words, _words);

    private void Enter(int s, int value)
    {
        SumsOf(value)[s / 64] |= 1UL << s;
        _uses[value]++;
    }

    private void Leave(int s, int value)
    {
        _sums[s].Remove(value);
        SumsOf(value)[s / 64] &= ~(1UL << s);
        _uses[value]--;
    }

    /// <summary>Sums that hold both.</summary>
    private int Together(int a, int b)
    {
        ReadOnlySpan<ulong> ofA = SumsOf(a), ofB = SumsOf(b);
        int count = 0;
        for (int word = 0; word < ofA.Length && word < ofB.Length; word++)
        {
            count += BitOperations.PopCount(ofA[word] & ofB[word]);
        }

        return count;
    }

    /// <summary>Queues a value with each earlier one. All these pairs are counted at once, sum by sum.</summary>
    private void QueuePairsOf(int value)
    {
        Span<int> together = _together.AsSpan(0, value);
        together.Clear();
        for (int word = 0; word < _words; word++)
        {
            for (ulong sums = SumsOf(value)[word]; sums != 0; sums &= sums - 1)
            {
                List<int> sum = _sums[(word * 64) + BitOperations.TrailingZeroCount(sums)];
                foreach (int other in CollectionsMarshal.AsSpan(sum))
                {
                    if (other < together.Length)
                    {
                        together[other]++;
                    }
                }
            }
        }

        for (int other = 0; other < together.Length; other++)
        {
            Queue(other, value, together[other]);
        }
    }

    private void Queue(int a, int b, int together)
    {
        if (together >= _leastUses)
        {
            // Least first: most common uses above, fewest uses in all below.
            _queue.Enqueue((a, b), ((long)-together << 32) + _uses[a] + _uses[b]);
        }
    }
}
