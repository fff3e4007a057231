using System.CommandLine;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn eval</c>: the integer network in plaintext, on a whole test set.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = "The integer network.", HelpName = "M.popcorn" };
        var data = new TestImageOptions(required: true);
        var logits = new Option<bool>("--logits") { Description = "Print every image's logits, exactly." };
        var command = new Command("eval", "Measure the accuracy of an integer network in plaintext.") { model };
        data.AddTo(command);
        command.Options.Add(logits);
        command.SetWork((parsed, output, cancellationToken) =>
        {
            IntegerNetwork network = Files.LoadModel(parsed.GetRequiredValue(model));
            bool keepLogits = parsed.GetValue(logits);
            TestImages images = data.Open(parsed, network.Input, needsLabels: !keepLogits);
            Show(Evaluate(network, images, keepLogits, cancellationToken), output);
            double error = RoundingError.Of(network);
            if (error > 0)
            {
                Output.Note(
                    "This network rescales: obliviously a logit may differ by "
                    + (double.IsFinite(error) ? $"up to {error:0} in the worst case." : "any number, in the worst case."));
            }

            return Task.CompletedTask;
        });
        return command;
    }

    private static EvalReport Evaluate(
        IntegerNetwork network, TestImages images, bool keepLogits, CancellationToken cancellationToken)
    {
        var logits = keepLogits ? new IReadOnlyList<string>[images.Count] : null;
        using var progress = new ImageProgress("eval", images.Count);
        Recognition recognition = images.Evaluate(
            network,
            (i, values) =>
            {
                if (logits is not null)
                {
                    logits[i] = [.. values.Select(value => value.ToString())];
                }

                progress.Next();
            },
            cancellationToken);
        return new EvalReport(recognition.Accuracy, recognition.Top5, images.Count, progress.Seconds, logits);
    }

    private static void Show(EvalReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.EvalReport);
            return;
        }

        for (int i = 0; i < report.Logits?.Count; i++)
        {
            output.Line($"{i}: {string.Join(' ', report.Logits[i])}");
        }

        string accuracy = report.Accuracy is double fraction ? $"accuracy {Units.Percent(fraction)}" : "no labels";
        accuracy += report.Top5 is double top5 ? $" ({Units.Percent(top5)} among the first five)" : "";
        output.Line(
            $"{accuracy}, {Units.Count(report.Count)} images in {Units.Seconds(report.Seconds)} "
            + $"({Units.Rate(report.Count / report.Seconds)} images/s)");
    }
}
