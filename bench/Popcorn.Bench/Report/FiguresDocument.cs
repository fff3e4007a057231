namespace Popcorn.Bench.Report;

/// <summary>A document with a part between two lines that a command writes.</summary>
internal static class FiguresDocument
{
    private const string End = "<!-- end of figures -->";

    /// <summary>Replaces what stands between a line and the next end; false, after saying so, where they are missing.
    /// </summary>
    public static bool TryReplace(string path, string begin, string figures)
    {
        string document = File.ReadAllText(path);
        int from = document.IndexOf(begin, StringComparison.Ordinal);
        int to = from < 0 ? -1 : document.IndexOf(End, from, StringComparison.Ordinal);
        if (to < 0)
        {
            Console.Error.WriteLine($"{path} lacks the lines '{begin}' and '{End}'.");
            return false;
        }

        File.WriteAllText(path, $"{document[..from]}{begin}\n{figures}{document[to..]}");
        return true;
    }
}
