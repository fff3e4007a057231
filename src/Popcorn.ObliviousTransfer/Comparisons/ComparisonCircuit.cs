using Popcorn.ObliviousTransfer.Correlations;

namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>What a comparison is made for: number, and whether the server's is one greater is of interest.</summary>
/// <param name="Number">Planes of which the server's are compared.</param>
/// <param name="Before">Its number less one; null: of no interest.</param>
internal readonly record struct Compared(Wire Number, Wire? Before = null)
{
    /// <summary>Some of the bits.</summary>
    public Compared Slice(int first, int count) => new(Number.Slice(first, count), Before?.Slice(first, count));
}

/// <summary>Bits that a tree gives: client's &lt; server's, client's = server's, client's = server's − 1.</summary>
internal readonly record struct Outcome(Wire Less, Wire? Equal, Wire? Before);

/// <summary>
/// The gates of an operation. For shares a and b below 2^k let A = 2^(k−1) − 1 − (a mod 2^(k−1)), which is the
/// complement of a's lower bits, and B = b mod 2^(k−1). Then [A &lt; B] is the carry into the highest bit of a + b, and
/// x is negative where it differs from both highest bits' XOR.
/// </summary>
internal sealed class ComparisonCircuit
{
    private readonly Circuit _circuit;
    private readonly OperationInputs _inputs;
    private readonly ComparisonTrees _trees;
    private readonly bool _known;

    private ComparisonCircuit(Circuit circuit, Operation operation, ComparisonTrees trees)
    {
        _circuit = circuit;
        _inputs = new OperationInputs(operation);
        _trees = trees;
        _known = operation.ShareKnown;
    }

    private Wire Share => _inputs.Share;

    /// <summary>The circuit of an operation.</summary>
    /// <param name="operation">Which.</param>
    /// <param name="trees">Its trees.</param>
    public static Circuit Of(Operation operation, ComparisonTrees trees) => new(
        new OperationInputs(operation).Planes,
        operation.ShareKnown,
        circuit => new ComparisonCircuit(circuit, operation, trees).Add(operation));

    private Wire Add(Operation operation) => operation switch
    {
        Relu relu => AddRelu(relu),
        Sign => Add(new BitRefreshGate(AddSign(_inputs.Operand(0), Carry(_inputs.Operand(0)).Above), Share)),
        Maximum => AddMaximum(operation.Bits),
        Clip clip => AddClip(clip),
        SignedShift shift => AddSignedShift(shift),
        AnyOf any => Add(new BitRefreshGate(AddOr([.. Enumerable.Range(0, any.Count).Select(_inputs.Operand)]), Share)),
        Choose => Add(new MultiplexerGate(
            _inputs.Operand(0)[0], _inputs.Operand(1).Slice(0, Share.Count), null, Share)),
        Square => AddSquare(),
        _ => throw new ArgumentException($"no such operation: {operation.GetType().Name}", nameof(operation)),
    };

    private Wire AddRelu(Relu relu)
    {
        Wire x = _inputs.Operand(0);
        if (ComparisonPlan.IsAlwaysZero(relu))
        {
            return Add(new NumberRefreshGate(null, Share));
        }

        (Wire? below, Wire? above) = Carry(x);
        Wire z = AddTruncation(x, x, below, relu.Shift, 0);
        if (_trees.Top is null)
        {
            return Add(new MultiplexerGate(AddSign(x, above), z, null, Share));
        }

        int saturation = relu.SaturationBits!.Value;
        (Wire carry, Wire highBitsAreZero) = AddTop(x, relu.Shift + saturation, above!.Value);
        Wire isPositive = AddSign(x, carry);
        Wire isBelow = Add(new AndGate(isPositive, (highBitsAreZero, null)));
        Wire isAbove = Add(new XorGate(false, isPositive, isBelow));

        // isAbove·(2^A − 1)
        Term[] most = [.. BitAsNumber(isAbove, isLast: true).SelectMany(term => new[]
        {
            term with { Shift = term.Shift + saturation },
            term with { Negative = !term.Negative },
        })];
        return Add(new MultiplexerGate(isBelow, z, Add(new SumGate(Share.Count, 0, most)), Share));
    }

    /// <summary>q + max(p − q, 0); the inputs are p − q, whose lowest k bits tell its sign, and q.</summary>
    private Wire AddMaximum(int bits)
    {
        Wire difference = _inputs.Operand(0), q = _inputs.Operand(1).Slice(0, Share.Count);
        Wire compared = difference.Slice(0, bits);
        return bits == 1
            ? Add(new NumberRefreshGate(q, Share)) // a difference below 1 in magnitude, of which none is positive
            : Add(new MultiplexerGate(
                AddSign(compared, Carry(compared).Above),
                AddTruncation(difference, difference, null, 0, 0),
                q,
                Share));
    }

