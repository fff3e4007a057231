namespace Popcorn.Engine.Products;

/// <summary>
/// Orders the products of one tile for a kernel that does several at once. Groups of them follow each other: as many
/// chains as there are lanes, all of one length and squaring in the same places, none of which waits for another. A
/// chain's value stays in its lane, so that only its factors are fetched.
/// </summary>
/// <remarks>
/// A list scheduler: of what is ready, that comes first from which the longest way leads to the end, in chains, so that
/// chains are only begun when their factors are there; among equals, in products. What a group makes is held back for
/// some groups, while there is other work: several threads take groups in order, each one.
/// </remarks>
internal sealed class LaneScheduler
{
    /// <summary>Longer chains would leave threads without work towards the end.</summary>
    private const int LongestChain = 4;

    /// <summary>Ready products that are looked at to fill a group.</summary>
    private static int Choice => 4 * LinearCompiler.SideBySide;

    /// <summary>Groups that are likely under way at once.</summary>
    private const int GroupsAtOnce = 4;

    private const long OneChain = 1L << 32;

    private readonly IReadOnlyList<(int Left, int Right)> _products;
    private readonly int _inputs;
    private readonly long[] _height; // what is on the longest way to the end: chains above, products below
    private readonly int[] _next; // the product that goes on with this one, if it alone uses it
    private readonly int[] _missing; // factors that are not there yet
    private readonly int[] _users; // of each product, those from _firstUser on
    private readonly int[] _firstUser;
    private readonly bool[] _done;
    private readonly List<int> _order;
    private readonly PriorityQueue<int, long> _ready = new();
    private readonly Queue<(int Product, int Since)> _fresh = new();
    private readonly List<Chain> _choice = [];
    private int _groups;

    private LaneScheduler(IReadOnlyList<(int Left, int Right)> products, int inputs, ReadOnlySpan<int> results)
    {
        _products = products;
        _inputs = inputs;
        int count = products.Count;
        _order = new List<int>(count);
        _done = new bool[count];
        _height = new long[count];
        _next = new int[count];
        _missing = new int[count];
        _firstUser = new int[count + 1];
        Span<int> factors = stackalloc int[2];
        for (int i = 0; i < count; i++)
        {
            foreach (int factor in FactorsOf(i, factors))
            {
                _firstUser[factor + 1]++;
                _missing[i]++;
            }
        }

        for (int i = 0; i < count; i++)
        {
            _firstUser[i + 1] += _firstUser[i];
        }

        _users = new int[_firstUser[count]];
        int[] at = _firstUser[..count];
        for (int i = 0; i < count; i++)
        {
            foreach (int factor in FactorsOf(i, factors))
            {
                _users[at[factor]++] = i;
            }
        }

        var isResult = new bool[count];
        foreach (int result in results)
        {
            if (result >= inputs)
            {
                isResult[result - inputs] = true;
            }
        }

        Array.Fill(_next, ProductBuilder.None);
        for (int i = count - 1; i >= 0; i--)
        {
            ReadOnlySpan<int> users = UsersOf(i);
            if (users.Length == 1 && products[users[0]].Left == inputs + i && !isResult[i])
            {
                _next[i] = users[0];
            }

            foreach (int user in users)
            {
                _height[i] = Math.Max(_height[i], _height[user] + (_next[i] == user ? 1 : 1 + OneChain));
            }
        }
    }

    /// <summary>A chain as far as its factors are there.</summary>
    /// <param name="First">Its first product.</param>
    /// <param name="Length">Products.</param>
    /// <param name="Squares">Bit i: its i-th product is a square.</param>
    private readonly record struct Chain(int First, int Length, int Squares)
    {
        public bool CanGoWith(Chain other, int length) =>
            Length >= length && ((Squares ^ other.Squares) & ((1 << length) - 1)) == 0;
    }

    /// <summary>The order in which to write the products.</summary>
    /// <param name="products">Their factors: values below <paramref name="inputs"/>, or inputs + an earlier product.
    /// </param>
    /// <param name="inputs">Number of inputs.</param>
    /// <param name="results">Values that are needed in the end.</param>
    public static List<int> Order(
        IReadOnlyList<(int Left, int Right)> products, int inputs, ReadOnlySpan<int> results)
    {
        var scheduler = new LaneScheduler(products, inputs, results);
        for (int i = 0; i < products.Count; i++)
        {
            if (scheduler._missing[i] == 0)
            {
                scheduler._ready.Enqueue(i, -scheduler._height[i]);
            }
        }

        while (scheduler._order.Count < products.Count)
        {
            scheduler.WriteGroup();
        }

        return scheduler._order;
    }

    private void WriteGroup()
    {
        while (_fresh.TryPeek(out (int Product, int Since) fresh)
            && (fresh.Since + GroupsAtOnce <= _groups || _ready.Count < LinearCompiler.SideBySide))
        {
            _ready.Enqueue(fresh.Product, -_height[fresh.Product]);
            _fresh.Dequeue();
        }

        _choice.Clear();
        while (_choice.Count < Choice && _ready.TryDequeue(out int product, out _))
        {
            _choice.Add(ChainFrom(product));
        }

        int length = LengthFor(_choice);
        int chains = 0;
        Chain first = _choice[0];
        foreach (Chain chain in _choice)
        {
            if (chains < LinearCompiler.SideBySide && chain.CanGoWith(first, length))
            {
                Write(chain.First, length);
                chains++;
            }
            else
            {
                _ready.Enqueue(chain.First, -_height[chain.First]);
            }
        }

        _groups++;
    }

    /// <summary>The greatest length in which the first chain finds company for all lanes, or for the most.</summary>
    private static int LengthFor(List<Chain> choice)
    {
        int best = 1;
        int most = 0;
        for (int length = choice[0].Length; length >= 1; length--)
        {
            int company = choice.Count(chain => chain.CanGoWith(choice[0], length));
            if (company >= LinearCompiler.SideBySide)
            {
                return length;
            }

            if (company > most)
            {
                (best, most) = (length, company);
            }
        }

        return best;
    }

    private Chain ChainFrom(int first)
    {
        int length = 0;
        int squares = 0;
        for (int product = first; length < LongestChain && product != ProductBuilder.None; product = _next[product])
        {
            (int left, int right) = _products[product];
            if (length > 0 && left != right && right >= _inputs && !_done[right - _inputs])
            {
                break;
            }

            squares |= left == right ? 1 << length : 0;
            length++;
        }

        return new Chain(first, length, squares);
    }

    private void Write(int product, int length)
    {
        for (int i = 0; i < length; i++)
        {
            _order.Add(product);
            _done[product] = true;
            int next = i < length - 1 ? _next[product] : ProductBuilder.None;
            foreach (int user in UsersOf(product))
            {
                if (--_missing[user] == 0 && user != next)
                {
                    _fresh.Enqueue((user, _groups + 1));
                }
            }

            product = next;
        }
    }

    private ReadOnlySpan<int> UsersOf(int product) =>
        _users.AsSpan(_firstUser[product].._firstUser[product + 1]);

    /// <summary>The different products among a product's factors.</summary>
    private Span<int> FactorsOf(int product, Span<int> factors)
    {
        (int left, int right) = _products[product];
        int count = 0;
        if (left >= _inputs)
        {
            factors[count++] = left - _inputs;
        }

        if (right >= _inputs && right != left)
        {
            factors[count++] = right - _inputs;
        }

        return factors[..count];
    }
}
