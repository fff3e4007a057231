using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Shares;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>A packed layer on numbers in place of ciphertexts.</summary>
/// <param name="packing">Which values share a number.</param>
/// <param name="layer">The layer.</param>
/// <param name="input">Shape of what it reads.</param>
/// <param name="widths">The slots.</param>
/// <param name="guard">g.</param>
internal sealed class PackingSimulation(
    Packing packing, LinearLayer layer, Shape input, PackedWidths widths, int guard)
{
    /// <summary>Slots that are offset and masked; more or fewer than there are is a mistake.</summary>
    public int MaskedSlots { get; init; } = packing.Slots;

    /// <summary>Runs the layer of a block.</summary>
    /// <param name="shares">Of all its images.</param>
    /// <returns>What is wrong; null: nothing.</returns>
    public string? Fault(ulong[] shares)
    {
        BigInteger[] expected = Expected(shares);
        BigInteger[] products = Products(shares);
        if (products.Length != packing.Received)
        {
            return "Another number of ciphertexts comes back.";
        }

        var client = new ulong[expected.Length];
        var server = new ulong[expected.Length];
        var seen = new bool[expected.Length];
        long bits = ((long)MaskedSlots * widths.Pitch) + (widths.IsExact ? 0 : widths.HidingBits);
        int words = BitFields.WordsFor(bits + 2);
        var mask = new SlotMask(widths, MaskedSlots, words);
        var elements = new int[packing.Slots];
        using SecretArray<ulong> masks = mask.Draw(products.Length);
        for (int i = 0; i < products.Length; i++)
        {
            if (SlotFault(products[i]) is string fault)
            {
                return fault;
            }

            packing.OutputsOf(i, elements);
            Span<ulong> own = masks.Span.Slice(i * words, words);
            mask.TakeOff(elements, own, server);
            mask.AddOffsets(own);
            BigInteger decrypted = products[i] + Words.Unsigned(own);
            if (decrypted.Sign < 0 || decrypted >> (words * 64) > 0)
            {
                return "It does not decrypt.";
            }

            SlotCoding.Read(widths, elements, Words.Of(decrypted, words), client);
            foreach (int element in elements.Where(element => element >= 0))
            {
                if (seen[element])
                {
                    return "An output comes twice.";
                }

                seen[element] = true;
            }
        }

        for (int i = 0; i < expected.Length; i++)
        {
            ulong e = Words.Lowest((BigInteger)client[i] + server[i] - (expected[i] << guard), widths.Value);
            if (!seen[i] || e > (widths.IsExact ? 0u : 1u))
            {
                return "A sum is wrong.";
            }
        }

        return null;
    }

    /// <summary>What goes back before it is masked.</summary>
    private BigInteger[] Products(ulong[] shares)
    {
        int ring = widths.Value - guard;
        var numbers = new List<BigInteger>();
        var elements = new int[packing.Slots];
        for (int i = 0; i < packing.Sent; i++)
        {
            packing.InputsOf(i, elements);
            BigInteger number = 0;
            for (int slot = 0; slot < elements.Length; slot++)
            {
                number += elements[slot] < 0
                    ? 0
                    : (BigInteger)Words.Centred(shares[elements[slot]], ring) << (guard + (slot * widths.Pitch));
            }

            numbers.Add(number);
        }

        numbers.AddRange(packing.Derived.Select(of => numbers[of.Sent] << (of.Slots * widths.Pitch)).ToArray());
        LinearLayer core = packing.CoreOf(layer);
        BigInteger[] read = packing.CorePlaces is { } places
            ? [.. places.Select(place => place < 0 ? 0 : numbers[place])]
            : [.. numbers];
        BigInteger[] outputs = Apply(core, packing.CoreInput, read);
        return packing.Joined(0) is null
            ? outputs
            : [.. Enumerable.Range(0, packing.Received).Select(i => packing.Joined(i)!.Aggregate(
                BigInteger.Zero, (sum, part) => sum + (outputs[part.Output] << (part.Slots * widths.Pitch))))];
    }

    /// <summary>W·r of all images.</summary>
    private BigInteger[] Expected(ulong[] shares) =>
    [
        .. shares.Chunk(input.Size).SelectMany(image => Apply(
            layer, input,
            [.. image.Select(share => (BigInteger)Words.Centred(share, widths.Value - guard))])),
    ];

    /// <summary>Whether slots keep to themselves, the top one too.</summary>
    private string? SlotFault(BigInteger product)
    {
        BigInteger half = BigInteger.One << (widths.Width - 1), rest = product;
        for (int slot = 0; slot < packing.Slots; slot++)
        {
            BigInteger value = rest & ((BigInteger.One << widths.Pitch) - 1);
            value -= value >> (widths.Pitch - 1) << widths.Pitch;
            if (value < -half || value >= half)
            {
                return "A sum outgrows its slot.";
            }

            rest = (rest - value) >> widths.Pitch;
        }

        return rest.IsZero ? null : "Something stands above the slots.";
    }

    private static BigInteger[] Apply(LinearLayer layer, Shape input, BigInteger[] numbers)
    {
        Window window = layer.Window;
        Shape output = layer.Output;
        int ofGroup = output.Channels / layer.Groups, channels = input.Channels / layer.Groups;
        var results = new BigInteger[output.Size];
        for (int o = 0; o < output.Channels; o++)
        {
            for (int at = 0; at < output.Area; at++)
            {
                BigInteger sum = 0;
                for (int c = 0; c < channels; c++)
                {
                    for (int tap = 0; tap < window.Taps; tap++)
                    {
                        int position = window.Position(at, tap, input);
                        int channel = (o / ofGroup * channels) + c;
                        sum += position < 0
                            ? 0
                            : layer.Weights[(((o * channels) + c) * window.Taps) + tap]
                                * numbers[(channel * input.Area) + position];
                    }
                }

                results[(o * output.Area) + at] = sum;
            }
        }

        return results;
    }
}
