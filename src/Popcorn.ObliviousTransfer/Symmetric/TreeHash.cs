using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Popcorn.ObliviousTransfer.Symmetric;

/// <summary>
/// H(x) = π(σ(x)) ⊕ σ(x) with σ(hi ‖ lo) = (hi ⊕ lo) ‖ hi, circular correlation robust where π is an ideal permutation
/// (Guo, Katz, Wang and Yu 2020, §7.2): σ must be a linear orthomorphism, that is, x → σ(x) ⊕ x is a bijection too. π
/// is AES under a key that is another for every tree, so that one table of guesses serves against one tree only.
/// </summary>
internal sealed class TreeHash : IDisposable
{
    private readonly Aes128 _keys;
    private readonly Aes128 _permutation = new();

    /// <summary>For the trees of one iteration in one direction.</summary>
    /// <param name="session">The session's identifier.</param>
    /// <param name="direction">0 or 1.</param>
    /// <param name="iteration">The iteration's number in its direction.</param>
    public TreeHash(ReadOnlySpan<byte> session, int direction, ulong iteration)
    {
        using var kdf = new Kdf(session, "tree");
        kdf.Add((byte)direction);
        kdf.Add(iteration);
        _keys = new Aes128(kdf.DeriveKey());
    }

    /// <summary>σ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Block Sigma(Block x) =>
        Vector128.Shuffle(x, Vector128.Create(1ul, 0)) ^ (x & Vector128.Create(0, ulong.MaxValue));

    /// <summary>Takes the key of a tree.</summary>
    /// <param name="tree">The tree's number in its iteration.</param>
    public void SetTree(int tree) => _permutation.SetKey(_keys.Encrypt(Vector128.CreateScalar((ulong)tree)));

    /// <summary>π of the tree, for who does the whole tree at once.</summary>
    public Aes128 Permutation => _permutation;

    /// <summary>Hashes blocks.</summary>
    /// <param name="count">How many.</param>
    /// <param name="nodes">
    /// Gives σ of each, and takes π of that: it adds σ again itself, as it needs the block anyway.
    /// </param>
    public void Hash<TMap>(int count, ref TMap nodes)
        where TMap : struct, IBlockMap, allows ref struct => _permutation.Encrypt(count, ref nodes);

    /// <summary>Wipes the keys.</summary>
    public void Dispose()
    {
        _keys.Dispose();
        _permutation.Dispose();
    }
}
