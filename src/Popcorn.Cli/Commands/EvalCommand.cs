using System.CommandLine;
using System.Diagnostics;
using System.Numerics;
using Popcorn.Cli.Data;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn eval</c>: the integer network in plaintext, on a whole test set.</summary>
internal static class EvalCommand
{
    /// <summary>With so many classes it is usual to tell as well how often the right one is among the first five.</summary>
    private const int ManyClasses = 100;

    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = "The integer network.", HelpName = "M.popcorn" };
        var data = new Option<string>("--data")
        {
            Description = "IDX images, CIFAR-10 .bin, .npy, a PNG, or a folder of PNGs with a CSV (file,label).",
            HelpName = "FILE|DIR",
            Required = true,
        };
        var labels = new Option<string?>("--labels")
        {
            Description = "IDX labels, or a folder's CSV; by default the label file beside the images.",
            HelpName = "FILE",
        };
        var labelOffset = new Option<int>("--label-offset")
        {
            Description = "Added to every label: 1 where the network's class 0 is the background.",
            HelpName = "N",
        };
        Option<int> limit = new Option<int>("--limit")
        {
            Description = "Only the first N images; otherwise all.",
            HelpName = "N",
        }.InRange(1, int.MaxValue);
        var logits = new Option<bool>("--logits") { Description = "Print every image's logits, exactly." };
        var command = new Command("eval", "Measure the accuracy of an integer network in plaintext.")
        {
            model, data, labels, labelOffset, limit, logits,
        };
        command.SetWork((parsed, output, cancellationToken) =>
        {
            IntegerNetwork network = Files.LoadModel(parsed.GetRequiredValue(model));
            string path = parsed.GetRequiredValue(data);
            IImageSource source = ImageInputs.Open(path, parsed.GetValue(labels), network.Input);
            bool keepLogits = parsed.GetValue(logits);
            if (!keepLogits && source.Label(0) is null)
            {
                throw new PopcornException($"'{path}' comes without labels; name them with --labels.");
            }

            int count = parsed.GetValue(limit) is > 0 and int most ? Math.Min(most, source.Count) : source.Count;
            EvalReport report = Evaluate(
                network, source, count, parsed.GetValue(labelOffset), keepLogits, cancellationToken);
            Show(report, output);
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
        IntegerNetwork network, IImageSource source, int count, int labelOffset, bool keepLogits,
        CancellationToken cancellationToken)
    {
        var evaluator = new PlainEvaluator(network);
        var logits = keepLogits ? new IReadOnlyList<string>[count] : null;
        int done = 0;
        int labelled = 0;
        int right = 0;
        int amongFive = 0;
        long start = Stopwatch.GetTimestamp();
        using (var progress = new ProgressLine("eval"))
        {
            progress.Report(0, count, $"0 of {Units.Count(count)} images");
            evaluator.Evaluate(
                count,
                source.Read,
                (i, values) =>
                {
                    if (logits is not null)
                    {
                        logits[i] = [.. values.Select(value => value.ToString())];
                    }

                    if (source.Label(i) + labelOffset is int expected)
                    {
                        labelled++;
                        right += PlainEvaluator.Label(values) == expected ? 1 : 0;
                        amongFive += IsAmongGreatest(values, expected, 5) ? 1 : 0;
                    }

                    done++;
                    progress.Report(done, count, Pace(done, count, Stopwatch.GetElapsedTime(start).TotalSeconds));
                },
                cancellationToken);
        }

        double? accuracy = labelled == 0 ? null : (double)right / labelled;
        double? top5 = labelled == 0 || network.Outputs < ManyClasses ? null : (double)amongFive / labelled;
        return new EvalReport(accuracy, top5, count, Stopwatch.GetElapsedTime(start).TotalSeconds, logits);
    }

    /// <summary>How long still, how fast, how far: what a narrow terminal cuts off matters least.</summary>
    private static string Pace(int done, int count, double seconds) =>
        $"{Units.Seconds(seconds / done * (count - done))} left, {Units.Rate(done / seconds)} images/s "
        + $"({Units.Count(done)} of {Units.Count(count)})";

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
            output.Line($"{i}: {string.Join(' ', report.Logits[i])}");
        }

        string accuracy = report.Accuracy is double fraction ? $"accuracy {Units.Percent(fraction)}" : "no labels";
        accuracy += report.Top5 is double top5 ? $" ({Units.Percent(top5)} among the first five)" : "";
        output.Line(
            $"{accuracy}, {Units.Count(report.Count)} images in {Units.Seconds(report.Seconds)} "
            + $"({Units.Rate(report.Count / report.Seconds)} images/s)");
    }
}
