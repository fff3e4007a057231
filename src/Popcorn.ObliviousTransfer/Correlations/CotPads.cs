using System.Runtime.CompilerServices;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>
/// Pads made of COTs. Of m consecutive COTs the sender has Q = Σ X^i·q_i, the receiver T = Σ X^i·t_i = Q ⊕ c(X)·Δ with
/// its choice c read as a polynomial; pad j is H(Q ⊕ j(X)·Δ), so the receiver knows pad c and no other: what is hashed
/// for j differs from T by (j ⊕ c)(X)·Δ, a multiple of Δ by one of 15 public elements that are not zero.
/// </summary>
internal sealed class CotPads : IPadSource, IDisposable
{
    private const int MostChoiceBits = 4;
    private const int Batch = 64; // items: a word of every plane

    private readonly CotSender _sender;
    private readonly CotReceiver _receiver;
    private readonly PadHash _sending;
    private readonly PadHash _receiving;
    private readonly SecretArray<Block> _multiples = new(1 << MostChoiceBits); // of Δ
    private readonly SecretArray<Block> _cots = new(Batch * MostChoiceBits);
    private readonly SecretArray<Block> _blocks = new(Batch << MostChoiceBits);
    private readonly SecretArray<ulong> _words = new(Batch << MostChoiceBits);

    /// <summary>Of one party's COTs.</summary>
    /// <param name="self">Which party this is.</param>
    /// <param name="session">The session's identifier.</param>
    /// <param name="sender">The COTs that it sends.</param>
    /// <param name="receiver">The COTs that it receives.</param>
    public CotPads(Party self, ReadOnlySpan<byte> session, CotSender sender, CotReceiver receiver)
    {
        Self = self;
        _sender = sender;
        _receiver = receiver;
        _sending = new PadHash(session, sender.Direction);
        _receiving = new PadHash(session, receiver.Direction);
        for (int j = 0; j < _multiples.Length; j++)
        {
            _multiples[j] = GaloisField.Multiply(j, sender.Delta);
        }
    }

    /// <inheritdoc/>
    public Party Self { get; }

