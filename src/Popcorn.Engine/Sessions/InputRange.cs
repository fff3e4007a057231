namespace Popcorn.Engine.Sessions;

/// <summary>
/// Moves inputs into the range that a server described, without a branch or an address that depends on them. Whether a
/// value was outside must not show in what the client does: the server chooses the range.
/// </summary>
internal static class InputRange
{
    /// <summary>Copies values, each that is outside the range as the nearest end of it.</summary>
    /// <param name="source">The values.</param>
    /// <param name="target">As many places.</param>
    /// <param name="minimum">Least value of the range.</param>
    /// <param name="maximum">Greatest value of the range, not less than the least.</param>
    /// <returns>How many were outside.</returns>
    public static int Clamp(ReadOnlySpan<int> source, Span<int> target, int minimum, int maximum)
    {
        int outside = 0;
        for (int i = 0; i < source.Length; i++)
        {
            // All ones where the value is outside: differences of 64 bits do not overflow.
            long value = source[i];
            long below = (value - minimum) >> 63;
            long above = (maximum - value) >> 63;
            target[i] = (int)((value & ~(below | above)) | (minimum & below) | (maximum & above));
            outside -= (int)(below | above);
        }

        return outside;
    }
}
