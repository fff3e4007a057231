using System.Numerics;
using System.Runtime.InteropServices;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// Linear algebra on ciphertexts. Time depends on weights, indices and sizes, never on plaintexts. Results are not
/// re-randomised: whoever sends them to another party does that first, by an <see cref="Encryptor"/> or a
/// <see cref="Rerandomizer"/>. All operations throw <see cref="PaillierException"/> with
/// <see cref="PaillierError.Mismatch"/> for batches of different keys.
/// </summary>
public static unsafe class Evaluator
{
    /// <summary>Products that a negation costs in a batch: an inverse by Montgomery's trick.</summary>
    public const int ProductsOfNegation = 3;

    // Sources of one combination whose handles are collected on the stack.
    private const int SourcesOnStack = 64;

    /// <summary>Sums: <c>target[i] = a[i] + b[i]</c> in plaintexts.</summary>
    /// <param name="a">First operand.</param>
    /// <param name="b">Second operand, as long.</param>
    /// <param name="target">Receives the sums, as long; may be an operand, but not overlap one otherwise.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public static void Add(
        CiphertextRange a, CiphertextRange b, CiphertextRange target, Execution execution = default)
    {
        CheckOperand(a, target, nameof(a));
        CheckOperand(b, target, nameof(b));
        Tiles.Run(new AddTile(a, b, target), target.Count, target.Batch.Key.Lanes, TileGrain.Light, execution);
    }

    /// <summary>Differences: <c>target[i] = a[i] - b[i]</c> in plaintexts.</summary>
    /// <param name="a">First operand.</param>
    /// <param name="b">What is subtracted from it, as long.</param>
    /// <param name="target">
    /// Receives the differences, as long; may be an operand, but not overlap one otherwise. Where it is
    /// <paramref name="a"/>, a batch of the same length is made on the way.
    /// </param>
    /// <param name="execution">Threads and cancellation.</param>
    public static void Subtract(
        CiphertextRange a, CiphertextRange b, CiphertextRange target, Execution execution = default)
    {
        CheckOperand(a, target, nameof(a));
        CheckOperand(b, target, nameof(b));
        if (target.Count == 0)
        {
            return;
        }

        // Where the target is a, its numbers are still wanted once b is negated.
        using CiphertextBatch? scratch = a == target ? target.Batch.Scratch(target.Count) : null;
        CiphertextRange negated = scratch is null ? target : scratch;
        Negate(b, negated, execution);
        Add(a, negated, target, execution);
    }

    /// <summary>Adds plaintexts in place: <c>batch[offset + i] += words of i</c>.</summary>
    /// <param name="words">
    /// <paramref name="count"/> numbers of <paramref name="wordsEach"/> little-endian words, two's complement, of
    /// magnitude below n.
    /// </param>
    /// <param name="wordsEach">Words of one number, 1 or more.</param>
    /// <param name="batch">Changed in place.</param>
    /// <param name="offset">First ciphertext changed.</param>
    /// <param name="count">Ciphertexts changed.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="PaillierException"><see cref="PaillierError.Range"/>: a number is n or more.</exception>
    public static void AddPlain(
        ReadOnlySpan<ulong> words, int wordsEach, CiphertextBatch batch, int offset, int count,
        Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(wordsEach);
        batch.CheckRange(offset, count);
        CiphertextBatch.CheckLength(words.Length, (long)count * wordsEach, nameof(words));
        fixed (ulong* plaintexts = words)
        {
            var tile = new AddPlainTile(plaintexts, wordsEach, batch, offset);
            Tiles.Run(tile, count, batch.Key.Lanes, TileGrain.Light, execution);
        }
    }

    /// <summary>Adds signed numbers in place: <c>batch[offset + i] += values[i]</c>.</summary>
    /// <param name="values">Plaintexts; with test-size keys |value| must be below n.</param>
    /// <param name="batch">Changed in place.</param>
    /// <param name="offset">First ciphertext changed.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public static void AddPlain(
        ReadOnlySpan<long> values, CiphertextBatch batch, int offset = 0, Execution execution = default) =>
        AddPlain(MemoryMarshal.Cast<long, ulong>(values), 1, batch, offset, values.Length, execution);

    /// <summary>Adds signed numbers of any size in place: convenient, but copies them.</summary>
    /// <param name="values">Plaintexts, |value| below n.</param>
    /// <param name="batch">Changed in place.</param>
    /// <param name="offset">First ciphertext changed.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number does not fit in the key's words.</exception>
    /// <exception cref="PaillierException"><see cref="PaillierError.Range"/>: a number is n or more.</exception>
    public static void AddPlain(
        ReadOnlySpan<BigInteger> values, CiphertextBatch batch, int offset = 0, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var numbers = new SignedNumbers(values.Length, batch.Key);
        numbers.Write(values);
        AddPlain(numbers.Words, numbers.WordsEach, batch, offset, values.Length, execution);
    }

    /// <summary>Subtracts signed numbers in place: <c>batch[offset + i] -= values[i]</c>.</summary>
    /// <param name="values">Plaintexts; with test-size keys |value| must be below n.</param>
    /// <param name="batch">Changed in place.</param>
    /// <param name="offset">First ciphertext changed.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public static void SubtractPlain(
        ReadOnlySpan<long> values, CiphertextBatch batch, int offset = 0, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var numbers = new SignedNumbers(values.Length);
        numbers.WriteNegated(values);
        AddPlain(numbers.Words, numbers.WordsEach, batch, offset, values.Length, execution);
    }

    /// <summary>Subtracts signed numbers of any size in place: convenient, but copies them.</summary>
    /// <param name="values">Plaintexts, |value| below n.</param>
    /// <param name="batch">Changed in place.</param>
    /// <param name="offset">First ciphertext changed.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number does not fit in the key's words.</exception>
    /// <exception cref="PaillierException"><see cref="PaillierError.Range"/>: a number is n or more.</exception>
    public static void SubtractPlain(
        ReadOnlySpan<BigInteger> values, CiphertextBatch batch, int offset = 0, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var numbers = new SignedNumbers(values.Length, batch.Key);
        numbers.Write(values, negate: true);
        AddPlain(numbers.Words, numbers.WordsEach, batch, offset, values.Length, execution);
    }

    /// <summary>Products with plaintexts: <c>target[i] = source[i] · factors[i]</c>.</summary>
    /// <param name="source">Operand.</param>
    /// <param name="factors">As many signed numbers.</param>
    /// <param name="target">Receives the products, as long; must not overlap the operand.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public static void MultiplyPlain(
        CiphertextRange source, ReadOnlySpan<long> factors, CiphertextRange target, Execution execution = default)
    {
        CheckOperand(source, target, nameof(source));
        CheckApart(source, target, nameof(target));
        CiphertextBatch.CheckLength(factors.Length, target.Count, nameof(factors));
        PlainProducts.Multiply(source, factors, target, execution);
    }

    /// <summary>A dot product with plaintexts: the sum of all <c>values[i] · weights[i]</c>.</summary>
    /// <param name="values">One operand.</param>
    /// <param name="weights">The other: as many signed numbers.</param>
    /// <param name="target">Receives the sum: one ciphertext, none of the operand.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public static void DotProduct(
        CiphertextRange values, ReadOnlySpan<long> weights, CiphertextRange target, Execution execution = default)
    {
        values.Check(nameof(values));
        target.Check(nameof(target));
        if (target.Count != 1)
        {
            throw new ArgumentException($"A dot product is 1 ciphertext, not {target.Count}.", nameof(target));
        }

        MultiplyMatrix(weights, values, target, execution);
    }

    /// <summary>
    /// The product of a matrix of plaintexts and a vector: <c>target[r]</c> becomes the sum of all
    /// <c>matrix[r·columns + c] · vector[c]</c>. Zeros cost nothing.
    /// </summary>
    /// <param name="matrix">
    /// Signed numbers, row by row: as many rows as the target has ciphertexts, as many columns as the vector.
    /// </param>
    /// <param name="vector">What it is multiplied by.</param>
    /// <param name="target">Receives the products, one for each row; must not overlap the vector.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public static void MultiplyMatrix(
        ReadOnlySpan<long> matrix, CiphertextRange vector, CiphertextRange target, Execution execution = default)
    {
        vector.Check(nameof(vector));
        target.Check(nameof(target));
        CheckApart(vector, target, nameof(target));
        CiphertextBatch.CheckLength(matrix.Length, (long)target.Count * vector.Count, nameof(matrix));
        PlainProducts.MultiplyMatrix(matrix, vector, target, execution);
    }

    /// <summary>Negations: <c>target[i] = -source[i]</c> in plaintexts.</summary>
    /// <param name="source">Operand.</param>
    /// <param name="target">Receives the negations, as long; may be the operand, but not overlap it otherwise.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public static void Negate(CiphertextRange source, CiphertextRange target, Execution execution = default)
    {
        CheckOperand(source, target, nameof(source));
        Tiles.Run(new NegateTile(source, target), target.Count, target.Batch.Key.Lanes, TileGrain.Negation, execution);
    }

    /// <summary>
    /// Non-negative combinations: output j becomes the sum of the terms <c>first[j] .. first[j + 1] - 1</c> (none: 0).
    /// Squarings are shared by all terms of one output, so a slot packing costs hardly more than its shifts.
    /// </summary>
    /// <param name="sources">The batches that terms name.</param>
    /// <param name="terms">Terms of all outputs, output by output.</param>
    /// <param name="first">One more than there are outputs, ascending, ending at most at the number of terms.</param>
    /// <param name="target">Receives the sums; not one of the sources where their ranges meet.</param>
    /// <param name="offset">First ciphertext written.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <returns>Products and squarings done.</returns>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Range"/>: a term names a batch, ciphertext or shift that is not there.
    /// </exception>
    public static long Combine(
        ReadOnlySpan<CiphertextBatch> sources, ReadOnlySpan<Term> terms, ReadOnlySpan<int> first,
        CiphertextBatch target, int offset = 0, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        int count = CheckRows(first, terms.Length, nameof(first));
        target.CheckRange(offset, count);
        CheckOverlap(sources, terms, target, offset, count);
        Span<nint> handles = sources.Length <= SourcesOnStack
            ? stackalloc nint[sources.Length]
            : new nint[sources.Length];
        using var held = new HeldBatches(sources.Length);
        for (int i = 0; i < sources.Length; i++)
        {
            ArgumentNullException.ThrowIfNull(sources[i], nameof(sources));
            handles[i] = held.Hold(sources[i].Handle);
        }

        long products = 0;
        fixed (nint* handle = handles)
        fixed (Term* term = terms)
        fixed (int* row = first)
        {
            var range = new CiphertextRange(target, offset, count);
            var tile = new CombineTile(handle, handles.Length, term, row, range, &products);
            Tiles.Run(tile, count, target.Key.Lanes, TileGrain.Heavy, execution);
        }

        return products;
    }

    /// <summary>Runs a program on many input vectors.</summary>
    /// <param name="program">What to compute.</param>
    /// <param name="sources">What its inputs name; at most <see cref="ProductProgram.MaxSources"/>.</param>
    /// <param name="target">
    /// Output o goes to entry o here, at the tile's one position; another batch than the sources. Where two tiles write
    /// one ciphertext it is undefined which of them stays.
    /// </param>
    /// <param name="firstTile">First tile to run.</param>
    /// <param name="tiles">Tiles to run.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <returns>Products and squarings done.</returns>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Range"/>: an entry, tap or position is not there.
    /// </exception>
    public static long Run(
        ProductProgram program, ReadOnlySpan<ProgramView> sources, ProgramView target, int firstTile, int tiles,
        Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentOutOfRangeException.ThrowIfNegative(firstTile);
        ArgumentOutOfRangeException.ThrowIfNegative(tiles);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sources.Length, ProductProgram.MaxSources, nameof(sources));
        int end = checked(firstTile + tiles);
        target.Check(end, nameof(target));
        foreach (ProgramView source in sources)
        {
            source.Check(end, nameof(sources));
        }

        NativeView* views = stackalloc NativeView[ProductProgram.MaxSources];
        using var held = new HeldBatches(sources.Length + 1);
        long products = 0;
        fixed (int* positions0 = PositionsOf(sources, 0))
        fixed (int* positions1 = PositionsOf(sources, 1))
        fixed (int* positions2 = PositionsOf(sources, 2))
        fixed (int* positions3 = PositionsOf(sources, 3))
        fixed (int* targetPositions = target.Positions)
        {
            int** positions = stackalloc[] { positions0, positions1, positions2, positions3 };
            for (int i = 0; i < sources.Length; i++)
            {
                views[i] = ViewOf(sources[i], held.Hold(sources[i].Batch.Handle), positions[i]);
            }

            NativeView targetView = ViewOf(target, held.Hold(target.Batch.Handle), targetPositions);
            new ProgramExecution(program, target.Batch.Key, views, sources.Length, &targetView, &products)
                .Run(firstTile, tiles, execution);
        }

        return products;

        static int[]? PositionsOf(ReadOnlySpan<ProgramView> sources, int i) =>
            i < sources.Length ? sources[i].Positions : null;

        static NativeView ViewOf(ProgramView view, nint batch, int* positions) =>
            new() { Batch = batch, Positions = (nint)positions, Stride = view.Stride, Taps = view.Taps };
    }

    /// <summary>
    /// Checks a row pointer array. The native side knows no length of what it points into, so this is where memory is
    /// kept safe.
    /// </summary>
    /// <returns>The number of rows.</returns>
    private static int CheckRows(ReadOnlySpan<int> start, int length, string name)
    {
        if (start.IsEmpty || start[0] < 0 || start[^1] > length)
        {
            throw new ArgumentException($"Rows must begin at 0 or above and end at {length} or below.", name);
        }

        for (int i = 1; i < start.Length; i++)
        {
            if (start[i] < start[i - 1])
            {
                throw new ArgumentException("Rows must not end before they begin.", name);
            }
        }

        return start.Length - 1;
    }

    /// <summary>
    /// Checks both ranges, and refuses a target that is its own operand at another offset: tiles would read what others
    /// have written, unseen by the native side, which looks at one tile at a time.
    /// </summary>
    private static void CheckOperand(CiphertextRange source, CiphertextRange target, string name)
    {
        source.Check(name);
        target.Check(nameof(target));
        if (source.Count != target.Count)
        {
            throw new ArgumentException($"{source.Count} ciphertexts make {target.Count} results.", name);
        }

        if (source.Batch == target.Batch && source.First != target.First
            && Math.Abs(source.First - target.First) < target.Count)
        {
            throw new ArgumentException("The target overlaps its operand at another offset.", name);
        }
    }

    /// <summary>Refuses a target that would be written before all of an operand is read.</summary>
    private static void CheckApart(CiphertextRange source, CiphertextRange target, string name)
    {
        if (source.Batch == target.Batch && source.First < target.First + target.Count
            && target.First < source.First + source.Count)
        {
            throw new ArgumentException("The target overlaps its operand.", name);
        }
    }

    /// <summary>Refuses terms that lie in the range that is written, for the same reason.</summary>
    private static void CheckOverlap(
        ReadOnlySpan<CiphertextBatch> sources, ReadOnlySpan<Term> terms, CiphertextBatch target, int offset, int count)
    {
        if (!sources.Contains(target))
        {
            return;
        }

        foreach (Term term in terms)
        {
            if ((uint)term.Batch < (uint)sources.Length && sources[term.Batch] == target
                && term.Index >= offset && term.Index - offset < count)
            {
                throw new ArgumentException("A term lies in the range that is written.", nameof(terms));
            }
        }
    }

    private readonly struct AddTile(CiphertextRange a, CiphertextRange b, CiphertextRange target) : ITile
    {
        public void Run(int start, int count) => NativeStatus.Check(
            NativeMethods.Add(
                a.Batch.Handle, a.First + start, b.Batch.Handle, b.First + start, target.Batch.Handle,
                target.First + start, count),
            "addition");
    }

    private readonly struct AddPlainTile(ulong* plaintexts, int wordsEach, CiphertextBatch batch, int offset) : ITile
    {
        public void Run(int start, int count) => NativeStatus.Check(
            NativeMethods.AddPlain(
                plaintexts + ((long)start * wordsEach), wordsEach, batch.Handle, offset + start, count),
            "addition of plaintexts");
    }

    private readonly struct NegateTile(CiphertextRange source, CiphertextRange target) : ITile
    {
        public void Run(int start, int count) => NativeStatus.Check(
            NativeMethods.Negate(
                source.Batch.Handle, source.First + start, target.Batch.Handle, target.First + start, count),
            "negation");
    }

    private readonly struct CombineTile(
        nint* sources, int sourceCount, Term* terms, int* first, CiphertextRange target, long* products) : ITile
    {
        public void Run(int start, int count)
        {
            NativeStatus.Check(
                NativeMethods.Combine(
                    sources, sourceCount, terms, first + start, count, target.Batch.Handle, target.First + start,
                    out long done),
                "combination");
            Interlocked.Add(ref *products, done);
        }
    }
}
