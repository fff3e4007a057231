namespace Popcorn.Engine;

/// <summary>Text that others wrote, such as a peer, a file or a library, fit for one line of a message or a log.
/// </summary>
public static class OneLine
{
    /// <summary>The text with a space in place of every control character.</summary>
    /// <param name="text">The text.</param>
    /// <param name="longest">Characters to keep; an ellipsis stands for the rest.</param>
    public static string Of(string text, int longest = int.MaxValue)
    {
        string start = text.Length <= longest ? text : text[..longest] + "…";
        return string.Concat(start.Select(c => char.IsControl(c) ? ' ' : c));
    }
}
