using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>The maximum over windows, with or without zero as one more player.</summary>
internal sealed class PlainMaxPool : PlainLayer
{
    /// <summary>In place of an element's index: the player that is 0.</summary>
    private const int Zero = -1;

    private readonly MaxPoolLayer _layer;
    private readonly Shape _shape;
    private readonly Visible[] _rows;
    private readonly Visible[] _columns;

    public PlainMaxPool(MaxPoolLayer layer, Shape shape)
    {
        _layer = layer;
        _shape = shape;
        Window w = layer.Window;
        _rows = Visible.Along(w.OutputHeight, w.StrideY, w.PadTop, w.KernelHeight, w.DilationY, shape.Height);
        _columns = Visible.Along(w.OutputWidth, w.StrideX, w.PadLeft, w.KernelWidth, w.DilationX, shape.Width);
    }

    /// <summary>What a window sees along one side of the plane.</summary>
    /// <param name="First">The first row or column.</param>
    /// <param name="Last">The last one.</param>
    private readonly record struct Visible(int First, int Last)
    {
        public static Visible[] Along(int outputs, int stride, int pad, int kernel, int dilation, int size)
        {
            var result = new Visible[outputs];
            for (int i = 0; i < outputs; i++)
            {
                int first = i * stride - pad;
                int last = first + (kernel - 1) * dilation;
                int skipped = first >= 0 ? 0 : (dilation - 1 - first) / dilation;
                int beyond = last < size ? 0 : (last - size) / dilation + 1;
                result[i] = new Visible(first + skipped * dilation, last - beyond * dilation);
            }

            return result;
        }
    }

    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace)
    {
        LimbTensor source = sources[0];
        int result = 0;
        for (int plane = 0; plane < source.Count; plane += _shape.Area)
        {
            foreach (Visible rows in _rows)
            {
                foreach (Visible columns in _columns)
                {
                    if (source.Limbs == 1)
                    {
                        target.Top[result] = Greatest(source.Top.Slice(plane, _shape.Area), rows, columns);
                    }
                    else
                    {
                        Copy(source, IndexOfGreatest(source, plane, rows, columns), target, result);
                    }

                    result++;
                }
            }
        }
    }

    private int Greatest(ReadOnlySpan<int> plane, Visible rows, Visible columns)
    {
        int best = _layer.WithZero ? 0 : int.MinValue;
        for (int y = rows.First; y <= rows.Last; y += _layer.Window.DilationY)
        {
            int row = y * _shape.Width;
            for (int x = columns.First; x <= columns.Last; x += _layer.Window.DilationX)
            {
                best = Math.Max(best, plane[row + x]);
            }
        }

        return best;
    }

    private int IndexOfGreatest(LimbTensor source, int plane, Visible rows, Visible columns)
    {
        int best = _layer.WithZero ? Zero : plane + rows.First * _shape.Width + columns.First;
        for (int y = rows.First; y <= rows.Last; y += _layer.Window.DilationY)
        {
            for (int x = columns.First; x <= columns.Last; x += _layer.Window.DilationX)
            {
                int player = plane + y * _shape.Width + x;
                best = IsGreater(source, player, best) ? player : best;
            }
        }

        return best;
    }

    private static bool IsGreater(LimbTensor source, int left, int right)
    {
        ReadOnlySpan<int> limb = source.Top;
        int l = limb[left];
        int r = right == Zero ? 0 : limb[right];
        for (int i = source.Limbs - 2; l == r && i >= 0; i--)
        {
            // Lower limbs are unsigned: flipping their highest bits makes signed comparison right.
            limb = source.Limb(i);
            l = limb[left] ^ int.MinValue;
            r = (right == Zero ? 0 : limb[right]) ^ int.MinValue;
        }

        return l > r;
    }

    private static void Copy(LimbTensor source, int from, LimbTensor target, int to)
    {
        for (int limb = 0; limb < target.Limbs; limb++)
        {
            target.Limb(limb)[to] = from == Zero ? 0 : source.Limb(limb)[from];
        }
    }
}