    /// <summary>
    /// With the cap C a multiple of 2^t: [x ≥ 0], and [x ≥ C] from the same tables, for b − C has the lower bits of b.
    /// </summary>
    private Wire AddClip(Clip clip)
    {
        if (ComparisonPlan.IsAlwaysZero(clip))
        {
            return Add(new NumberRefreshGate(null, Share));
        }

        Wire x = _inputs.Operand(0), cap = _inputs.Cap.Slice(clip.Shift, clip.CapBits - clip.Shift);
        Wire beyond = Add(new SumGate(
            clip.Bits, 0, new Term(x), new Term(cap, clip.Shift, Negative: true, ServerOnly: true)));
        Wire? below = AddLow(x);
        Wire?[] above = AddMiddle(x, below, [new Compared(x), new Compared(beyond)]);
        Wire isPositive = AddSign(x, above[0]), isAbove = AddSign(beyond, above[1]);
        Wire isBetween = Add(new XorGate(false, isPositive, isAbove));
        Wire z = AddTruncation(x, x, below, clip.Shift, 0);
        Wire most = Add(new ProductGate(isAbove, ProductBit.Shared, cap, Share.Count, isLast: true));
        return Add(new MultiplexerGate(isBetween, z, most, Share));
    }

    /// <summary>The server makes x positive first, which does not touch the bits below the shift.</summary>
    private Wire AddSignedShift(SignedShift shift)
    {
        Wire x = _inputs.Operand(0);
        ulong offset = 1ul << (shift.Bits - 2);
        Wire positive = Add(new SumGate(shift.Bits, offset, new Term(x)));
        Wire z = AddTruncation(x, positive, AddLow(x), shift.Shift, 0 - (offset >> shift.Shift));
        return Add(new NumberRefreshGate(z, Share));
    }

    private Wire AddOr(Wire[] bits)
    {
        while (bits.Length > 1)
        {
            bits = [.. bits.Chunk(2).Select(pair => pair.Length == 1
                ? pair[0]
                : Add(new AndGate(pair[0], (pair[1], Add(new XorGate(false, pair[0], pair[1]))))))];
        }

        return bits[0];
    }

    private Wire AddSquare()
    {
        Wire x = _inputs.Operand(0);
        return Add(new NumberRefreshGate(x.Count == 1 ? x : Add(new SquareGate(x, _known)), Share));
    }

    /// <summary>[x ≥ 0].</summary>
    private Wire AddSign(Wire x, Wire? carry) =>
        Add(carry is { } bit ? new XorGate(true, x[x.Count - 1], bit) : new XorGate(true, x[x.Count - 1]));

    /// <summary>
    /// (a ≫ t) + (b ≫ t) + the carry out of the lower bits − the wrap of a + b: for x ≥ 0 that is x ≫ t, and the wrap
    /// is the OR of both highest bits.
    /// </summary>
    /// <param name="input">The client's share.</param>
    /// <param name="x">Both shares; the client's is the input's.</param>
    /// <param name="carry">Out of the bits below t; null: none.</param>
    /// <param name="shift">t.</param>
    /// <param name="constant">What the server adds.</param>
    private Wire AddTruncation(Wire input, Wire x, Wire? carry, int shift, ulong constant)
    {
        int width = Share.Count, left = x.Count - shift;
        List<Term> terms = [new(x.Slice(shift, left))];
        if (carry is { } bit)
        {
            terms.AddRange(BitAsNumber(bit, isLast: false));
        }

        if (width > left)
        {
            // highest of b OR highest of a = highest of b + highest of a·(1 − highest of b)
            Wire highest = x[x.Count - 1], rest = Add(new XorGate(true, highest));
            Wire product = Add(new ProductGate(input[x.Count - 1], ProductBit.ClientInput, rest, width - left));
            terms.Add(new Term(highest, left, Negative: true, ServerOnly: true));
            terms.Add(new Term(product, left, Negative: true));
        }

        return Add(new SumGate(width, constant, [.. terms]));
    }

    /// <summary>A bit x_c ⊕ x_s as x_c + x_s − 2·x_c·x_s.</summary>
    private IEnumerable<Term> BitAsNumber(Wire bit, bool isLast)
    {
        int width = Share.Count - 1;
        return width == 0
            ? [new Term(bit)]
            : [
                new Term(bit),
                new Term(Add(new ProductGate(bit, ProductBit.Client, bit, width, isLast)), 1, Negative: true),
            ];
    }

    /// <summary>Carries out of the bits below the shift, and out of all bits that the middle trees compare.</summary>
    private (Wire? Below, Wire? Above) Carry(Wire x)
    {
        Wire? below = AddLow(x);
        return (below, AddMiddle(x, below, [new Compared(x)])[0]);
    }

