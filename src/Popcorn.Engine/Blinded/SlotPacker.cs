using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// Builds packed, re-randomised ciphertexts: collects for each plaintext the terms source^(magnitude·2^shift) and the
/// constant to add, and evaluates them in one combination with shared squarings. Every ciphertext that leaves the
/// server passes through here.
/// </summary>
internal sealed class SlotPacker : IDisposable
{
    private readonly SlotLayout _layout;
    private readonly int _items;
    private readonly int _wordsEach;
    private readonly SecretArray<ulong> _constants;
    private readonly TermList _terms;
    private int _item = -1;

    /// <summary>Begins the ciphertexts for a number of items; items are then added in order.</summary>
    public SlotPacker(SlotLayout layout, int items)
    {
        _layout = layout;
        _items = items;
        int count = layout.Ciphertexts(items);

        // One bit more than the slots, so that the constant is not taken for a negative number.
        _wordsEach = Words.For(layout.ItemsPerCiphertext * layout.Fields.ItemBits + 1);
        _constants = new SecretArray<ulong>(checked(count * _wordsEach));
        _terms = new TermList(count, layout.ItemsPerCiphertext * layout.Fields.Count);
    }

    private int Slot => _item % _layout.ItemsPerCiphertext;

    private Span<ulong> Addend => _constants.Span.Slice(_item / _layout.ItemsPerCiphertext * _wordsEach, _wordsEach);

    /// <summary>Moves on to the next item.</summary>
    public void Next()
    {
        _item++;
        if (Slot == 0 && _item > 0)
        {
            _terms.End();
        }
    }

    /// <summary>
    /// Signed field of the item: the value of what a source holds, less a number, plus 2^(SignedBits−1).
    /// </summary>
    /// <param name="field">Which of its fields.</param>
    /// <param name="batch">
    /// The source, of those that <see cref="Seal"/> gets: the negatives, if the value is negated.
    /// </param>
    /// <param name="index">The ciphertext in it.</param>
    /// <param name="value">What is made of it.</param>
    /// <param name="less">What is taken off before.</param>
    public void Signed(int field, int batch, int index, SignedValue value, ReadOnlySpan<ulong> less = default)
    {
        int bits = _layout.Fields.SignedBits;
        int position = _layout.SignedShift(Slot, field);
        _terms.Add(batch, index, value.Factor, position + value.Shift);
        Span<ulong> sum = stackalloc ulong[Words.For(bits)];
        Span<ulong> product = stackalloc ulong[sum.Length];
        Span<ulong> shifted = stackalloc ulong[sum.Length];
        sum.Clear();
        shifted.Clear();
        Words.AddShifted(sum, [1], bits - 1);
        ReadOnlySpan<ulong> added = [(ulong)value.Offset, (ulong)(value.Offset >> 64)];
        Words.Multiply(less, value.Factor, product);
        Words.AddShifted(shifted, product, value.Shift);
        Words.AddShifted(sum, value.Negated ? shifted : added, 0);
        Words.Subtract(sum, value.Negated ? added : shifted);
        Words.AddShifted(Addend, sum, position);
    }

    /// <summary>Masked field of the item: source + mask.</summary>
    public void Masked(int batch, int index, ReadOnlySpan<ulong> mask)
    {
        int shift = _layout.MaskedShift(Slot);
        _terms.Add(batch, index, 1, shift);
        Words.AddShifted(Addend, mask, shift);
    }

    /// <summary>Evaluates, re-randomises and exports.</summary>
    public byte[] Seal(ReadOnlySpan<CiphertextBatch> sources, ServerContext context)
    {
        if (_item != _items - 1)
        {
            throw new InvalidOperationException($"{_item + 1} of {_items} items were added.");
        }

        int count = _layout.Ciphertexts(_items);
        if (_items > 0)
        {
            _terms.End();
        }

        Execution execution = context.Execution;
        using CiphertextBatch packed = context.Pool.Rent(count);
        context.Counter.Add(
            Evaluator.Combine(sources, _terms.Terms, _terms.First, packed, 0, execution));
        Evaluator.AddPlain(_constants.Span, _wordsEach, packed, 0, count, execution);
        context.Rerandomizer.Rerandomize(packed, 0, count, execution);
        var bytes = new byte[count * context.Key.CiphertextBytes];
        packed.Export(0, count, bytes, execution);
        return bytes;
    }

    /// <summary>Wipes what it collected.</summary>
    public void Dispose()
    {
        _constants.Dispose();
        _terms.Dispose();
    }
}

/// <summary>What a signed field makes of x: factor · 2^shift · x + offset, or the negative of that.</summary>
internal readonly record struct SignedValue(ulong Factor, int Shift, UInt128 Offset, bool Negated)
{
    /// <summary>x itself.</summary>
    public static SignedValue Itself => new(1, 0, 0, Negated: false);
}
