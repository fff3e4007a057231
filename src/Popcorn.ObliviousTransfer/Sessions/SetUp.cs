using Popcorn.ObliviousTransfer.Base;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Sessions;

/// <summary>
/// Begins a connection: nonces, base transfers for direction 0, seeds of both directions. Direction 1 gets its base
/// transfers from the first 128 COTs of direction 0, so public-key operations are made once. Four messages, some 25 KB.
/// </summary>
public abstract class SetUp : Protocol
{
    /// <summary>Of a nonce.</summary>
    private protected const int NonceBytes = 32;

    /// <summary>Of a nonce and what the parameters hash to.</summary>
    private protected const int HelloBytes = NonceBytes + Kdf.Bytes;

    /// <summary>COTs of direction 0 that become base transfers of direction 1.</summary>
    private protected const int DerivedCount = BaseTransfers.Count;

    private readonly byte[] _session = new byte[Kdf.Bytes];
    private readonly byte[] _parameters = new byte[Kdf.Bytes];
    private readonly SecretArray<Block> _delta = new(1);
    private readonly SecretArray<Block> _keys = new(BaseTransfers.Count); // of the direction that this party sends in
    private readonly SecretArray<Block> _pairs = new(2 * BaseTransfers.Count); // of the other one
    private SoftSpokenSender? _sending;
    private SoftSpokenReceiver? _receiving;

    private protected SetUp(Party self, TransferOptions options, Randomness randomness)
        : base(
            self,
            new Flow(Party.Client, HelloBytes + BaseTransfers.SenderBytes),
            new Flow(Party.Server, HelloBytes + BaseTransfers.ReceiverBytes),
            new Flow(Party.Client, SmallField.TreeBytes + SmallField.BytesFor(DerivedCount) + (DerivedCount / 8)),
            new Flow(Party.Server, SmallField.TreeBytes))
    {
        Options = options;
        Randomness = randomness;
        randomness.Fill(Nonce);
        _delta[0] = CotSender.NewDelta(randomness);
        using var kdf = new Kdf([], "parameters");
        kdf.Add(options.Silent?.Trees ?? 0);
        kdf.Add(options.Silent?.LogSecret ?? 0);
        kdf.Add(options.Silent?.Depth ?? 0);
        kdf.Derive(_parameters);
    }

    private protected TransferOptions Options { get; }

    private protected Randomness Randomness { get; }

    private protected byte[] Nonce { get; } = new byte[NonceBytes];

    /// <summary>The session's identifier, which is part of every key; from both nonces.</summary>
    private protected ReadOnlySpan<byte> Session => _session;

    /// <summary>One party's side of it.</summary>
    /// <param name="self">Which party.</param>
    /// <param name="options">The same for both; the default ones if null.</param>
    /// <exception cref="ArgumentException">The silent set is not one of those that there are.</exception>
    public static SetUp For(Party self, TransferOptions? options = null)
    {
        options ??= TransferOptions.Default;
        if (options.Silent is { } set && !FerretParameters.All.Contains(set))
        {
            throw new ArgumentException($"nobody has examined {set}", nameof(options));
        }

        return For(self, options, Randomness.System);
    }

    /// <summary>The party's end of the connection; once, when all messages are through.</summary>
    public Transfers Finish()
    {
        AssertDone();
        int sends = (int)Self; // the server in direction 0
        var sender = new CotSender(Session, sends, Options.Silent, _delta[0], Take(ref _sending), Randomness);
        return new Transfers(
            Self, Session, sender, new CotReceiver(Session, 1 - sends, Options.Silent, Take(ref _receiving)));
    }

    internal static SetUp For(Party self, TransferOptions options, Randomness randomness) => self switch
    {
        Party.Server => new ServerSetUp(options, randomness),
        Party.Client => new ClientSetUp(options, randomness),
    };

    private protected void WriteHello(Span<byte> message)
    {
        Nonce.CopyTo(message);
        _parameters.CopyTo(message[NonceBytes..]);
    }

    /// <summary>Takes the other party's nonce.</summary>
    private protected void ReadHello(ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<byte> theirs = message[..NonceBytes];
        if (!message[NonceBytes..HelloBytes].SequenceEqual(_parameters))
        {
            throw new TransferException("the other party makes transfers with other parameters");
        }

        using var kdf = new Kdf([], "session");
        kdf.Add(Self == Party.Client ? Nonce : theirs);
        kdf.Add(Self == Party.Server ? Nonce : theirs);
        kdf.Add(_parameters);
        kdf.Derive(_session);
    }

