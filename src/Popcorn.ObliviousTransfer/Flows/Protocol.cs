namespace Popcorn.ObliviousTransfer.Flows;

/// <summary>One message of a protocol, whose direction and length both parties know before it begins.</summary>
/// <param name="From">Who sends it.</param>
/// <param name="Bytes">Its length.</param>
public readonly record struct Flow(Party From, int Bytes);

/// <summary>
/// One party's side of a protocol: a state machine that knows nothing of transports. Its messages are written and read
/// one after the other, as <see cref="Flows"/> says; anything else throws, and after an exception, or when it is
/// disposed, it cannot go on.
/// </summary>
public abstract class Protocol : IDisposable
{
    private readonly Flow[] _flows;
    private int _next;
    private bool _failed;
    private bool _isDisposed;

    /// <summary>A protocol at its beginning.</summary>
    /// <param name="self">Which party this is.</param>
    /// <param name="flows">All messages, in order.</param>
    protected Protocol(Party self, params Flow[] flows)
    {
        Self = self;
        _flows = flows;
    }

    /// <summary>Which party this is.</summary>
    public Party Self { get; }

    /// <summary>All messages of both parties, in order.</summary>
    public IReadOnlyList<Flow> Flows => _flows;

    /// <summary>The number of the message that is due.</summary>
    public int Position => _next;

    /// <summary>The message that is due; null at the end.</summary>
    public Flow? Due => _next < _flows.Length ? _flows[_next] : null;

    /// <summary>Writes this party's message that is due.</summary>
    /// <param name="message">Filled; of the length that the flow has.</param>
    /// <exception cref="InvalidOperationException">No message of this party is due.</exception>
    /// <exception cref="ArgumentException">The length is another.</exception>
    public void Write(Span<byte> message)
    {
        Flow due = Begin(Self);
        if (message.Length != due.Bytes)
        {
            throw new ArgumentException($"the message has {due.Bytes} bytes, not {message.Length}", nameof(message));
        }

        OnWrite(_next, message);
        End();
    }

    /// <summary>Reads the other party's message that is due.</summary>
    /// <param name="message">As it came.</param>
    /// <exception cref="InvalidOperationException">No message of the other party is due.</exception>
    /// <exception cref="TransferException">It is not one that an honest party sends.</exception>
    public void Read(ReadOnlySpan<byte> message)
    {
        Flow due = Begin(Self.Other());
        if (message.Length != due.Bytes)
        {
            throw new TransferException($"a message of {due.Bytes} bytes is due, not one of {message.Length}");
        }

        OnRead(_next, message);
        End();
    }

    /// <summary>Wipes what is secret.</summary>
    public void Dispose()
    {
        _isDisposed = true; // what it would say now is made of zeros, and its memory may be somebody else's
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Fills a message; all of it.</summary>
    /// <param name="flow">Its number.</param>
    /// <param name="message">Of the flow's length; what stands in it is not zero.</param>
    protected abstract void OnWrite(int flow, Span<byte> message);

    /// <summary>Takes a message of the right length; its content is unchecked.</summary>
    /// <param name="flow">Its number.</param>
    /// <param name="message">Of the flow's length.</param>
    protected abstract void OnRead(int flow, ReadOnlySpan<byte> message);

    /// <summary>Throws where results are asked for before the last message.</summary>
    protected void AssertDone()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_failed || _next < _flows.Length)
        {
            throw new InvalidOperationException("the protocol has not come to its end");
        }
    }

    /// <summary>Wipes what is secret.</summary>
    /// <param name="disposing">Always true.</param>
    protected virtual void Dispose(bool disposing)
    {
    }

    private Flow Begin(Party from)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_failed)
        {
            throw new InvalidOperationException("the protocol has failed");
        }

        if (Due is not { } due || due.From != from)
        {
            throw new InvalidOperationException($"no message of the {from} is due");
        }

        _failed = true; // until this message is done
        return due;
    }

    private void End()
    {
        _next++;
        _failed = false;
    }
}
