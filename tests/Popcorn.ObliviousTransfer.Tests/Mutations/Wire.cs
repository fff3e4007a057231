namespace Popcorn.ObliviousTransfer.Tests.Mutations;

/// <summary>
/// Two streams that are each other's ends, with somebody between them who sees what is written up to each flush and
/// passes on what it likes. All runs in the thread that writes, so that nothing depends on time.
/// </summary>
internal sealed class Wire
{
    /// <summary>A wire.</summary>
    /// <param name="pass">What arrives in place of the flushed bytes of an end, 0 or 1.</param>
    public Wire(Func<int, byte[], byte[]> pass)
    {
        Ends = [new End(this, 0), new End(this, 1)];
        Pass = pass;
    }

    public End[] Ends { get; }

    private Func<int, byte[], byte[]> Pass { get; }

    /// <summary>One end.</summary>
    internal sealed class End(Wire wire, int number) : Stream
    {
        private readonly MemoryStream _written = new();
        private readonly Lock _lock = new();
        private byte[] _arrived = [];
        private bool _isClosed;
        private TaskCompletionSource? _arrival;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        /// <summary>The other end reads what was written, and then the end.</summary>
        public void Leave() => wire.Ends[1 - number].Arrive([], isClosed: true);

        public override void Flush()
        {
            byte[] all = _written.ToArray();
            _written.SetLength(0);
            wire.Ends[1 - number].Arrive(wire.Pass(number, all), isClosed: false);
        }

        public override Task FlushAsync(CancellationToken cancellationToken)
        {
            Flush();
            return Task.CompletedTask;
        }

        public override void Write(byte[] buffer, int offset, int count) => _written.Write(buffer, offset, count);

        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _written.Write(buffer.Span);
            return default;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (true)
            {
                TaskCompletionSource arrival;
                lock (_lock)
                {
                    if (_arrived.Length > 0 || _isClosed || buffer.Length == 0)
                    {
                        int count = Math.Min(_arrived.Length, buffer.Length);
                        _arrived.AsSpan(0, count).CopyTo(buffer.Span);
                        _arrived = _arrived[count..];
                        return count;
                    }

                    arrival = _arrival = new TaskCompletionSource();
                }

                await arrival.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        private void Arrive(byte[] bytes, bool isClosed)
        {
            TaskCompletionSource? arrival;
            lock (_lock)
            {
                _arrived = [.. _arrived, .. bytes];
                _isClosed |= isClosed;
                (arrival, _arrival) = (_arrival, null);
            }

            arrival?.TrySetResult();
        }
    }
}
