using System.Runtime.InteropServices;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>Collects the terms of several combinations, one after the other.</summary>
internal sealed class TermList
{
    private readonly List<Term> _terms = [];
    private readonly List<int> _first = [0];

    /// <summary>All terms.</summary>
    public ReadOnlySpan<Term> Terms => CollectionsMarshal.AsSpan(_terms);

    /// <summary>Where each combination begins, and the end.</summary>
    public ReadOnlySpan<int> First => CollectionsMarshal.AsSpan(_first);

    /// <summary>Adds a ciphertext once.</summary>
    public TermList Add(int batch, int index)
    {
        _terms.Add(new Term(1, batch, index, 0));
        return this;
    }

    /// <summary>Adds a ciphertext times a number of several words, shifted left.</summary>
    public TermList Add(int batch, int index, ReadOnlySpan<ulong> factor, int shift)
    {
        for (int i = 0; i < factor.Length; i++)
        {
            if (factor[i] != 0)
            {
                _terms.Add(new Term(factor[i], batch, index, 64 * i + shift));
            }
        }

        return this;
    }

    /// <summary>Ends a combination.</summary>
    public void End() => _first.Add(_terms.Count);
}
