using Popcorn.Engine.Model;
using Popcorn.Interop;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Engine.Shares;

/// <summary>
/// What a party computes of its shares alone, modulo 2^64: sums, average pools, concatenations. Values without guard
/// bits are lifted to those of the result. Where a factor is negative, the client takes the greatest e off its share
/// first, so that e stays positive.
/// </summary>
/// <param name="layers">The layers.</param>
/// <param name="self">Which party.</param>
internal sealed class LocalSums(SharesLayers layers, Party self)
{
    /// <summary>A layer's result.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="images">Images.</param>
    /// <param name="sourceOf">The party's shares of a value, all images of it.</param>
    /// <returns>The caller's to dispose.</returns>
    public SecretArray<ulong> Run(int layer, int images, Func<int, SecretArray<ulong>> sourceOf)
    {
        PublicLayer description = layers.Network.Layers[layer];
        var result = new SecretArray<ulong>(checked(images * description.Output.Size));
        int guard = layers.Rings.FormOf(layer + 1).Guard;
        switch (layers.Terms[layer])
        {
            case SumTerms sum:
                int[] inputs = [.. description.Inputs];
                AddTimes(sum.First, inputs[0]);
                AddTimes(sum.Second, inputs[1]);
                break;
            case PoolTerms:
                Pool(description, images, LiftOf(description.Input), sourceOf(description.Input).Span, result.Span);
                break;
            case NoTerms when description.Kind == LayerKind.Concat:
                int first = 0;
                foreach (int input in description.Inputs)
                {
                    int size = layers.Network.ShapeOf(input).Size;
                    Span<ulong> from = sourceOf(input).Span;
                    for (int image = 0; image < images; image++)
                    {
                        Lift(
                            from.Slice(image * size, size), LiftOf(input),
                            result.Span.Slice((image * description.Output.Size) + first, size));
                    }

                    first += size;
                }

                break;
            case NoTerms when layers.Rings.IsLeftToShift(layer):
                Lift(sourceOf(description.Input).Span, LiftOf(description.Input), result.Span);
                break;
            default:
                throw new NotSupportedException($"Nobody can sum {description.Kind} with {layers.Terms[layer]}.");
        }

        return result;

        int LiftOf(int input) => guard - layers.Rings.FormOf(input).Guard;

        void AddTimes(int[] factors, int input)
        {
            ulong excess = self == Party.Client ? (ulong)layers.Rings.FormOf(input).Excess : 0;
            int lift = LiftOf(input), area = description.Output.Area;
            Span<ulong> from = sourceOf(input).Span, to = result.Span;
            for (int start = 0, row = 0; start < to.Length; start += area, row++)
            {
                long factor = factors[row % factors.Length];
                ulong off = factor < 0 ? excess : 0;
                for (int i = start; i < start + area; i++)
                {
                    to[i] += (ulong)factor * ((from[i] << lift) - off);
                }
            }
        }
    }

    private static void Lift(ReadOnlySpan<ulong> from, int bits, Span<ulong> to)
    {
        for (int i = 0; i < from.Length; i++)
        {
            to[i] = from[i] << bits;
        }
    }

    private void Pool(PublicLayer layer, int images, int lift, ReadOnlySpan<ulong> from, Span<ulong> to)
    {
        Window window = layer.Window!.Value;
        Shape input = layers.Network.ShapeOf(layer.Input);
        int planes = images * input.Channels, area = layer.Output.Area;
        for (int output = 0; output < area; output++)
        {
            for (int tap = 0; tap < window.Taps; tap++)
            {
                int position = window.Position(output, tap, input);
                for (int plane = 0; position >= 0 && plane < planes; plane++)
                {
                    to[(plane * area) + output] += from[(plane * input.Area) + position] << lift;
                }
            }
        }
    }
}
