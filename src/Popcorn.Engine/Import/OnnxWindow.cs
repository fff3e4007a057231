using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>The window that the attributes of a convolution or pool describe over a given plane.</summary>
/// <param name="Window">The window.</param>
/// <param name="PaddedHeight">Height of the plane with its padding.</param>
/// <param name="PaddedWidth">Width of the plane with its padding.</param>
internal sealed record OnnxWindow(Window Window, int PaddedHeight, int PaddedWidth)
{
    public static OnnxWindow Read(OnnxNode node, (int Y, int X) kernel, Shape source)
    {
        (int Y, int X) stride = node.Pair("strides", 1);
        (int Y, int X) dilation = node.Pair("dilations", 1);
        int[] pads = node.Ints("pads") ?? [0, 0, 0, 0];
        if (pads.Length != 4)
        {
            throw new Refusal($"its pads have {pads.Length} entries instead of 4");
        }

        string automatic = node.Text("auto_pad", "NOTSET");
        bool ceiling = node.Flag("ceil_mode");
        Axis y = Axis.Along(kernel.Y, stride.Y, dilation.Y, pads[0], pads[2], automatic, ceiling, source.Height);
        Axis x = Axis.Along(kernel.X, stride.X, dilation.X, pads[1], pads[3], automatic, ceiling, source.Width);
        var window = new Window(
            kernel.Y, kernel.X, stride.Y, stride.X, dilation.Y, dilation.X, y.PadBefore, x.PadBefore,
            y.Outputs, x.Outputs);
        return window.IsValid && new Shape(source.Channels, y.Outputs, x.Outputs).IsValid
            ? new OnnxWindow(window, y.Padded, x.Padded)
            : throw new Refusal("its window is too large for what can be evaluated");
    }

    /// <summary>Whether every window lies within the plane and its padding.</summary>
    public bool AlwaysWithinPadding =>
        (Window with { PadTop = 0, PadLeft = 0 }).AlwaysWithin(PaddedHeight, PaddedWidth);

    private readonly record struct Axis(int PadBefore, int Padded, int Outputs)
    {
        private const int Most = 1 << 14;

        public static Axis Along(
            int kernel, int stride, int dilation, int before, int after, string automatic, bool ceiling, int size)
        {
            if (kernel is < 1 or > Most || stride is < 1 or > Most || dilation is < 1 or > Most
                || before is < 0 or > Most || after is < 0 or > Most)
            {
                throw new Refusal(
                    $"a window of kernel {kernel}, stride {stride}, dilation {dilation}, padding {before} and {after} "
                    + "cannot be imported");
            }

            int extent = (kernel - 1) * dilation + 1;
            switch (automatic)
            {
                case "NOTSET" or "":
                    break;
                case "VALID":
                    (before, after) = (0, 0);
                    break;
                case "SAME_UPPER" or "SAME_LOWER":
                    int total = Math.Max(((size + stride - 1) / stride - 1) * stride + extent - size, 0);
                    before = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
                    after = total - before;
                    break;
                default:
                    throw new Refusal($"its auto_pad '{automatic}' is not known");
            }

            int padded = before + size + after;
            int steps = padded - extent;
            if (steps < 0)
            {
                throw new Refusal($"its window spans {extent} positions of a padded side of {padded}");
            }

            int outputs = (steps + (ceiling ? stride - 1 : 0)) / stride + 1;
            if (ceiling && (outputs - 1) * stride >= before + size)
            {
                // A window that would begin in the padding behind the plane does not count.
                outputs--;
            }

            return new Axis(before, padded, outputs);
        }
    }
}
