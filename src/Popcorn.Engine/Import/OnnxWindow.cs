using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>The window that the attributes of a convolution or pool describe over a given plane.</summary>
/// <param name="Window">The window.</param>
/// <param name="PaddedHeight">Height of the plane with its padding.</param>
/// <param name="PaddedWidth">Width of the plane with its padding.</param>
internal sealed record OnnxWindow(Window Window, int PaddedHeight, int PaddedWidth)
{
    /// <summary>Reads a window.</summary>
    /// <param name="node">The node.</param>
    /// <param name="kernel">Its kernel.</param>
    /// <param name="source">What it runs over: N×C×H×W, or N×C×L as planes of height 1.</param>
    public static OnnxWindow Read(OnnxNode node, (int Y, int X) kernel, Signal source)
    {
        int dimensions = source.Dims.Length - 2;
        (int Y, int X) stride = node.Pair("strides", 1, dimensions);
        (int Y, int X) dilation = node.Pair("dilations", 1, dimensions);
        int[] pads = (node.Ints("pads"), dimensions) switch
        {
            (null, _) => [0, 0, 0, 0],
            ([int before, int after], 1) => [0, before, 0, after],
            ({ Length: 4 } all, 2) => all,
            ({ } wrong, _) => throw new NodeException(
                $"its pads have {wrong.Length} entries instead of {2 * dimensions}; the file is damaged"),
        };
        Shape plane = source.Node.Shape;

        Axis y = Axis.Along(new Slide(kernel.Y, stride.Y, dilation.Y, pads[0], pads[2]), node, plane.Height);
        Axis x = Axis.Along(new Slide(kernel.X, stride.X, dilation.X, pads[1], pads[3]), node, plane.Width);
        var window = new Window(
            kernel.Y, kernel.X, stride.Y, stride.X, dilation.Y, dilation.X, y.PadBefore, x.PadBefore,
            y.Outputs, x.Outputs);
        return window.IsValid && new Shape(plane.Channels, y.Outputs, x.Outputs).IsValid
            ? new OnnxWindow(window, y.Padded, x.Padded)
            : throw new NodeException("its window is too large for what can be evaluated");
    }

    /// <summary>The kernel of a pool, which its attribute names.</summary>
    public static (int Y, int X) KernelOf(OnnxNode node, Signal source) => node.Ints("kernel_shape") is not null
        ? node.Pair("kernel_shape", 1, source.Dims.Length - 2)
        : throw new NodeException("its kernel_shape is missing; the file is damaged");

    /// <summary>Whether every window lies within the plane and its padding.</summary>
    public bool AlwaysWithinPadding =>
        (Window with { PadTop = 0, PadLeft = 0 }).AlwaysWithin(PaddedHeight, PaddedWidth);

    /// <summary>A window that covers a whole plane.</summary>
    public static Window Whole(Shape plane)
    {
        Window window = Window.Whole(plane.Height, plane.Width);
        return window.IsValid
            ? window
            : throw new NodeException($"it covers a plane of {plane}, more than can be evaluated");
    }

    /// <summary>How a window slides along an axis, in the file's own numbers.</summary>
    private readonly record struct Slide(int Kernel, int Stride, int Dilation, int PadBefore, int PadAfter)
    {
        private const int Most = 1 << 14;

        public int Extent => (Kernel - 1) * Dilation + 1;

        public bool IsValid =>
            Kernel is >= 1 and <= Most && Stride is >= 1 and <= Most && Dilation is >= 1 and <= Most
            && PadBefore is >= 0 and <= Most && PadAfter is >= 0 and <= Most;

        /// <summary>The same with the padding that an auto_pad asks for.</summary>
        public Slide Padded(string automatic, int size)
        {
            int outputs = (size + Stride - 1) / Stride;
            int total = Math.Max((outputs - 1) * Stride + Extent - size, 0);
            return automatic switch
            {
                "NOTSET" or "" => this,
                "VALID" => this with { PadBefore = 0, PadAfter = 0 },
                "SAME_UPPER" => this with { PadBefore = total / 2, PadAfter = total - total / 2 },
                "SAME_LOWER" => this with { PadBefore = total - total / 2, PadAfter = total / 2 },
                _ => throw new NodeException($"its auto_pad '{automatic}' is not known"),
            };
        }
    }

    private readonly record struct Axis(int PadBefore, int Padded, int Outputs)
    {
        public static Axis Along(Slide slide, OnnxNode node, int size)
        {
            if (!slide.IsValid)
            {
                throw new NodeException(
                    $"a window of kernel {slide.Kernel}, stride {slide.Stride}, dilation {slide.Dilation}, padding "
                    + $"{slide.PadBefore} and {slide.PadAfter} cannot be imported");
            }

            slide = slide.Padded(node.Text("auto_pad", "NOTSET"), size);
            int padded = slide.PadBefore + size + slide.PadAfter;
            int steps = padded - slide.Extent;
            if (steps < 0)
            {
                throw new NodeException($"its window spans {slide.Extent} positions of a padded side of {padded}");
            }

            bool ceiling = node.Flag("ceil_mode");
            int outputs = (steps + (ceiling ? slide.Stride - 1 : 0)) / slide.Stride + 1;
            if (ceiling && (outputs - 1) * slide.Stride >= slide.PadBefore + size)
            {
                // A window that would begin in the padding behind the plane does not count.
                outputs--;
            }

            return new Axis(slide.PadBefore, padded, outputs);
        }
    }
}
