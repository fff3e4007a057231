using System.CommandLine;
using System.Diagnostics;
using System.Numerics;
using Popcorn.Cli.Data;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn eval</c>: the integer network in plaintext, on a whole test set.</summary>
internal static class EvalCommand
{
    /// <summary>With so many classes it is usual to tell as well how often the right one is among the first five.
    /// </summary>
    private const int ManyClasses = 100;

    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = "The integer network.", HelpName = "M.popcorn" };
        var testSet = new TestSetOptions(required: true);
        var logits = new Option<bool>("--logits") { Description = "Print every image's logits, exactly." };
        var command = new Command("eval", "Measure the accuracy of an integer network in plaintext.")
        {
            model, logits,
        };
        testSet.AddTo(command);
        command.SetWork((parsed, output, cancellationToken) =>
        {
            IntegerNetwork network = Files.LoadModel(parsed.GetRequiredValue(model));
            TestSet images = testSet.Open(parsed, network.Input)!;
            bool keepLogits = parsed.GetValue(logits);
            Evaluate(
                network, keepLogits ? images : images.RequireLabels(), keepLogits, report => Show(report, output),
                cancellationToken);
            double error = RoundingError.Of(network);
            if (error > 0)
            {
                Output.Note(
                    "This network rescales: obliviously a logit may differ by "
                    + (double.IsFinite(error) ? $"up to {error:0}" : "any number,") + " in the worst case.");
            }

            return Task.CompletedTask;
        });
        return command;
    }

    /// <param name="network">The network.</param>
    /// <param name="images">The images.</param>
    /// <param name="keepLogits">Whether to report all logits.</param>
    /// <param name="report">Takes the figures: of those done, too, when an error or the user ends it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private static void Evaluate(
        IntegerNetwork network, TestSet images, bool keepLogits, Action<EvalReport> report,
        CancellationToken cancellationToken)
    {
        int count = images.Count;
        var evaluator = new PlainEvaluator(network);
        var logits = keepLogits ? new IReadOnlyList<string>?[count] : null;
        int done = 0;
        int labelled = 0;
        int right = 0;
        int amongFive = 0;
        long start = Stopwatch.GetTimestamp();
        var gate = new Lock();
        using var words = new LastWords(() =>
        {
            lock (gate)
            {
                if (done > 0)
                {
                    double? accuracy = labelled == 0 ? null : (double)right / labelled;
                    double? top5 = labelled == 0 || network.Outputs < ManyClasses ? null : (double)amongFive / labelled;
                    report(new EvalReport(accuracy, top5, done, Stopwatch.GetElapsedTime(start).TotalSeconds, logits)
                    {
                        Images = count,
                    });
                }
            }
        });
        using var progress = new ProgressLine("eval");
        progress.Report(0, count, $"0 of {Units.Count(count)} images");
        evaluator.Evaluate(
            count,
            images.Source.Read,
            (i, values) =>
            {
                lock (gate)
                {
                    if (logits is not null)
                    {
                        logits[i] = [.. values.Select(value => value.ToString())];
                    }

                    if (images.Label(i) is int expected)
                    {
                        labelled++;
                        right += PlainEvaluator.Label(values) == expected ? 1 : 0;
                        amongFive += IsAmongGreatest(values, expected, 5) ? 1 : 0;
                    }

                    done++;
                }

                progress.Report(done, count, Pace(done, count, Stopwatch.GetElapsedTime(start).TotalSeconds));
            },
            cancellationToken);
    }

    /// <summary>How fast, how far: what a narrow terminal cuts off matters least.</summary>
    private static string Pace(int done, int count, double seconds) =>
        $"{Units.Rate(done / seconds)} images/s ({Units.Count(done)} of {Units.Count(count)})";

    private static bool IsAmongGreatest(BigInteger[] logits, int label, int places) =>
        label >= 0 && label < logits.Length && logits.Count(logit => logit > logits[label]) < places;

    private static void Show(EvalReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.EvalReport);
            return;
        }

        for (int i = 0; i < report.Logits?.Count; i++)
        {
            if (report.Logits[i] is IReadOnlyList<string> logits)
            {
                output.Line($"{i}: {string.Join(' ', logits)}");
            }
        }

        string part = report.Incomplete is true ? "incomplete, " : "";
        string of = report.Incomplete is true ? $" of {Units.Count(report.Images)}" : "";
        string accuracy = report.Accuracy is double fraction ? $"accuracy {Units.Percent(fraction)}" : "no labels";
        accuracy += report.Top5 is double top5 ? $" ({Units.Percent(top5)} among the first five)" : "";
        output.Line(
            $"{part}{accuracy}, {Units.Count(report.Count)}{of} images in {Units.Seconds(report.Seconds)} "
            + $"({Units.Rate(report.Count / report.Seconds)} images/s)");
    }
}
