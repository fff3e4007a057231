namespace Popcorn.Engine.Model;

/// <summary>Shape of an activation tensor, laid out channel by channel, row by row (CHW). A vector is C×1×1.</summary>
public readonly record struct Shape(int Channels, int Height, int Width)
{
    /// <summary>Largest number of elements that a tensor may have.</summary>
    public const int MaxSize = 1 << 24;

    /// <summary>Positions of one channel: height × width.</summary>
    public int Area => Height * Width;

    /// <summary>Number of elements.</summary>
    public int Size => Channels * Area;

    /// <summary>Flat index of an element.</summary>
    public int Index(int channel, int y, int x) => (channel * Height + y) * Width + x;

    /// <summary>Whether every side is positive and the size is within <see cref="MaxSize"/>.</summary>
    public bool IsValid =>
        Channels > 0 && Height > 0 && Width > 0 && (long)Channels * Height <= MaxSize
        && (long)Channels * Height * Width <= MaxSize;

    /// <inheritdoc/>
    public override string ToString() => $"{Channels}x{Height}x{Width}";
}