    /// <inheritdoc/>
    public void Send(PadUse use, int choiceBits, int width, BitPlanes pads)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)choiceBits, (uint)MostChoiceBits);
        int padsPerItem = 1 << choiceBits;
        ArgumentOutOfRangeException.ThrowIfNotEqual(pads.Count, padsPerItem * width);
        _sender.Demand((long)pads.Items * choiceBits);
        for (int begin = 0; begin < pads.Items; begin += Batch)
        {
            int items = Math.Min(Batch, pads.Items - begin);
            CotRange cots = _sender.TakeRange(_cots.Span[..(items * choiceBits)]);
            MakeWords(_sending, use, cots, choiceBits, _multiples.Span[..padsPerItem], width);
            Unpack(begin / Batch, width, pads);
        }

        Forget(_sending);
    }

    /// <inheritdoc/>
    public void Receive(PadUse use, int choiceBits, int width, BitPlanes choices, BitPlanes pad)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)choiceBits, (uint)MostChoiceBits);
        ArgumentOutOfRangeException.ThrowIfNotEqual(choices.Count, choiceBits);
        ArgumentOutOfRangeException.ThrowIfNotEqual(pad.Count, width);
        _receiver.Demand((long)pad.Items * choiceBits);
        for (int begin = 0; begin < pad.Items; begin += Batch)
        {
            int items = Math.Min(Batch, pad.Items - begin);
            CotRange cots = _receiver.TakeRange(_cots.Span[..(items * choiceBits)]);
            for (int bit = 0; bit < choiceBits; bit++)
            {
                ulong word = 0;
                for (int i = items - 1; i >= 0; i--)
                {
                    word = (word << 1) | (cots.Blocks[(i * choiceBits) + bit][0] & 1);
                }

                choices[bit][begin / Batch] = word;
            }

            MakeWords(_receiving, use, cots, choiceBits, _multiples.Span[..1], width); // 0·Δ
            Unpack(begin / Batch, width, pad);
        }

        Forget(_receiving);
    }

    /// <summary>Random transfers of whole blocks, this party sending.</summary>
    /// <param name="first">Filled: the pads of choice 0.</param>
    /// <param name="second">Filled, as many: the pads of choice 1.</param>
    public void SendBlocks(Span<Block> first, Span<Block> second)
    {
        CotRange cots = _sender.TakeRange(first);
        Block delta = _sender.Delta;
        for (int i = 0; i < first.Length; i++)
        {
            second[i] = first[i] ^ delta;
        }

        _sending.Hash(PadUse.Rot, cots, 1, first);
        _sending.Hash(PadUse.Rot, cots, 1, second);
        Forget(_sending);
    }

    /// <summary>Random transfers of whole blocks, this party choosing at random.</summary>
    /// <param name="choices">Filled: 0 or 1.</param>
    /// <param name="pads">Filled, as many: the pads of those choices.</param>
    public void ReceiveBlocks(Span<byte> choices, Span<Block> pads)
    {
        CotRange cots = _receiver.TakeRange(pads);
        for (int i = 0; i < pads.Length; i++)
        {
            choices[i] = (byte)(pads[i][0] & 1);
        }

        _receiving.Hash(PadUse.Rot, cots, 1, pads);
        Forget(_receiving);
    }

    /// <summary>Wipes keys and what was left of blocks.</summary>
    public void Dispose()
    {
        _sending.Dispose();
        _receiving.Dispose();
        _multiples.Dispose();
        _cots.Dispose();
        _blocks.Dispose();
        _words.Dispose();
    }

    /// <summary>Wipes what is left of blocks.</summary>
    private void Forget(PadHash used)
    {
        _cots.Wipe();
        _blocks.Wipe();
        _words.Wipe();
        used.Forget();
    }

    /// <summary>
    /// The lowest bits of pads, one after the other as far as they fit: of pad j and item i in word (j / n)·64 + i,
    /// where n pads fit. What stands behind the last item is zero.
    /// </summary>
    private void MakeWords(
        PadHash hash, PadUse use, CotRange cots, int choiceBits, ReadOnlySpan<Block> multiples, int width)
    {
        int fit = 64 / width;
        Span<ulong> words = _words.Span[..((multiples.Length + fit - 1) / fit * Batch)];
        words.Clear();
        if (hash.TryMakePads(use, cots, choiceBits, multiples, width, words))
        {
            return;
        }

        int items = cots.Blocks.Length / choiceBits;
        Span<Block> blocks = _blocks.Span[..(items * multiples.Length)];
        Combine(cots.Blocks, choiceBits, blocks);
        for (int j = multiples.Length - 1; j >= 0; j--)
        {
            Block multiple = multiples[j];
            Span<Block> padJ = blocks.Slice(j * items, items);
            for (int i = 0; i < padJ.Length; i++)
            {
                padJ[i] = blocks[i] ^ multiple;
            }
        }

        hash.Hash(use, cots, choiceBits, blocks);
        Pack(blocks, items, width, words);
    }

    /// <summary>Σ X^i·cot_i of each item, by Horner's rule.</summary>
    private static void Combine(ReadOnlySpan<Block> cots, int cotsPerItem, Span<Block> sums)
    {
        for (int i = 0; i < cots.Length / cotsPerItem; i++)
        {
            ReadOnlySpan<Block> item = cots.Slice(i * cotsPerItem, cotsPerItem);
            Block sum = item[^1];
            for (int bit = cotsPerItem - 2; bit >= 0; bit--)
            {
                sum = GaloisField.Double(sum) ^ item[bit];
            }

            sums[i] = sum;
        }
    }

    /// <summary>Puts the lowest bits of blocks into words that are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pack(ReadOnlySpan<Block> blocks, int items, int width, Span<ulong> words)
    {
        ulong mask = ulong.MaxValue >> (64 - width);
        int fit = 64 / width, pads = blocks.Length / items;
        for (int j = 0; j < pads; j++)
        {
            Span<ulong> row = words.Slice(j / fit * Batch, items);
            ReadOnlySpan<Block> pad = blocks.Slice(j * items, items);
            int shift = j % fit * width;
            for (int i = 0; i < row.Length; i++)
            {
                row[i] |= (pad[i][0] & mask) << shift;
            }
        }
    }

    /// <summary>From words to one word of every plane.</summary>
    private void Unpack(int word, int width, BitPlanes planes)
    {
        int perWord = 64 / width * width;
        for (int plane = 0; plane < planes.Count; plane += perWord)
        {
            Span<ulong> square = _words.Span.Slice(plane / perWord * Batch, Batch);
            BitTransposition.Transpose64(ref square[0], 1, square);
            PlaneTranspose.CopyTo(square, planes.Slice(plane, Math.Min(perWord, planes.Count - plane)), word);
        }
    }
}
