using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Tests.Correlations;

/// <summary>
/// Random transfers as a trusted dealer would deal them, the same under the same seed. Both parties' calls are kept, to
/// be compared.
/// </summary>
internal sealed class IdealPads
{
    /// <summary>A dealer.</summary>
    /// <param name="seed">Of its randomness.</param>
    /// <param name="repeatsTriples">Whether all triples are the same, which no real source's are.</param>
    public IdealPads(ulong seed, bool repeatsTriples = false)
    {
        RepeatsTriples = repeatsTriples;
        Server = new Side(Party.Server, seed, repeatsTriples);
        Client = new Side(Party.Client, seed, repeatsTriples);
    }

    public bool RepeatsTriples { get; }

    public Side Server { get; }

    public Side Client { get; }

    public Side Of(Party party) => party == Party.Server ? Server : Client;

    internal sealed class Side(Party self, ulong seed, bool repeatsTriples) : IPadSource
    {
        public Party Self => self;

        public List<PadDraw> Calls { get; } = [];

        public void Send(PadUse use, int choiceBits, int width, BitPlanes pads)
        {
            Assert.Equal(width << choiceBits, pads.Count);
            (BitPlanes drawn, BitPlanes choices) = Next(new PadDraw(self, use, choiceBits, width), pads.Items);
            drawn.Span.CopyTo(pads.Span);
            drawn.Free(); // not before: nothing else keeps the collector from wiping it
            choices.Free();
        }

        public void Receive(PadUse use, int choiceBits, int width, BitPlanes choices, BitPlanes pad)
        {
            Assert.Equal((choiceBits, width), (choices.Count, pad.Count));
            (BitPlanes pads, BitPlanes chosen) = Next(new PadDraw(self.Other(), use, choiceBits, width), pad.Items);
            chosen.Span.CopyTo(choices.Span);
            pad.Span.Clear();
            for (int entry = 0; entry < 1 << choiceBits; entry++)
            {
                for (int word = 0; word < pad.Words; word++)
                {
                    ulong isChosen = ulong.MaxValue;
                    for (int bit = 0; bit < choiceBits; bit++)
                    {
                        isChosen &= chosen[bit][word] ^ ((ulong)(entry >> bit & 1) - 1);
                    }

                    for (int bit = 0; bit < width; bit++)
                    {
                        pad[bit][word] |= isChosen & pads[(entry * width) + bit][word];
                    }
                }
            }

            pads.Free();
            chosen.Free();
        }

        private (BitPlanes Pads, BitPlanes Choices) Next(PadDraw draw, int items)
        {
            bool repeats = repeatsTriples && draw.Use == PadUse.Triple;
            var random = new SplitMix(seed + ((ulong)(repeats ? 1000 + (int)draw.Sender : Calls.Count) << 32));
            Calls.Add(draw);
            BitPlanes pads = new(draw.Width << draw.ChoiceBits, items), choices = new(draw.ChoiceBits, items);
            random.Fill(pads.Span);
            random.Fill(choices.Span);
            return (pads, choices);
        }
    }
}

/// <summary>Steele, Lea and Flood's generator of 2014.</summary>
internal sealed class SplitMix(ulong state)
{
    private ulong _state = state * 0xD1342543DE82EF95ul;

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15ul;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ul;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBul;
        return z ^ (z >> 31);
    }

    public void Fill(Span<ulong> words)
    {
        foreach (ref ulong word in words)
        {
            word = Next();
        }
    }

    public ulong[] Numbers(int count, int bits)
    {
        var numbers = new ulong[count];
        Fill(numbers);
        foreach (ref ulong number in numbers.AsSpan())
        {
            number >>= 64 - bits;
        }

        return numbers;
    }
}
