using Spectre.Console;

namespace Popcorn.Cli.Terminal;

/// <summary>Tables of plain text.</summary>
internal static class Tables
{
    /// <summary>A table with these headings; a leading <c>&gt;</c> aligns the column to the right.</summary>
    public static Table Create(params string[] headings)
    {
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string heading in headings)
        {
            table.AddColumn(heading.StartsWith('>')
                ? new TableColumn(new Text(heading[1..])).RightAligned()
                : new TableColumn(new Text(heading)));
        }

        return table;
    }

    /// <summary>Adds a row; nothing in it is markup.</summary>
    public static void AddCells(this Table table, params string[] cells) =>
        table.AddRow(cells.Select(cell => new Text(cell)));
}
