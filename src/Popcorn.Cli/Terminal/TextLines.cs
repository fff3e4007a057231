namespace Popcorn.Cli.Terminal;

/// <summary>Text made to fit a line.</summary>
internal static class TextLines
{
    private const char Ellipsis = '…';

    /// <summary>Breaks a line at spaces; a word that is longer than a line stays whole.</summary>
    public static IEnumerable<string> Wrap(string line, int width)
    {
        while (line.Length > width)
        {
            // A space just behind the width breaks there too.
            int space = line.LastIndexOf(' ', width);
            space = space > 0 ? space : line.IndexOf(' ', width);
            if (space < 0)
            {
                break;
            }

            yield return line[..space].TrimEnd();
            line = line[(space + 1)..].TrimStart();
        }

        yield return line;
    }

    /// <summary>A name of at most so many characters: beginning and end tell layers and files apart.</summary>
    public static string ShortenMiddle(string name, int length)
    {
        int end = length / 2;
        return name.Length <= length ? name : name[..(length - end - 1)] + Ellipsis + name[^end..];
    }
}
