using Popcorn.Engine;

namespace Popcorn.Cli.Terminal;

/// <summary>
/// Rows of plain text under headings. Before a heading <c>&gt;</c> aligns its column to the right, and <c>?</c> marks a
/// column that a narrow terminal does without, the last of them first. The first column holds names, which are
/// shortened where the others need the room; text in the last one is wrapped.
/// </summary>
internal sealed class Table
{
    private const int LeastName = 8, UsualName = 24, LeastText = 24;
    private const string Gap = "  ";

    private readonly Column[] _columns;
    private readonly List<string[]> _rows = [];

    public Table(params string[] headings) => _columns = [.. headings.Select(heading => new Column(
        heading.TrimStart('?', '>'),
        heading.StartsWith('?'),
        heading.TrimStart('?').StartsWith('>')))];

    /// <summary>Adds a row of as many cells as there are headings.</summary>
    public void Add(params string[] cells)
    {
        if (cells.Length != _columns.Length)
        {
            throw new ArgumentException($"A row has {_columns.Length} cells.", nameof(cells));
        }

        // Names in them may be anybody's.
        _rows.Add([.. cells.Select(cell => OneLine.Of(cell))]);
    }

    /// <summary>The table in lines of at most so many characters, if there is any way.</summary>
    public IEnumerable<string> Lines(int width)
    {
        int[] widths = [.. _columns.Select((column, i) =>
            _rows.Select(row => row[i].Length).Append(column.Heading.Length).Max())];
        List<int> shown = [.. Enumerable.Range(0, _columns.Length)];
        long Excess() => shown.Sum(i => (long)(i == 0 ? Math.Min(widths[0], UsualName) : widths[i]))
            + (Gap.Length * (shown.Count - 1)) - width;
        while (Excess() > 0 && shown.FindLastIndex(i => _columns[i].IsOptional) is >= 0 and int last)
        {
            shown.RemoveAt(last);
        }

        int text = shown[^1];
        if (text > 0 && !_columns[text].IsRight && Excess() > 0)
        {
            widths[text] = (int)Math.Max(Math.Min(LeastText, widths[text]), widths[text] - Excess());
        }

        // In long arithmetic: a pipe has no width to keep to.
        long room = (long)width - shown.Skip(1).Sum(i => widths[i] + Gap.Length);
        widths[0] = (int)Math.Min(widths[0], Math.Max(LeastName, room));
        yield return Line([.. _columns.Select(column => column.Heading)]);
        yield return string.Join(Gap, shown.Select(i => new string('-', widths[i])));
        foreach (string[] row in _rows)
        {
            string[] lines = [.. TextLines.Wrap(row[text], widths[text])];
            string[] cells = [.. row];
            cells[0] = TextLines.ShortenMiddle(row[0], widths[0]);
            for (int i = 0; i < lines.Length; i++)
            {
                if (text > 0)
                {
                    cells[text] = lines[i];
                }

                yield return Line(cells);
                cells = [.. row.Select(_ => "")];
            }
        }

        string Line(string[] cells) => string.Join(Gap, shown.Select(i =>
            _columns[i].IsRight ? cells[i].PadLeft(widths[i]) : cells[i].PadRight(widths[i]))).TrimEnd();
    }

    private sealed record Column(string Heading, bool IsOptional, bool IsRight);
}