    /// <summary>Draws the seeds of the direction that this party receives in.</summary>
    private protected SoftSpokenReceiver WriteSeeds(Span<byte> message)
    {
        using var roots = new SecretArray<Block>(SmallField.Digits);
        Randomness.Fill(roots.Span);
        return _receiving = new SoftSpokenReceiver(Session, 1 - (int)Self, roots.Span, _pairs, message);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _delta.Dispose();
        _keys.Dispose();
        _pairs.Dispose();
        _sending?.Dispose();
        _receiving?.Dispose();
    }

    /// <summary>The server's side: base receiver in direction 0, COT receiver in direction 1.</summary>
    private sealed class ServerSetUp : SetUp
    {
        private readonly SecretArray<byte> _choices = new(BaseTransfers.Count);
        private readonly BaseReceiver _base;

        public ServerSetUp(TransferOptions options, Randomness randomness)
            : base(Party.Server, options, randomness)
        {
            SoftSpokenSender.ChoicesFor(_delta[0], _choices.Span);
            _base = new BaseReceiver(_choices.Span);
        }

        protected override void OnRead(int flow, ReadOnlySpan<byte> message)
        {
            if (flow == 0)
            {
                ReadHello(message);
                _base.Read(Session, 0, message[HelloBytes..], _keys);
                return;
            }

            _sending = new SoftSpokenSender(Session, 0, _delta[0], _keys, message[..SmallField.TreeBytes]);
            message = message[SmallField.TreeBytes..];
            using var cots = new SecretArray<Block>(2 * DerivedCount);
            Block delta = _delta[0];
            Span<Block> first = cots.Span[..DerivedCount], both = _pairs.Span;
            _sending.Extend(message[..SmallField.BytesFor(DerivedCount)], first);
            ReadOnlySpan<byte> corrections = message[SmallField.BytesFor(DerivedCount)..];

            // The keys of the two choices: the pads of q and of q ⊕ Δ, swapped where the client says so.
            using var hash = new PadHash(Session, 0);
            Span<Block> pads = cots.Span[DerivedCount..];
            for (int choice = 0; choice < 2; choice++)
            {
                for (int i = 0; i < DerivedCount; i++)
                {
                    int swapped = choice ^ ((corrections[i / 8] >> (i % 8)) & 1);
                    pads[i] = swapped == 0 ? first[i] : first[i] ^ delta;
                }

                hash.Hash(PadUse.Derive, new CotRange(0, first), 1, pads);
                for (int i = 0; i < DerivedCount; i++)
                {
                    both[(2 * i) + choice] = pads[i];
                }
            }
        }

        protected override void OnWrite(int flow, Span<byte> message)
        {
            if (flow == 1)
            {
                WriteHello(message);
                _base.Message.CopyTo(message[HelloBytes..]);
                return;
            }

            WriteSeeds(message);
        }

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            _choices.Dispose();
            _base.Dispose();
        }
    }

    /// <summary>The client's side: base sender in direction 0, COT sender in direction 1.</summary>
    private sealed class ClientSetUp : SetUp
    {
        private readonly BaseSender _base = new();

        public ClientSetUp(TransferOptions options, Randomness randomness)
            : base(Party.Client, options, randomness)
        {
        }

        protected override void OnWrite(int flow, Span<byte> message)
        {
            if (flow == 0)
            {
                WriteHello(message);
                _base.Message.CopyTo(message[HelloBytes..]);
                return;
            }

            SoftSpokenReceiver receiving = WriteSeeds(message[..SmallField.TreeBytes]);
            message = message[SmallField.TreeBytes..];
            Span<Block> cots = _keys.Span;
            receiving.Extend(message[..SmallField.BytesFor(DerivedCount)], cots);
            Span<byte> corrections = message[SmallField.BytesFor(DerivedCount)..];
            using var choices = new SecretArray<byte>(DerivedCount);
            SoftSpokenSender.ChoicesFor(_delta[0], choices.Span);
            corrections.Clear();
            for (int i = 0; i < DerivedCount; i++)
            {
                corrections[i / 8] |= (byte)((choices[i] ^ (int)(cots[i][0] & 1)) << (i % 8));
            }

            using var hash = new PadHash(Session, 0);
            hash.Hash(PadUse.Derive, new CotRange(0, cots), 1, cots);
        }

        protected override void OnRead(int flow, ReadOnlySpan<byte> message)
        {
            if (flow == 1)
            {
                ReadHello(message);
                _base.Read(Session, 0, message[HelloBytes..], _pairs);
                return;
            }

            _sending = new SoftSpokenSender(Session, 1, _delta[0], _keys, message);
        }

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            _base.Dispose();
        }
    }

    private static T Take<T>(ref T? part)
        where T : class
    {
        T taken = part ?? throw new InvalidOperationException("a connection is begun once");
        part = null;
        return taken;
    }
}
