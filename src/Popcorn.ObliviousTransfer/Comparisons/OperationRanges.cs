namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>What numbers an operation may have.</summary>
internal static class OperationRanges
{
    private const int MostBits = 64;
    private const int MostOperands = 1024;
    private const int MostDepth = 16;

    /// <summary>Throws where one is out of its range.</summary>
    /// <exception cref="ArgumentException">A message that names it.</exception>
    public static void Check(Operation operation)
    {
        ArgumentNullException.ThrowIfNull(operation);
        Check(operation.Bits, 1, MostBits, nameof(operation.Bits));
        Check(operation.ResultBits, 1, MostBits, nameof(operation.ResultBits));
        Check(operation.Depth ?? 0, 0, MostDepth, nameof(operation.Depth));
        switch (operation)
        {
            case Relu relu:
                Check(relu.Shift, 0, int.MaxValue, nameof(relu.Shift));
                Check(relu.SaturationBits ?? 1, 1, MostBits, nameof(relu.SaturationBits));
                break;
            case Choose choose:
                Check(choose.ResultBits, 1, choose.Bits, nameof(choose.ResultBits));
                break;
            case Clip clip:
                Check(clip.Shift, 0, int.MaxValue, nameof(clip.Shift));
                Check(clip.CapBits, 1, clip.Bits - 1, nameof(clip.CapBits));
                break;
            case SignedShift shift:
                Check(shift.Shift, 0, shift.Bits - 2, nameof(shift.Shift));
                break;
            case AnyOf any:
                Check(any.Count, 1, MostOperands, nameof(any.Count));
                break;
            case Sign or Maximum or Square:
                break;
            default:
                throw new ArgumentException($"no such operation: {operation.GetType().Name}", nameof(operation));
        }
    }

    private static void Check(int value, int least, int most, string name)
    {
        if (value < least || value > most)
        {
            throw new ArgumentException($"{name} is {value}, not from {least} to {most}", name);
        }
    }
}
