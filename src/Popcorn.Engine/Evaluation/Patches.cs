using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// A run of output positions of a linear layer, across images, and where its windows look. Positions are numbered
/// image by image, row by row; those of the run are its lanes.
/// </summary>
internal ref struct Patches
{
    private readonly Window _window;
    private readonly Shape _source;

    /// <summary>By lane: where the image begins, and the row and column of the window's first tap.</summary>
    private readonly Span<(int Image, int Y, int X)> _corners;

    /// <param name="window">The layer's window.</param>
    /// <param name="source">Shape of what it reads.</param>
    /// <param name="memory">Room for as many lanes as a run can have.</param>
    public Patches(Window window, Shape source, Span<(int Image, int Y, int X)> memory)
    {
        _window = window;
        _source = source;
        _corners = memory;
    }

    /// <summary>Number of positions.</summary>
    public int Lanes { get; private set; }

    /// <summary>Takes the positions from <paramref name="first"/> on.</summary>
    public void MoveTo(int first, int lanes)
    {
        Lanes = lanes;
        (int image, int position) = Math.DivRem(first, _window.OutputHeight * _window.OutputWidth);
        (int y, int x) = Math.DivRem(position, _window.OutputWidth);
        for (int lane = 0; lane < lanes; lane++)
        {
            _corners[lane] = (
                image * _source.Size, y * _window.StrideY - _window.PadTop, x * _window.StrideX - _window.PadLeft);
            if (++x == _window.OutputWidth)
            {
                x = 0;
                if (++y == _window.OutputHeight)
                {
                    y = 0;
                    image++;
                }
            }
        }
    }

    /// <summary>
    /// What a tap sees in the first channel, cut into segments of neighbours in memory; taps outside the plane have
    /// segments too.
    /// </summary>
    /// <param name="tap">Tap of the window: y·width + x.</param>
    /// <param name="segments">Room for as many segments as there are lanes.</param>
    /// <returns>Number of segments.</returns>
    public readonly int See(int tap, Span<Segment> segments)
    {
        (int tapY, int tapX) = Math.DivRem(tap, _window.KernelWidth);
        int dy = tapY * _window.DilationY;
        int dx = tapX * _window.DilationX;
        int count = 0;
        int begin = 0;
        int start = Index(_corners[0], dy, dx);
        for (int lane = 1; lane < Lanes; lane++)
        {
            int index = Index(_corners[lane], dy, dx);
            bool isNext = start < 0 ? index < 0 : index == start + lane - begin;
            if (!isNext)
            {
                segments[count++] = new Segment(begin, start, lane - begin);
                begin = lane;
                start = index;
            }
        }

        segments[count++] = new Segment(begin, start, Lanes - begin);
        return count;
    }

    private readonly int Index((int Image, int Y, int X) corner, int dy, int dx)
    {
        int y = corner.Y + dy;
        int x = corner.X + dx;
        return (uint)y < (uint)_source.Height && (uint)x < (uint)_source.Width
            ? corner.Image + y * _source.Width + x
            : Segment.Outside;
    }
}

/// <summary>Neighbouring lanes that see neighbouring elements.</summary>
/// <param name="Lane">The first lane.</param>
/// <param name="Start">Index of the element that it sees in the first channel, or <see cref="Outside"/>.</param>
/// <param name="Length">Number of lanes.</param>
internal readonly record struct Segment(int Lane, int Start, int Length)
{
    /// <summary>The segment lies outside the plane.</summary>
    public const int Outside = -1;
}
