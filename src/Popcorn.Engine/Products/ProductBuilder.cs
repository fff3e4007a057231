using Popcorn.Interop;

namespace Popcorn.Engine.Products;

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

    /// <summary>Instructions between two uses of a register, where products run side by side on some threads.</summary>
    private const int ReuseDistance = 128;

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

    /// <summary>The value of a sum of terms with weights: all that has one digit at one place is multiplied together.
    /// </summary>
    /// <param name="sums">The sum.</param>
    /// <param name="valueOf">The value that stands for a term.</param>
    public int Weigh(DigitSums sums, Func<int, int> valueOf) => Join(
        sums.Form, sums.Sums.Count == 0 ? 0 : sums.Sums.Keys.Max(key => key.Place) + 1,
        (place, digit) => sums.Sums.TryGetValue((place, digit), out List<int>? terms)
            ? terms.Aggregate(None, (product, term) => Multiply(product, valueOf(term)))
            : None);

    /// <summary>Joins the digits of a sum: each counts so many times, and squarings lead from place to place.</summary>
    /// <param name="form">How its weights are cut.</param>
    /// <param name="places">Places of digits.</param>
    /// <param name="bucketAt">
    /// The value for a place and a digit: the product of what has that digit there, or none.
    /// </param>
    public int Join(DigitForm form, int places, Func<int, int, int> bucketAt)
    {
        var buckets = new int[form.Buckets];
        int result = None;
        for (int place = places - 1; place >= 0; place--)
        {
            for (int i = 0; i < form.Bits; i++)
            {
                result = Multiply(result, result);
            }

            for (int digit = 1; digit < buckets.Length; digit++)
            {
                buckets[digit] = bucketAt(place, digit);
            }

            result = Multiply(result, JoinBuckets(buckets));
        }

        return result;
    }

    /// <summary>The program that computes the given values, in registers.</summary>
    /// <param name="results">Values to keep, or none.</param>
    /// <param name="fillsLanes">
    /// Order the products so that one tile keeps a kernel busy that does several at once; costs registers.
    /// </param>
    public ProductCode Build(ReadOnlySpan<int> results, bool fillsLanes)
    {
        IReadOnlyList<int> order =
            fillsLanes ? LaneScheduler.Order(_products, inputs, results) : [.. Enumerable.Range(0, Count)];
        (int[] lastUse, int[] uses) = UsesOf(order, results);
        var registers = new int[Count];
        var free = new FreeRegisters(inputs, fillsLanes ? ReuseDistance : 0);
        var instructions = new Instruction[Count];
        for (int i = 0; i < instructions.Length; i++)
        {
            (int left, int right) = _products[order[i]];
            int leftRegister = RegisterOf(left);
            int rightRegister = RegisterOf(right);
            bool leftEnds = EndsAt(left, i);
            if (right != left && EndsAt(right, i))
            {
                free.Return(rightRegister, i);
            }

            // A chain of products stays in one register. Side by side, others may be reading a value of many uses.
            bool stays = leftEnds && (!fillsLanes || uses[left - inputs] == 1);
            if (leftEnds && !stays)
            {
                free.Return(leftRegister, i);
            }

            int target = stays ? leftRegister : free.Take(i);
            registers[order[i]] = target;
            instructions[i] = new Instruction(target, leftRegister, rightRegister);
        }

        var outputs = new int[results.Length];
        for (int i = 0; i < outputs.Length; i++)
        {
            outputs[i] = results[i] == None ? None : RegisterOf(results[i]);
        }

        return new ProductCode(instructions, inputs, free.Count, outputs);

        int RegisterOf(int value) => value < inputs ? value : registers[value - inputs];

        bool EndsAt(int value, int at) => value >= inputs && lastUse[value - inputs] == at;
    }

    /// <summary>
    /// Π bucket[d]^d: from the largest d down, a running product gathers the buckets, and enters the result once for
    /// every step down to the next one.
    /// </summary>
    private int JoinBuckets(ReadOnlySpan<int> buckets)
    {
        int running = None;
        int result = None;
        int pending = 0;
        for (int d = buckets.Length - 1; d >= 1; d--)
        {
            if (buckets[d] != None)
            {
                if (running != None)
                {
                    result = Multiply(result, Power(running, pending - d));
                }

                running = Multiply(running, buckets[d]);
                pending = d;
            }
        }

        return running == None ? None : Multiply(result, Power(running, pending));
    }

    /// <summary>value^exponent by binary exponentiation; exponent ≥ 1.</summary>
    private int Power(int value, int exponent)
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

    /// <summary>For each product the place in the order where it is used last, and how often it is used.</summary>
    private (int[] LastUse, int[] Uses) UsesOf(IReadOnlyList<int> order, ReadOnlySpan<int> results)
    {
        var lastUse = new int[Count];
        var uses = new int[Count];
        for (int i = 0; i < order.Count; i++)
        {
            (int left, int right) = _products[order[i]];
            Mark(left, i);
            if (right != left)
            {
                Mark(right, i);
            }
        }

        foreach (int result in results)
        {
            Mark(result, int.MaxValue);
        }

        return (lastUse, uses);

        void Mark(int value, int at)
        {
            if (value >= inputs)
            {
                lastUse[value - inputs] = at;
                uses[value - inputs]++;
            }
        }
    }

    /// <summary>Registers for temporaries.</summary>
    /// <param name="first">Number of the first one.</param>
    /// <param name="distance">
    /// Instructions that a register rests before it is written again: products side by side must not touch the same
    /// one. With 0, the last given back is the first taken: it is still in the cache.
    /// </param>
    private sealed class FreeRegisters(int first, int distance)
    {
        private readonly Stack<int> _free = new();
        private readonly Queue<(int Register, int Since)> _resting = new();

        public int Count { get; private set; }

        public void Return(int register, int now) => _resting.Enqueue((register, now));

        public int Take(int now)
        {
            while (_resting.TryPeek(out (int Register, int Since) rested) && rested.Since + distance <= now)
            {
                _free.Push(rested.Register);
                _resting.Dequeue();
            }

            return _free.TryPop(out int register) ? register : first + Count++;
        }
    }
}

/// <summary>A straight-line program of products before it is handed to the native library.</summary>
/// <param name="Instructions">register[target] = register[left] · register[right], in order.</param>
/// <param name="Inputs">Registers 0 … inputs−1 hold the inputs.</param>
/// <param name="Temporaries">Registers after the inputs.</param>
/// <param name="Outputs">Register of each output, −1 for the neutral element.</param>
internal sealed record ProductCode(Instruction[] Instructions, int Inputs, int Temporaries, int[] Outputs)
{
    /// <summary>Products that a run does when some inputs are absent: an absent operand costs nothing.</summary>
    /// <param name="isPresent">Whether a tile has an input.</param>
    public int CountProducts(Func<int, bool> isPresent)
    {
        var present = new bool[Inputs + Temporaries];
        for (int i = 0; i < Inputs; i++)
        {
            present[i] = isPresent(i);
        }

        int products = 0;
        foreach (Instruction instruction in Instructions)
        {
            bool left = present[instruction.Left];
            bool right = present[instruction.Right];
            present[instruction.Target] = left || right;
            products += left && right ? 1 : 0;
        }

        return products;
    }
}
