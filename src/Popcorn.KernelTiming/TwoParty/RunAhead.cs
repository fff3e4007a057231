namespace Popcorn.KernelTiming.TwoParty;

/// <summary>
/// Two parties of whom one does several runs before the other does its part of them. So what one of them has in the
/// caches is driven out by the other once a slice, not once a run: in real life they are on two machines.
/// </summary>
internal abstract class RunAhead
{
    /// <summary>Runs of a slice: enough to bring back what others drove out of the caches, and go on from there.
    /// </summary>
    public const int Runs = 16;

    private readonly Dictionary<(int Kind, int Run), byte[]> _messages = [];
    private int _nextFirst;
    private int _nextSecond;

    /// <summary>What goes first, for the timer.</summary>
    public KernelOperation CreateFirst(string name, int units) => new(name, units, First)
    {
        Supply = new Supply(Runs, () => Renew(0)),
    };

    /// <summary>What follows.</summary>
    public KernelOperation CreateSecond(string name, int units) => new(name, units, Second)
    {
        Supply = new Supply(Runs, () => Renew(Runs)),
    };

    /// <summary>Makes what <see cref="Runs"/> of both parties use up. Neither is ahead then.</summary>
    protected virtual void Refill()
    {
    }

    /// <summary>A run of the party that goes first.</summary>
    /// <param name="run">Its number, modulo <see cref="Runs"/>.</param>
    protected abstract void RunFirst(int run);

    /// <summary>A run of the one that follows, with what the other said in the run of the same number.</summary>
    /// <param name="run">Its number, modulo <see cref="Runs"/>.</param>
    protected abstract void RunSecond(int run);

    /// <summary>A message of a run.</summary>
    /// <param name="run">Its number.</param>
    /// <param name="bytes">Its length.</param>
    /// <param name="kind">Which of the run's messages.</param>
    protected Span<byte> Message(int run, int bytes, int kind = 0)
    {
        if (!_messages.TryGetValue((kind, run), out byte[]? message) || message.Length < bytes)
        {
            _messages[(kind, run)] = message = new byte[bytes];
        }

        return message.AsSpan(0, bytes);
    }

    private void First() => RunFirst(_nextFirst++ % Runs);

    private void Second() => RunSecond(_nextSecond++ % Runs);

    private void Renew(int ahead)
    {
        if (ahead > 0 && _nextFirst - _nextSecond == ahead)
        {
            return;
        }

        while (_nextSecond < _nextFirst)
        {
            Second();
        }

        Refill();
        while (_nextFirst - _nextSecond < ahead)
        {
            First();
        }
    }
}
