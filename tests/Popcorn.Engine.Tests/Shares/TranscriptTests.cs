using System.Collections.Concurrent;
using System.Numerics;
using System.Security.Cryptography;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Shares;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>
/// What each party sees of many queries of the same input, against what a simulator that knows nothing would show. Each
/// test also sees a mistake: a random number that is too short somewhere.
/// </summary>
public class TranscriptTests
{
    private const int Bins = 16;

    /// <summary>A statistic of 15 degrees of freedom is larger once in 10^8 times.</summary>
    private const double Limit = 72;

    /// <summary>64 items, so that planes of bits have no padding, which is 0.</summary>
    private static readonly IntegerNetwork Network =
        new SampleNetworks.Builder(new Random(3), new Shape(4, 4, 4)).Dense(64).Relu().Dense(64).Build();

    [Fact]
    public async Task All_that_is_sent_online_is_uniform()
    {
        using ServedModel model = FamilySession.Serve(Network);
        var messages = new ConcurrentQueue<(int Step, bool IsOut, byte[] Payload)>();
        SharesPlan? plan = null;
        int[] input = [.. Enumerable.Repeat(200, 64)];
        bool isOnline = false;
        await FamilySession.RunAsync(
            model,
            async client =>
            {
                plan = (SharesPlan)client.Plan;
                for (int run = 0; run < 60; run++)
                {
                    await client.PrepareAsync();
                    isOnline = true;
                    await client.InferAsync(input, null, default);
                    isOnline = false;
                }
            },
            channel => new FrameFilter(channel, (frame, isOut) =>
            {
                if (isOnline && frame.BodyCase == Frame.BodyOneofCase.Chunk)
                {
                    messages.Enqueue(((int)frame.Chunk.Step, isOut, frame.Chunk.Payload.ToByteArray()));
                }
            }));

        // The input less its share, modulo 2^K, at both ends of a number.
        InputSharesStep first = plan!.Steps.OfType<InputSharesStep>().Single();
        ulong[] masked = [.. messages.Where(m => m.Step == first.Index).SelectMany(m => Numbers(m.Payload, first))];
        Assert.Equal(60 * 64, masked.Length);
        int ring = first.Form.Ring;
        Assert.InRange(ChiSquare(masked.Select(x => x >> (ring - 4))), 0, Limit);
        Assert.InRange(ChiSquare(masked.Select(x => x & 15)), 0, Limit);

        // A share of two bits less separates inputs.
        IEnumerable<ulong> narrow = masked.Select(
            _ => (200 - ((ulong)RandomNumberGenerator.GetInt32(int.MaxValue) & ((1ul << (ring - 2)) - 1)))
                & ((1ul << ring) - 1));
        Assert.True(ChiSquare(narrow.Select(x => x >> (ring - 4))) > Limit);

        // Comparisons and logits, both ways.
        foreach (IGrouping<(int Step, bool IsOut), (int Step, bool IsOut, byte[] Payload)> of in
            messages.Where(m => m.Step != first.Index).GroupBy(m => (m.Step, m.IsOut)))
        {
            byte[] bytes = [.. of.SelectMany(m => m.Payload)];
            Assert.InRange(ChiSquare(bytes.Select(b => (ulong)b >> 4)), 0, Limit);
            Assert.InRange(ChiSquare(bytes.Select(b => (ulong)b & 15)), 0, Limit);
            byte[][] each = [.. of.Select(m => m.Payload)];
            Assert.Equal(each.Length, each.Select(Convert.ToHexString).Distinct().Count());
        }

        Assert.Contains(messages, m => !m.IsOut && m.Step == plan.Steps[^1].Index);

        static ulong[] Numbers(byte[] payload, InputSharesStep step)
        {
            var numbers = new ulong[step.Size];
            BitFields.FromBytes(payload, step.Form.Ring, numbers);
            return numbers;
        }
    }

    /// <summary>What the client decrypts is uniform, whatever sums stand under the mask.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Masked_slots_are_uniform_above_their_shares_too(bool isExact)
    {
        // A share has 10 bits; above them stand the sums of shares, and λ bits more of a mask.
        var widths = new PackedWidths(10, 16, 56, isExact);
        const int Slots = 3, Runs = 4000;
        foreach (int sum in (int[])[-32767, 0, 12345, 32767])
        {
            ulong[] high = new ulong[Runs], low = new ulong[Runs], top = new ulong[Runs], broken = new ulong[Runs];
            int end = (Slots * widths.Pitch) + (isExact ? -1 : widths.HidingBits);
            for (int run = 0; run < Runs; run++)
            {
                BigInteger seen = Masked(widths, Slots, [sum, sum, sum], out _);
                high[run] = Words.Lowest(seen >> (widths.Pitch + 12), 4);
                low[run] = Words.Lowest(seen >> (widths.Pitch + 4), 4);
                top[run] = Words.Lowest(seen >> (end - 4), 4);

                // A mask of the bits of a share alone.
                int mask = RandomNumberGenerator.GetInt32(1 << widths.Value);
                broken[run] = (ulong)((sum + mask + 32768) >> 12) & 15;
            }

            Assert.InRange(ChiSquare(high), 0, Limit);
            Assert.InRange(ChiSquare(low), 0, Limit);
            Assert.InRange(ChiSquare(top), 0, Limit);
            Assert.True(ChiSquare(broken) > Limit);
        }
    }

