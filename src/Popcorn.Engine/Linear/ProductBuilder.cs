using Popcorn.Interop;

namespace Popcorn.Engine.Linear;

/// <summary>
/// Writes a straight-line program of products. Every product gets a value of its own (values below
/// <paramref name="inputs"/> are the inputs); <see cref="Build"/> then maps values to as few registers as their
/// lifetimes allow. <see cref="None"/> is the neutral element and costs nothing.
/// </summary>
/// <param name="inputs">Number of inputs.</param>
/// <param name="countOnly">Count products without recording them, to compare strategies.</param>
/// <param name="reuse">Look for equal products; slower, and only of use across rows.</param>
internal sealed class ProductBuilder(int inputs, bool countOnly, bool reuse = true)
{
    public const int None = -1;

    private readonly List<(int Left, int Right)> _products = [];
    private readonly Dictionary<(int, int), int> _known = [];

    /// <summary>Products written so far.</summary>
    public int Count { get; private set; }

    /// <summary>left · right; with reuse, a product that was written before costs nothing.</summary>
    public int Multiply(int left, int right)
    {
        if (left == None || right == None)
        {
            return left == None ? right : left;
        }

        (int, int) factors = left < right ? (left, right) : (right, left);
        if (reuse && _known.TryGetValue(factors, out int known))
        {
            return known;
        }

        int product = inputs + Count++;
        if (reuse)
        {
            _known.Add(factors, product);
        }

        if (!countOnly)
        {
            _products.Add((left, right));
        }

        return product;
    }

    /// <summary>value^exponent by binary exponentiation; exponent ≥ 1.</summary>
    public int Power(int value, int exponent)
    {
        int result = None;
        for (int bit = 31 - int.LeadingZeroCount(exponent); bit >= 0; bit--)
        {
            result = Multiply(result, result);
            if ((exponent >> bit & 1) != 0)
            {
                result = Multiply(result, value);
            }
        }

        return result;
    }

    /// <summary>
    /// Sorts products by depth, so that neighbours do not depend on each other and a kernel can do several at once. Costs
    /// registers: do it where a program has few tiles to work on side by side.
    /// </summary>
    /// <param name="results">Values to keep; renumbered.</param>
    public void SortByDepth(Span<int> results)
    {
        var depth = new int[Count];
        for (int i = 0; i < Count; i++)
        {
            depth[i] = 1 + Math.Max(DepthOf(_products[i].Left), DepthOf(_products[i].Right));
        }

        int[] order = [.. Enumerable.Range(0, Count).OrderBy(i => depth[i])];
        var place = new int[Count];
        for (int i = 0; i < Count; i++)
        {
            place[order[i]] = i;
        }

        (int Left, int Right)[] sorted =
            [.. order.Select(i => (Renumber(_products[i].Left), Renumber(_products[i].Right)))];
        _products.Clear();
        _products.AddRange(sorted);
        foreach (ref int result in results)
        {
            result = Renumber(result);
        }

        int DepthOf(int value) => value < inputs ? 0 : depth[value - inputs];

        int Renumber(int value) => value < inputs ? value : inputs + place[value - inputs];
    }

    /// <summary>The program that computes the given values, in registers.</summary>
    public ProductCode Build(ReadOnlySpan<int> results)
    {
        int[] lastUse = LastUses(results);
        var registers = new int[Count];
        var free = new Stack<int>();
        int temporaries = 0;
        var instructions = new Instruction[Count];
        for (int i = 0; i < instructions.Length; i++)
        {
            (int left, int right) = _products[i];
            int leftRegister = RegisterOf(left);
            int rightRegister = RegisterOf(right);
            Release(left, i);
            if (right != left)
            {
                Release(right, i);
            }

            registers[i] = free.TryPop(out int register) ? register : inputs + temporaries++;
            instructions[i] = new Instruction(registers[i], leftRegister, rightRegister);
        }

        var outputs = new int[results.Length];
        for (int i = 0; i < outputs.Length; i++)
        {
            outputs[i] = results[i] == None ? None : RegisterOf(results[i]);
        }

        return new ProductCode(instructions, inputs, temporaries, outputs);

        int RegisterOf(int value) => value < inputs ? value : registers[value - inputs];

        void Release(int value, int at)
        {
            if (value >= inputs && lastUse[value - inputs] == at)
            {
                free.Push(registers[value - inputs]);
            }
        }
    }

    private int[] LastUses(ReadOnlySpan<int> results)
    {
        var lastUse = new int[Count];
        for (int i = 0; i < Count; i++)
        {
            Mark(_products[i].Left, i);
            Mark(_products[i].Right, i);
        }

        foreach (int result in results)
        {
            Mark(result, int.MaxValue);
        }

        return lastUse;

        void Mark(int value, int at)
        {
            if (value >= inputs)
            {
                lastUse[value - inputs] = at;
            }
        }
    }
}
