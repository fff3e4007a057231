using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>
/// One party's COTs of one direction: pairs with q = t ⊕ r·Δ, where the sender holds Δ and q, the receiver t and the
/// random choice r, which is bit 0 of t. Taking some moves them out and wipes them here; they are numbered from 0 in
/// the order in which they are taken, so that no number comes twice.
/// </summary>
public abstract class CotPool : IDisposable
{
    /// <summary>
    /// COTs of a stage at most, nearly: while one party takes in what one of them made, the other makes the next.
    /// </summary>
    internal const int MostOfStage = 1 << 18;

    private readonly byte[] _session;
    private readonly SecretArray<Block> _leaves;
    private CotChain _chain;
    private SecretArray<Block> _blocks = new(0);
    private int _begin;
    private int _end;
    private SecretArray<Block>? _state; // what the iteration that runs started from
    private SecretArray<Block>? _nextState;
    private TreeHash? _hash;
    private LinearCode? _code;
    private bool _isDisposed;

    /// <summary>COTs that can be there at once, at most: 2 GB, less a tree.</summary>
    private const long MostAvailable = (1L << 27) - (1 << 14);

    private protected CotPool(ReadOnlySpan<byte> session, int direction, FerretParameters? steady)
    {
        _session = session.ToArray();
        Direction = direction;
        _chain = new CotChain(steady);
        _leaves = new SecretArray<Block>(
            steady is null ? 0 : Math.Max(steady.Leaves, CotChain.FirstSet.Leaves));
    }

    /// <summary>0 where the server holds Δ, 1 where the client does.</summary>
    public int Direction { get; }

    /// <summary>COTs that are there.</summary>
    public int Available => _end - _begin;

    /// <summary>COTs that were taken: the number of the next.</summary>
    public ulong Taken { get; private set; }

    /// <summary>Takes COTs out.</summary>
    /// <param name="blocks">Filled; q for the sender, t for the receiver. A block is a key, never data.</param>
    /// <exception cref="InvalidOperationException">There are fewer; extend first.</exception>
    public void Take(Span<Block> blocks) => TakeRange(blocks);

    /// <summary>Makes room for so many, at once: while they are made there are more that would have to move.</summary>
    internal void Reserve(long count)
    {
        AssertIsThere();
        if (_blocks.Length < RoomOf(count))
        {
            MoveTo(new SecretArray<Block>(RoomOf(count)));
        }
        else if (_begin + RoomOf(count) > _blocks.Length)
        {
            MoveDown();
        }
    }

    /// <summary>Gives back room for more than so many.</summary>
    internal void Trim(long count)
    {
        AssertIsThere();
        if (_blocks.Length > Math.Max(Available, RoomOf(count)))
        {
            MoveTo(new SecretArray<Block>(Math.Max(Available, RoomOf(count))));
        }
    }

