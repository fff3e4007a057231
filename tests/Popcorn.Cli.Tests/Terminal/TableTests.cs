using Popcorn.Cli.Terminal;

namespace Popcorn.Cli.Tests.Terminal;

public class TableTests
{
    private static readonly string[] Long = ["/features/features.3/expand1x1/Conv", "12", "x y", "a sentence of words"];

    [Fact]
    public void Where_there_is_room_everything_is_shown() => Assert.Equal(
        [
            "name                                 count  more  text",
            "-----------------------------------  -----  ----  -------------------",
            "/features/features.3/expand1x1/Conv     12  x y   a sentence of words",
        ],
        Of(Long).Lines(int.MaxValue));

    [Fact]
    public void A_narrow_terminal_does_without_some_columns_and_then_shortens_names() => Assert.Equal(
        [
            "name                     count  text",
            "-----------------------  -----  -------------------",
            "/features/f…and1x1/Conv     12  a sentence of words",
        ],
        Of(Long).Lines(51));

    [Theory]
    [InlineData(80)]
    [InlineData(60)]
    [InlineData(45)]
    public void No_line_is_longer_and_no_word_is_broken(int width)
    {
        string text = string.Concat(Enumerable.Repeat("kernel of several; ", 9)).TrimEnd();
        string[] lines = [.. Of(["short", "1", "", text]).Lines(width)];
        Assert.All(lines, line => Assert.InRange(line.Length, 0, width));
        Assert.Equal(
            text.Split(' '),
            lines[2..].SelectMany(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Skip(2));
    }

    [Fact]
    public void Nothing_in_a_cell_moves_the_cursor() =>
        Assert.DoesNotContain('\u001b', string.Concat(Of(["a\u001b[2J", "", "", ""]).Lines(80)));

    [Fact]
    public void A_long_word_stays_whole() => Assert.Equal(
        ["see", "/a/very/long/path", "there"], TextLines.Wrap("see /a/very/long/path there", 9));

    private static Table Of(string[] row)
    {
        var table = new Table("name", ">count", "?more", "text");
        table.Add(row);
        return table;
    }
}
