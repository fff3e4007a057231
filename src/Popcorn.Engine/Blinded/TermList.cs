using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// Collects the terms of several combinations, one after the other. Their factors are masks and carriers, so they are
/// wiped with it.
/// </summary>
internal sealed class TermList : IDisposable
{
    private readonly SecretArray<Term> _terms;
    private readonly SecretArray<int> _first;
    private int _count;
    private int _ended;

    /// <summary>Begins the first combination.</summary>
    /// <param name="combinations">How many there will be, at most.</param>
    /// <param name="termsEach">Terms of each, at most on average; a factor takes one for each of its words.</param>
    public TermList(int combinations, int termsEach)
    {
        _terms = new SecretArray<Term>(checked(combinations * termsEach));
        _first = new SecretArray<int>(combinations + 1);
    }

    /// <summary>All terms.</summary>
    public ReadOnlySpan<Term> Terms => _terms.Span[.._count];

    /// <summary>Where each combination begins, and the end.</summary>
    public ReadOnlySpan<int> First => _first.Span[..(_ended + 1)];

    /// <summary>Adds a ciphertext once.</summary>
    public TermList Add(int batch, int index) => Add(batch, index, 1, 0);

    /// <summary>Adds a ciphertext times a number, shifted left.</summary>
    public TermList Add(int batch, int index, ulong factor, int shift)
    {
        _terms[_count++] = new Term(factor, batch, index, shift);
        return this;
    }

    /// <summary>Adds a ciphertext times a number of several words, shifted left.</summary>
    public TermList Add(int batch, int index, ReadOnlySpan<ulong> factor, int shift)
    {
        for (int i = 0; i < factor.Length; i++)
        {
            if (factor[i] != 0)
            {
                Add(batch, index, factor[i], 64 * i + shift);
            }
        }

        return this;
    }

    /// <summary>Ends a combination.</summary>
    public void End() => _first[++_ended] = _count;

    /// <summary>Wipes the terms.</summary>
    public void Dispose()
    {
        _terms.Dispose();
        _first.Dispose();
    }
}
