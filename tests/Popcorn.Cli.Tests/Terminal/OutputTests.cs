using Popcorn.Cli.Terminal;

namespace Popcorn.Cli.Tests.Terminal;

public class OutputTests
{
    [Fact]
    public void Messages_keep_their_lines_and_nothing_else_that_moves_the_cursor() => Assert.Equal(
        "two findings:\n  node 'a b'\n  node ' [2J'",
        Output.Harmless("two findings:\n  node 'a\rb'\n  node '\u001b[2J'"));
}