    /// <summary>Wipes everything.</summary>
    public void Dispose()
    {
        _isDisposed = true; // what came out now would be made of zeros
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Takes COTs out, with their numbers.</summary>
    internal CotRange TakeRange(Span<Block> blocks)
    {
        Demand(blocks.Length);
        Span<Block> taken = _blocks.Span.Slice(_begin, blocks.Length);
        taken.CopyTo(blocks);
        taken.Clear();
        var range = new CotRange(Taken, blocks);
        _begin += blocks.Length;
        Taken += (ulong)blocks.Length;
        return range;
    }

    /// <summary>
    /// Throws where there are fewer than wanted. Whoever takes them in parts asks for all first: what one party takes
    /// and the other does not makes all that follows wrong.
    /// </summary>
    internal void Demand(long count)
    {
        AssertIsThere();
        if (count > Available)
        {
            throw new InvalidOperationException($"there are {Available} COTs, not {count}; extend first");
        }
    }

    /// <summary>The stages after which there are so many; nothing is done yet.</summary>
    internal List<Stage> StagesFor(long wanted)
    {
        AssertIsThere();
        ArgumentOutOfRangeException.ThrowIfNegative(wanted);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(wanted, MostAvailable);
        List<Stage> stages = [];
        CotChain chain = _chain;
        for (long available = Available; available < wanted;)
        {
            Stage stage = chain.Next(Math.Min(wanted - available, chain.IsSilent ? MostOfStage : long.MaxValue));
            stages.Add(stage);
            available += stage.Usable;
        }

        return stages;
    }

    /// <summary>Makes the COTs of a stage, which must be the next one.</summary>
    /// <param name="stage">From <see cref="StagesFor"/>.</param>
    /// <param name="received">Its message, where the other party sends it.</param>
    /// <param name="sent">Its message, filled, where this one does.</param>
    internal void Run(Stage stage, ReadOnlySpan<byte> received, Span<byte> sent)
    {
        AssertIsThere();
        Advance(stage);
        switch (stage.Kind)
        {
            case StageKind.Direct:
                Extend(received, sent, RoomFor(stage.Count));
                break;

            case StageKind.Bootstrap:
                _state = new SecretArray<Block>(stage.Count);
                Extend(received, sent, _state.Span);
                break;

            case StageKind.Trees:
                RunTrees(stage, received, sent);
                break;

            default:
                throw new InvalidOperationException($"unknown stage {stage.Kind}");
        }

        _end += stage.Usable; // not before: where something is thrown, nothing that is not there is handed out
    }

    /// <summary>Throws where everything is wiped.</summary>
    private protected void AssertIsThere() => ObjectDisposedException.ThrowIf(_isDisposed, this);

    /// <summary>SoftSpoken.</summary>
    private protected abstract void Extend(ReadOnlySpan<byte> received, Span<byte> sent, Span<Block> cots);

    /// <summary>One tree of a silent iteration.</summary>
    private protected abstract void MakeTree(
        TreeHash hash, ReadOnlySpan<Block> cots, ReadOnlySpan<byte> received, Span<byte> sent, Span<Block> leaves);

    /// <summary>Wipes everything.</summary>
    /// <param name="disposing">Always true.</param>
    protected virtual void Dispose(bool disposing)
    {
        _blocks.Dispose();
        _leaves.Dispose();
        _state?.Dispose();
        _nextState?.Dispose();
        _hash?.Dispose();
        _code?.Dispose();
        _begin = _end = 0;
    }

    private void RunTrees(Stage stage, ReadOnlySpan<byte> received, Span<byte> sent)
    {
        FerretParameters set = stage.Set!;
        if (stage.First == 0)
        {
            BeginIteration(stage);
        }

        Span<Block> state = _state!.Span, next = _nextState!.Span;
        Span<Block> usable = RoomFor(stage.Usable);
        for (int i = 0; i < stage.Count; i++)
        {
            int tree = stage.First + i, output = tree * set.Leaves;
            int forNext = Math.Clamp(next.Length - output, 0, set.Leaves);
            Span<Block> leaves = forNext == 0 ? usable[..set.Leaves] : _leaves.Span[..set.Leaves];
            _hash!.SetTree(tree);
            MakeTree(
                _hash,
                state.Slice(set.Secret + (tree * set.Depth), set.Depth),
                received.IsEmpty ? received : received.Slice(i * set.TreeBytes, set.TreeBytes),
                sent.IsEmpty ? sent : sent.Slice(i * set.TreeBytes, set.TreeBytes),
                leaves);
            _code!.AddTo(state[..set.Secret], (ulong)output, leaves);
            if (forNext > 0)
            {
                leaves[..forNext].CopyTo(next[output..]);
                leaves[forNext..].CopyTo(usable);
            }

            usable = usable[(leaves.Length - forNext)..];
        }

        _leaves.Wipe();
    }

    private void BeginIteration(Stage stage)
    {
        if (stage.Iteration > 0)
        {
            (_state, _nextState) = (_nextState, _state);
        }

        if (_nextState?.Length == _chain.NextConsumed)
        {
            _nextState.Wipe();
        }
        else
        {
            _nextState?.Dispose();
            _nextState = new SecretArray<Block>(_chain.NextConsumed);
        }

        _hash?.Dispose();
        _hash = new TreeHash(_session, Direction, stage.Iteration);
        _code?.Dispose();
        _code = new LinearCode(_session, Direction, stage.Iteration, stage.Set!.LogSecret);
    }

    /// <summary>Room for more COTs behind those that are there.</summary>
    private Span<Block> RoomFor(int count)
    {
        if (_end + count > _blocks.Length)
        {
            if (Available + count > _blocks.Length)
            {
                MoveTo(new SecretArray<Block>(Available + count));
            }
            else
            {
                MoveDown();
            }
        }

        return _blocks.Span.Slice(_end, count);
    }

    /// <summary>A tree more, because extending makes whole ones.</summary>
    private int RoomOf(long count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MostAvailable);
        return (int)count + _leaves.Length;
    }

    private void MoveDown()
    {
        Span<Block> left = _blocks.Span[_begin.._end];
        left.CopyTo(_blocks.Span);
        _blocks.Span[Math.Max(left.Length, _begin).._end].Clear(); // before that they are taken, and wiped
        (_begin, _end) = (0, left.Length);
    }

    private void MoveTo(SecretArray<Block> room)
    {
        _blocks.Span[_begin.._end].CopyTo(room.Span);
        _blocks.Dispose();
        _blocks = room;
        (_begin, _end) = (0, _end - _begin);
    }

    private void Advance(Stage stage)
    {
        // The chain says the same stage again when it is asked for what the stage gives.
        CotChain chain = _chain;
        if (chain.Next(Math.Max(1, stage.Usable)) != stage)
        {
            throw new InvalidOperationException("stages must run in the order of the chain");
        }

        _chain = chain;
    }
}
