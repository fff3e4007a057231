using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>The sum of two values, each times a factor for each channel.</summary>
internal sealed class PlainAdd(AddLayer layer) : PlainLayer
{
    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace)
    {
        for (int limb = 0; limb < target.Limbs; limb++)
        {
            target.Limb(limb).Clear();
        }

        AddMultiple(layer.Factors, sources[0], target);
        AddMultiple(layer.SecondFactors, sources[1], target);
    }

    private static void AddMultiple(int[] factors, LimbTensor source, LimbTensor target)
    {
        int area = target.Shape.Area;
        int index = 0;
        while (index < target.Count)
        {
            long factor = factors[index / area % factors.Length];
            for (int end = index + area; index < end; index++)
            {
                // Never beyond a long: factor and carry leave just enough room for a limb of the target.
                long sum = 0;
                for (int limb = 0; limb < target.Limbs; limb++)
                {
                    long digit = limb >= source.Limbs ? 0
                        : limb == source.Limbs - 1 ? source.Top[index]
                        : (uint)source.Limb(limb)[index];
                    Span<int> result = target.Limb(limb);
                    sum += factor * digit + (uint)result[index];
                    result[index] = (int)sum;
                    sum >>= LimbTensor.LimbBits;
                }
            }
        }
    }
}

/// <summary>The channels of several values, one value after the other.</summary>
internal sealed class PlainConcat : PlainLayer
{
    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace)
    {
        for (int limb = 0; limb < target.Limbs; limb++)
        {
            Span<int> result = target.Limb(limb);
            for (int image = 0; image < target.Images; image++)
            {
                foreach (LimbTensor source in sources)
                {
                    int size = source.Shape.Size;
                    if (limb < source.Limbs)
                    {
                        source.Limb(limb).Slice(image * size, size).CopyTo(result);
                    }
                    else
                    {
                        ExtendSigns(source.Top.Slice(image * size, size), result);
                    }

                    result = result[size..];
                }
            }
        }
    }

    private static void ExtendSigns(ReadOnlySpan<int> top, Span<int> result)
    {
        for (int i = 0; i < top.Length; i++)
        {
            result[i] = top[i] >> 31;
        }
    }
}
