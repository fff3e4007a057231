using System.Runtime.InteropServices;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// Builds packed, re-randomised ciphertexts: collects for each plaintext the terms source^(magnitude·2^shift) and the
/// constant to add, and evaluates them in one combination with shared squarings. Every ciphertext that leaves the
/// server passes through here.
/// </summary>
internal sealed class SlotPacker
{
    private readonly SlotLayout _layout;
    private readonly int _items;
    private readonly int _wordsEach;
    private readonly ulong[] _constants;
    private readonly List<Term> _terms = [];
    private readonly int[] _first;
    private int _item = -1;

    /// <summary>Begins the ciphertexts for a number of items; items are then added in order.</summary>
    public SlotPacker(SlotLayout layout, int items)
    {
        _layout = layout;
        _items = items;
        int count = layout.Ciphertexts(items);

        // One bit more than the slots, so that the constant is not taken for a negative number.
        _wordsEach = Words.For(layout.ItemsPerCiphertext * layout.Fields.ItemBits + 1);
        _constants = new ulong[count * _wordsEach];
        _first = new int[count + 1];
    }

    private int Slot => _item % _layout.ItemsPerCiphertext;

    private Span<ulong> Addend => _constants.AsSpan(_item / _layout.ItemsPerCiphertext * _wordsEach, _wordsEach);

    /// <summary>Moves on to the next item.</summary>
    public void Next()
    {
        _item++;
        if (Slot == 0)
        {
            _first[_item / _layout.ItemsPerCiphertext] = _terms.Count;
        }
    }

    /// <summary>
    /// Signed field of the item: factor · 2^shift · (source − less) + offset, or its negative where
    /// <paramref name="negated"/> and the caller names the negative as source. Holds the value plus 2^(SignedBits−1).
    /// </summary>
    public void Signed(
        int field, int batch, int index, ulong factor, int shift, UInt128 offset, bool negated,
        ReadOnlySpan<ulong> less = default)
    {
        int position = _layout.SignedShift(Slot, field);
        _terms.Add(new Term(factor, batch, index, position + shift));
        Span<ulong> half = stackalloc ulong[Words.For(_layout.Fields.SignedBits)];
        Span<ulong> product = stackalloc ulong[half.Length];
        Span<ulong> shifted = stackalloc ulong[half.Length];
        half.Clear();
        shifted.Clear();
        Words.AddShifted(half, [1], _layout.Fields.SignedBits - 1);
        ReadOnlySpan<ulong> added = [(ulong)offset, (ulong)(offset >> 64)];
        Words.Multiply(less, factor, product);
        Words.AddShifted(shifted, product, shift);
        Words.AddShifted(half, negated ? shifted : added, 0);
        Words.Subtract(half, negated ? added : shifted);
        Words.AddShifted(Addend, half, position);
    }

    /// <summary>Masked field of the item: source + mask.</summary>
    public void Masked(int batch, int index, ReadOnlySpan<ulong> mask)
    {
        int shift = _layout.MaskedShift(Slot);
        _terms.Add(new Term(1, batch, index, shift));
        Words.AddShifted(Addend, mask, shift);
    }

    /// <summary>Evaluates, re-randomises and exports.</summary>
    public byte[] Seal(ReadOnlySpan<CiphertextBatch> sources, ServerContext context)
    {
        if (_item != _items - 1)
        {
            throw new InvalidOperationException($"{_item + 1} of {_items} items were added.");
        }

        int count = _first.Length - 1;
        _first[count] = _terms.Count;
        Execution execution = context.Execution;
        using CiphertextBatch packed = context.Pool.Rent(count);
        context.Counter.Add(
            Evaluator.Combine(sources, CollectionsMarshal.AsSpan(_terms), _first, packed, 0, execution));
        Evaluator.AddPlain(_constants, _wordsEach, packed, 0, count, execution);
        context.Encryptor.Rerandomize(packed, 0, count, execution);
        var bytes = new byte[count * context.Key.CiphertextBytes];
        packed.Export(0, count, bytes, execution);
        return bytes;
    }
}