    /// <summary>e tells of the slot below: an exact mask has none, and nothing else is ever shown.</summary>
    [Fact]
    public void A_carry_tells_of_the_slot_below_and_exact_masks_have_none()
    {
        const int Runs = 2000;
        int[] carries = new int[4];
        int at = 0;
        foreach (bool isExact in (bool[])[false, true])
        {
            var widths = new PackedWidths(10, 16, 56, isExact);
            foreach (int below in (int[])[-32767, 32767])
            {
                for (int run = 0; run < Runs; run++)
                {
                    BigInteger seen = Masked(widths, 2, [below, 77], out ulong[] server);
                    ulong client = Words.Lowest(seen >> widths.Pitch, widths.Value);
                    carries[at] += (int)Words.Lowest((BigInteger)client + server[1] - 77, widths.Value);
                }

                at++;
            }
        }

        Assert.True(carries[0] < Runs / 10 && carries[1] > Runs * 9 / 10, "A carry should tell.");
        Assert.Equal((0, 0), (carries[2], carries[3]));
    }

    /// <summary>What the client packs is an encryption: no two of the same share are alike.</summary>
    [Fact]
    public async Task Ciphertexts_and_choices_of_two_bundles_have_nothing_in_common()
    {
        using ServedModel model = FamilySession.Serve(Network);
        var messages = new ConcurrentQueue<string>();
        await FamilySession.RunAsync(
            model,
            async client =>
            {
                for (int run = 0; run < 3; run++)
                {
                    await client.PrepareAsync();
                }
            },
            channel => new FrameFilter(channel, (frame, _) =>
            {
                if (frame.BodyCase == Frame.BodyOneofCase.Chunk && frame.Chunk.Payload.Length >= 16)
                {
                    messages.Enqueue(Convert.ToHexString(frame.Chunk.Payload.Span[..16]));
                }
            }));
        Assert.Equal(messages.Count, messages.Distinct().Count());
        Assert.True(messages.Count > 10);
    }

    /// <summary>Each COT is used once: the pools hand on as many as plans say, never the same.</summary>
    [Fact]
    public void Demands_are_those_of_all_tickets()
    {
        using SharesServerModel model = FamilySession.Compile(Network);
        SharesPlan plan = model.PlanFor(TestKeys.Bits, 3);
        Assert.Equal(plan.Tickets.Sum(step => step.Chunks.Count), plan.CotDemands.Count);
        long items = plan.Tickets.Sum(step => (long)step.Chunks.Items * step.Round.Comparison.Cots(Party.Server));
        Assert.Equal(items, plan.CotDemands.Sum(demand => demand.OfServer));
        Assert.All(plan.CotDemands, demand => Assert.InRange(demand.OfServer, 0, SharesPlan.MostCots));
        Assert.All(plan.CotDemands, demand => Assert.InRange(demand.OfClient, 0, SharesPlan.MostCots));
    }

    /// <summary>Sums under a new mask, as the client sees them.</summary>
    private static BigInteger Masked(PackedWidths widths, int slots, int[] sums, out ulong[] server)
    {
        int words = BitFields.WordsFor(((long)slots * widths.Pitch) + widths.HidingBits + 2);
        var mask = new SlotMask(widths, slots, words);
        using SecretArray<ulong> drawn = mask.Draw(1);
        server = new ulong[slots];
        mask.TakeOff([.. Enumerable.Range(0, slots)], drawn.Span, server);
        mask.AddOffsets(drawn.Span);
        BigInteger seen = Words.Unsigned(drawn.Span);
        for (int slot = 0; slot < slots; slot++)
        {
            seen += (BigInteger)sums[slot] << (slot * widths.Pitch);
        }

        return seen;
    }

    /// <summary>How far numbers below 16 are from being as frequent as each other.</summary>
    private static double ChiSquare(IEnumerable<ulong> numbers)
    {
        var counts = new int[Bins];
        foreach (ulong number in numbers)
        {
            counts[(int)number]++;
        }

        double expected = counts.Sum() / (double)Bins;
        return counts.Sum(count => (count - expected) * (count - expected) / expected);
    }
}
