using Popcorn.Cli.Terminal;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Sessions;

namespace Popcorn.Cli.Tests.Terminal;

public class ProgressTests
{
    [Fact]
    public void Queries_are_one_task_whichever_step_of_them_comes_first()
    {
        var told = new List<double>();
        var progress = new QueriesProgress(2, (fraction, _) => told.Add(fraction));
        IProgress<SessionProgress> first = progress.Of(0, "first"), second = progress.Of(1, "second");

        // Two lanes before the input is known, the steps after it in turn, and a second query prepared ahead.
        first.Report(Step(0, Phase.Offline, 1, 2));
        first.Report(Step(1, Phase.Offline, 2, 2));
        first.Report(Step(0, Phase.Offline, 2, 2));
        second.Report(Step(1, Phase.Offline, 1, 1));
        first.Report(Step(3, Phase.Online, 1, 1));
        second.Report(Step(3, Phase.Online, 1, 1));
        Assert.Equal([0.0625, 0.1875, 0.25, 0.375, 0.625, 1], told);
    }

    [Fact]
    public void The_line_says_how_much_is_left_and_keeps_to_the_terminal()
    {
        using var line = new ProgressLine("inferring");
        line.Report(0, "image 1 of 2");
        Assert.DoesNotContain("left", line.Text(80), StringComparison.Ordinal);
        line.Report(0.25, "image 1 of 2: a layer of a long name, and more of it still");
        Assert.Matches(@"^inferring .* \[#####\.{15}\]  25 % about .* left, image 1 of 2", line.Text(200));
        Assert.Equal(79, line.Text(80).Length);
    }

    [Fact]
    public void A_note_does_not_stick_to_the_line()
    {
        TextWriter before = Console.Error;
        var written = new StringWriter();
        Console.SetError(written);
        try
        {
            using var line = new ProgressLine("importing");
            line.Report(1, 2, "layer");
            line.Draw(80);
            Output.Note("a note");
        }
        finally
        {
            Console.SetError(before);
        }

        Assert.Matches(@"^\r\x1b\[Kimporting [^\r\n]*\r\x1b\[Ka note\r?\n$", written.ToString());
    }

    private static SessionProgress Step(int step, Phase phase, int done, int total) =>
        new("layer", phase, step, Steps: 4, done, total);
}
