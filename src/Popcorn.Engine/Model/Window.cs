namespace Popcorn.Engine.Model;

/// <summary>
/// How a sliding window (of a convolution or a pool) visits a plane. The output size is explicit, so that asymmetric
/// padding and ceil mode need nothing more: only padding before the first row and column is stored, and whatever a
/// window covers outside the plane is absent.
/// </summary>
internal readonly record struct Window(
    int KernelHeight,
    int KernelWidth,
    int StrideY,
    int StrideX,
    int DilationY,
    int DilationX,
    int PadTop,
    int PadLeft,
    int OutputHeight,
    int OutputWidth)
{
    /// <summary>A window of 1×1 that visits every position of a plane.</summary>
    public static Window Pointwise(int height, int width) => new(1, 1, 1, 1, 1, 1, 0, 0, height, width);

    /// <summary>A window that covers a whole plane at once.</summary>
    public static Window Whole(int height, int width) => new(height, width, 1, 1, 1, 1, 0, 0, 1, 1);

    /// <summary>Number of taps: kernel height × width.</summary>
    public int Taps => KernelHeight * KernelWidth;

    /// <summary>
    /// Flat position (y·width + x) in a plane of the given size that a tap sees from an output position, or −1 where it
    /// lies outside.
    /// </summary>
    public int Position(int outputY, int outputX, int tapY, int tapX, int height, int width)
    {
        int y = outputY * StrideY - PadTop + tapY * DilationY;
        int x = outputX * StrideX - PadLeft + tapX * DilationX;
        return (uint)y < (uint)height && (uint)x < (uint)width ? y * width + x : -1;
    }

    /// <summary>The same by flat numbers: output position y·width + x, tap y·kernel width + x.</summary>
    public int Position(int output, int tap, Shape plane) => Position(
        output / OutputWidth, output % OutputWidth, tap / KernelWidth, tap % KernelWidth, plane.Height, plane.Width);

    /// <summary>Whether every window covers at least one position of a plane of the given size.</summary>
    public bool AlwaysSees(int height, int width) =>
        AlwaysSees(KernelHeight, StrideY, DilationY, PadTop, OutputHeight, height)
        && AlwaysSees(KernelWidth, StrideX, DilationX, PadLeft, OutputWidth, width);

    /// <summary>Whether every window lies within a plane of the given size.</summary>
    public bool AlwaysWithin(int height, int width) =>
        AlwaysWithin(KernelHeight, StrideY, DilationY, PadTop, OutputHeight, height)
        && AlwaysWithin(KernelWidth, StrideX, DilationX, PadLeft, OutputWidth, width);

    private static bool AlwaysSees(int kernel, int stride, int dilation, int pad, int outputs, int size)
    {
        for (int output = 0; output < outputs; output++)
        {
            int first = output * stride - pad;
            // The least tap that is not before the plane; it must exist and lie within.
            int tap = first >= 0 ? 0 : (dilation - 1 - first) / dilation;
            if (tap >= kernel || first + tap * dilation >= size)
            {
                return false;
            }
        }

        return true;
    }

    private static bool AlwaysWithin(int kernel, int stride, int dilation, int pad, int outputs, int size) =>
        pad == 0 && (outputs - 1) * stride + (kernel - 1) * dilation < size;

    /// <summary>Whether all numbers are positive (padding: not negative) and bounded.</summary>
    public bool IsValid =>
        InRange(KernelHeight, 1) && InRange(KernelWidth, 1) && InRange(StrideY, 1) && InRange(StrideX, 1)
        && InRange(DilationY, 1) && InRange(DilationX, 1) && InRange(PadTop, 0) && InRange(PadLeft, 0)
        && InRange(OutputHeight, 1) && InRange(OutputWidth, 1);

    private static bool InRange(int value, int least) => value >= least && value <= 1 << 14;
}
