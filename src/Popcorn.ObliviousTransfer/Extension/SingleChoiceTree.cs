using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>
/// Single-point COTs: the sender's leaves v and the receiver's w are equal but for one leaf α, which the receiver alone
/// knows, where they differ by Δ. Half trees (Guo, Yang, Wang, Zhang, Xie, Liu and Zhao 2023): node x has the children
/// H(x) and x ⊕ H(x), so every level sums to Δ, and the sum of a level's left nodes, masked by one COT, tells the
/// receiver the sum of its left or of its right nodes. Of the leaves bit 0 is cleared before they are summed, and set
/// in w of leaf α, so that in all that is made of them the lowest bit is the choice.
/// <para>
/// Position bit l of α, the most significant first, is the complement of the choice of COT l: random, nothing is
/// corrected. α is secret: every node is computed and compared, none is indexed by it.
/// </para>
/// </summary>
internal static class SingleChoiceTree
{
    /// <summary>All of a block but the bit that carries a choice.</summary>
    private static Block AllButChoice => Vector128.Create(~1ul, ~0ul);

    /// <summary>The sender's side.</summary>
    /// <param name="hash">Keyed for this tree.</param>
    /// <param name="delta">Δ.</param>
    /// <param name="first">A random node.</param>
    /// <param name="cots">One of the sender's COTs for each level.</param>
    /// <param name="corrections">Filled, a block for each level: what the receiver is sent.</param>
    /// <param name="leaves">Filled, 2^levels.</param>
    public static void Send(
        TreeHash hash, Block delta, Block first, ReadOnlySpan<Block> cots, Span<Block> corrections,
        Span<Block> leaves)
    {
        if (hash.Permutation.Kernel is { } kernel)
        {
            kernel.SendTree(hash.Permutation.ExpandedKey, delta, first, cots, corrections, leaves);
            return;
        }

        leaves[0] = first;
        leaves[1] = first ^ delta;
        corrections[0] = cots[0] ^ first;
        for (int level = 1; level < cots.Length; level++)
        {
            Block kept = level == cots.Length - 1 ? AllButChoice : Block.AllBitsSet;
            corrections[level] = cots[level] ^ Expand(hash, leaves[..(2 << level)], kept);
        }
    }

    /// <summary>The receiver's side.</summary>
    /// <param name="hash">Keyed for this tree.</param>
    /// <param name="cots">One of the receiver's COTs for each level.</param>
    /// <param name="corrections">What the sender sent.</param>
    /// <param name="leaves">Filled, 2^levels.</param>
    public static void Receive(
        TreeHash hash, ReadOnlySpan<Block> cots, ReadOnlySpan<Block> corrections, Span<Block> leaves)
    {
        if (hash.Permutation.Kernel is { } kernel)
        {
            kernel.ReceiveTree(hash.Permutation.ExpandedKey, cots, corrections, leaves);
            return;
        }

        leaves[0] = leaves[1] = default;
        var position = new Position(1 ^ (cots[0][0] & 1), cots[0] ^ corrections[0]);
        Block sum = default;
        for (int level = 1; level < cots.Length; level++)
        {
            Block kept = level == cots.Length - 1 ? AllButChoice : Block.AllBitsSet;
            (Block left, Block right) = ExpandKnown(hash, leaves[..(2 << level)], position, kept);
            ulong choice = cots[level][0] & 1;
            Block known = left ^ ((left ^ right) & Vector128.Create(0 - choice));
            sum = left ^ right;
            position = new Position(
                (2 * position.Path) + (1 ^ choice), ((cots[level] ^ corrections[level]) & kept) ^ known);
        }

        Finish(leaves, sum, position);
    }

    /// <summary>Makes the next level of the one that stands in the first half, in its place.</summary>
    /// <returns>The sum of its left nodes.</returns>
    private static Block Expand(TreeHash hash, Span<Block> nodes, Block kept)
    {
        var level = new Level(ref MemoryMarshal.GetReference(nodes), kept);
        hash.Hash(nodes.Length / 2, ref level);
        return level.LeftSum;
    }

    /// <summary>
    /// The same with nodes of which that on the path is unknown and the one beside it still to be put in its place;
    /// the children of the unknown one are zero.
    /// </summary>
    /// <returns>The sums of its left and of its right nodes.</returns>
    private static (Block Left, Block Right) ExpandKnown(
        TreeHash hash, Span<Block> nodes, Position position, Block kept)
    {
        var level = new KnownLevel(ref MemoryMarshal.GetReference(nodes), position, kept);
        hash.Hash(nodes.Length / 2, ref level);
        return (level.LeftSum, level.RightSum);
    }

    /// <summary>Puts the leaf beside α in its place, and in that of α the sum of all others with its bit set.</summary>
    /// <param name="leaves">Zero in both places.</param>
    /// <param name="sum">Their sum.</param>
    /// <param name="position">Of α.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish(Span<Block> leaves, Block sum, Position position)
    {
        sum = (sum ^ position.Sibling) | Vector128.CreateScalar(1ul);
        Block path = Vector128.Create(position.Path), sibling = Vector128.Create(position.Path ^ 1);
        Block index = default;
        for (int i = 0; i < leaves.Length; i++, index += Block.One)
        {
            leaves[i] ^= (Vector128.Equals(index, sibling) & position.Sibling)
                ^ (Vector128.Equals(index, path) & sum);
        }
    }

    /// <summary>Where the receiver stands in a level: the node that it does not know, and the value of that beside
    /// it.</summary>
    private readonly record struct Position(ulong Path, Block Sibling);

    /// <summary>In descending order, so that children go where no parent is needed any more.</summary>
    private ref struct Level(ref Block nodes, Block kept) : IBlockMap
    {
        private readonly ref Block _nodes = ref nodes;

        public Block LeftSum { get; private set; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Block Input(int index) => TreeHash.Sigma(Unsafe.Add(ref _nodes, index));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Output(int index, Block cipher)
        {
            Block parent = Unsafe.Add(ref _nodes, index);
            Block left = cipher ^ TreeHash.Sigma(parent);
            Block right = (parent ^ left) & kept;
            left &= kept;
            Unsafe.Add(ref _nodes, 2 * index) = left;
            Unsafe.Add(ref _nodes, (2 * index) + 1) = right;
            LeftSum ^= left;
        }
    }

    private ref struct KnownLevel(ref Block nodes, Position position, Block kept) : IBlockMap
    {
        private readonly ref Block _nodes = ref nodes;
        private readonly Block _path = Vector128.Create(position.Path);
        private readonly Block _beside = Vector128.Create(position.Path ^ 1);
        private readonly Block _sibling = position.Sibling;

        public Block LeftSum { get; private set; }

        public Block RightSum { get; private set; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Block Input(int index) => TreeHash.Sigma(Node(index));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Output(int index, Block cipher)
        {
            Block parent = Node(index);
            Block known = Vector128.AndNot(kept, Vector128.Equals(Vector128.Create((ulong)index), _path));
            Block left = cipher ^ TreeHash.Sigma(parent);
            Block right = (parent ^ left) & known;
            left &= known;
            Unsafe.Add(ref _nodes, 2 * index) = left;
            Unsafe.Add(ref _nodes, (2 * index) + 1) = right;
            LeftSum ^= left;
            RightSum ^= right;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly Block Node(int index) => Unsafe.Add(ref _nodes, index)
            ^ (Vector128.Equals(Vector128.Create((ulong)index), _beside) & _sibling);
    }
}