    private Wire? AddLow(Wire x) => _trees.Low is { } tree
        ? AddTree(tree, x.Slice(0, tree.Bits), TreeResult.Less, [new Compared(x.Slice(0, tree.Bits))])[0].Less
        : null;

    private Wire?[] AddMiddle(Wire x, Wire? below, Compared[] numbers)
    {
        Wire?[] carries = [.. numbers.Select(_ => below)];
        int first = _trees.Low?.Bits ?? 0;
        foreach (ComparisonTree tree in _trees.Middle)
        {
            Outcome[] outcomes = AddTree(
                tree,
                x.Slice(first, tree.Bits),
                below is null ? TreeResult.Less : TreeResult.LessAndEqual,
                [.. numbers.Select(number => number.Slice(first, tree.Bits))]);
            carries = [.. outcomes.Zip(carries, (outcome, carry) => carry is { } bit
                ? Add(new AndGate(outcome.Equal!.Value, (bit, outcome.Less)))
                : outcome.Less)];
            first += tree.Bits;
        }

        return carries;
    }

    /// <summary>
    /// The carry out of all lower bits, and whether x has no bits from one on: A's are those of B, or, where a carry
    /// comes from below, one less.
    /// </summary>
    private (Wire Carry, Wire IsZero) AddTop(Wire x, int first, Wire carry)
    {
        ComparisonTree tree = _trees.Top!;
        Wire high = x.Slice(first, tree.Bits);
        Wire before = Add(new SumGate(tree.Bits, ulong.MaxValue, new Term(high)));
        Outcome top = AddTree(tree, high, TreeResult.LessAndEqualAndBefore, [new Compared(high, before)])[0];
        Wire equal = top.Equal!.Value, isBefore = top.Before!.Value;
        Wire either = Add(new XorGate(false, equal, isBefore));
        Wire joined = Add(new AndGate(carry, (equal, top.Less), (either, isBefore)));
        return (joined[0], joined[1]);
    }

    /// <summary>Compares the client's bits with some numbers of the server's.</summary>
    private Outcome[] AddTree(ComparisonTree tree, Wire choice, TreeResult result, Compared[] numbers)
    {
        if (tree.High is not { } high || tree.Low is not { } low)
        {
            return AddTable(choice, result, numbers);
        }

        TreeResult above = result == TreeResult.Less ? TreeResult.LessAndEqual : result;
        Outcome[] lower = AddTree(low, choice.Slice(0, low.Bits), result, Slices(0, low.Bits));
        Outcome[] upper = AddTree(high, choice.Slice(low.Bits, high.Bits), above, Slices(low.Bits, high.Bits));
        return [.. upper.Zip(lower, Join)];

        Compared[] Slices(int first, int count) => [.. numbers.Select(number => number.Slice(first, count))];
    }

    private Outcome Join(Outcome high, Outcome low)
    {
        Wire isEqual = high.Equal!.Value;
        if (low.Equal is not { } lowEqual)
        {
            return new Outcome(Add(new AndGate(isEqual, (low.Less, high.Less))), null, null);
        }

        Wire joined = Add(new AndGate(isEqual, (low.Less, high.Less), (lowEqual, null)));
        Wire? before = low.Before is { } lowBefore
            ? Add(new AndGate(high.Before!.Value, (lowBefore, null)))
            : null;
        return new Outcome(joined[0], joined[1], before);
    }

    private Outcome[] AddTable(Wire choice, TreeResult result, Compared[] numbers)
    {
        // Of single bits, A is equal to B where the client's bit, A's complement, XOR the server's is 1.
        bool isSingle = choice.Count == 1;
        bool hasEqual = result != TreeResult.Less, hasBefore = result == TreeResult.LessAndEqualAndBefore;
        List<TableBit> bits = [];
        foreach (Compared number in numbers)
        {
            bits.Add(new TableBit(number.Number, Equal: false));
            if (hasEqual && !isSingle)
            {
                bits.Add(new TableBit(number.Number, Equal: true));
            }

            if (hasBefore && !isSingle)
            {
                bits.Add(new TableBit(number.Before!.Value, Equal: true));
            }
        }

        Wire table = Add(new TableGate(choice, bits, _known));
        return [.. numbers.Select((number, i) => isSingle
            ? new Outcome(table[i], hasEqual ? number.Number : null, hasBefore ? number.Before : null)
            : new Outcome(
                table[i * (int)result],
                hasEqual ? table[(i * (int)result) + 1] : null,
                hasBefore ? table[(i * (int)result) + 2] : null))];
    }

    private Wire Add(Gate gate) => _circuit.Add(gate);
}
