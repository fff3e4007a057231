using System.Globalization;

namespace Popcorn.Engine;

/// <summary>
/// Text that others wrote, such as a peer, a file or a library, fit for one line of a message or a log: what would move
/// the cursor, colour or reorder what stands around it is gone.
/// </summary>
public static class OneLine
{
    /// <summary>The text with a space in place of every character that is not seen but does something.</summary>
    /// <param name="text">The text.</param>
    /// <param name="longest">Characters to keep; an ellipsis stands for the rest.</param>
    public static string Of(string text, int longest = int.MaxValue)
    {
        string start = text.Length <= longest ? text : text[..longest] + "…";
        return string.Concat(start.Select(c => IsHarmless(c) ? c : ' '));
    }

    private static bool IsHarmless(char c) => char.GetUnicodeCategory(c)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator);
}
