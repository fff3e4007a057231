using System.CommandLine;
using Popcorn.Cli.Data;
using Popcorn.Cli.Measurement;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Sessions;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn inspect</c>: what a model's oblivious inference will cost, layer by layer.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("model") { Description = "The integer network.", HelpName = "M.popcorn" };
        Option<int> bits = KeygenCommand.BitsOption();
        Option<string?> order = KeyOrderOption.Create("The client's key");
        var measure = new Option<bool>("--measure")
        {
            Description =
                "Time this machine's arithmetic anew instead of trusting what was measured in the last 30 days.",
        };
        var families = new FamilyOptions(
            "Family of protocols; by default all are predicted, and the cheaper one is shown.",
            "for the choice between families");
        var command = new Command("inspect", "Show a model's layers and the predicted cost of an inference.")
        {
            file, bits, order, measure,
        };
        families.AddTo(command);
        command.SetWork((parsed, output, _) =>
        {
            string path = parsed.GetRequiredValue(file);
            int keyBits = parsed.GetValue(bits);
            using var progress = new ProgressLine("compiling, timing the arithmetic");
            FamilyOffer offer = families.OfferIn(parsed);
            using ServedModel model = offer.Compile(
                Path.GetFileNameWithoutExtension(path), Files.LoadModel(path), keyBits);
            IReadOnlyList<FamilyForecast> forecasts = offer.Rank(
                model, keyBits,
                family => OperationTimesCache.Inspect(
                    model, keyBits, parsed.GetValue(measure), parsed.OrderIn(order), family));
            progress.Dispose();
            Inspection inspection = forecasts[0].Inspection;
            if (output.IsJson)
            {
                Output.WriteJson(
                    new InspectReport(
                        model.Network.Input.Shape.ToString(), inspection.Layers, inspection.Predicted, keyBits,
                        KeyOrders.NameOf(parsed.OrderIn(order)), forecasts[0].Family.Name,
                        [
                            .. forecasts.Select(forecast => new FamilyReport(
                                forecast.Family.Name, offer.Link.SecondsOf(forecast.Inspection.Predicted),
                                forecast.Inspection.Predicted)),
                        ]),
                    ReportJson.Default.InspectReport);
            }
            else
            {
                Show(inspection, keyBits, output);
                Show(forecasts, offer.Link, output);
            }

            return Task.CompletedTask;
        });
        return command;
    }

    private static void Show(Inspection inspection, int keyBits, Output output)
    {
        var table = new Table(
            "layer", "kind", ">outputs", ">macs", "?>non-zero", "?>bits", "?>values", "?strategy", ">products",
            ">bound");
        foreach (LayerReport layer in inspection.Layers)
        {
            table.Add(
                layer.Name,
                KindOf(layer.Kind, layer.Shift, layer.SaturationBits),
                Units.Count(layer.Outputs),
                Units.Count(layer.Macs),
                Units.Count(layer.Nnz),
                layer.WeightBits?.ToString() ?? "",
                layer.DistinctWeights is int distinct ? Units.Count(distinct) : "",
                layer.Strategy,
                Units.Count(layer.Products),
                layer.BoundBits.ToString());
        }

        output.Table(table);
        ShowPhases(inspection.Layers, output);
        Prediction cost = inspection.Predicted;
        output.Line(
            $"One inference under a key of {keyBits} bits, predicted: {InWords(cost)}, "
            + $"{Units.Count(cost.Products)} products, up to {Units.Bytes(cost.ServerMemoryBytes)} of ciphertexts "
            + "on the server");
        if (cost.Prepare is PhaseUse prepare && cost.Online is PhaseUse online)
        {
            output.Line($"of these, prepared before the input is known: {InWords(prepare)}");
            output.Line($"and online: {InWords(online)}");
        }
    }

    /// <summary>Where values are shared: how, and what each layer takes in either phase.</summary>
    private static void ShowPhases(IReadOnlyList<LayerReport> layers, Output output)
    {
        if (!layers.Any(layer => layer.RingBits is not null))
        {
            return;
        }

        var table = new Table(
            "layer", "?>ring", "?>guard", "?packing", "?>slots", "?>compared", ">prepare", ">in bytes", ">online",
            ">in bytes", ">rounds");
        foreach (LayerReport layer in layers)
        {
            AddPhases(
                table, [layer], layer.Name, layer.RingBits?.ToString() ?? "", layer.GuardBits?.ToString() ?? "",
                layer.PackedAs ?? "", layer.Slots?.ToString() ?? "",
                layer.Comparisons is long compared ? Units.Count(compared) : "");
        }

        foreach ((string name, Func<LayerReport, bool> has) in ((string, Func<LayerReport, bool>)[])
            [
                ("all linear", layer => layer.PackedAs is not null),
                ("all compared", layer => layer.Comparisons is not null),
                ("all others", layer => layer.PackedAs is null && layer.Comparisons is null),
            ])
        {
            AddPhases(table, [.. layers.Where(has)], name, "", "", "", "", "");
        }

        output.Table(table);
    }

    private static void AddPhases(Table table, IReadOnlyList<LayerReport> layers, params string[] first) =>
        table.Add([
            .. first,
            Units.Seconds(layers.Sum(layer => layer.PrepareSeconds ?? 0)),
            Units.Bytes(layers.Sum(layer => layer.PrepareBytes ?? 0)),
            Units.Seconds(layers.Sum(layer => layer.OnlineSeconds ?? 0)),
            Units.Bytes(layers.Sum(layer => layer.OnlineBytes ?? 0)),
            layers.Sum(layer => layer.Rounds ?? 0).ToString(),
        ]);

    /// <summary>Where there is a choice between families, what each will take and which one it is.</summary>
    private static void Show(IReadOnlyList<FamilyForecast> forecasts, NetworkLink link, Output output)
    {
        if (forecasts.Count == 1)
        {
            return;
        }

        foreach (FamilyForecast forecast in forecasts)
        {
            Prediction cost = forecast.Inspection.Predicted;
            output.Line(
                $"family {forecast.Family.Name}: {InWords(cost)}; {Units.Seconds(link.SecondsOf(cost))} over the link");
        }

        string bandwidth = link.Mbit == 0 ? "any number of" : $"{link.Mbit:0.###}";
        output.Line(
            $"With a delay of {link.DelayMilliseconds:0.###} ms and {bandwidth} megabits a second the family is "
            + $"{forecasts[0].Family.Name}; --delay, --bandwidth and --family say otherwise");
    }

    private static string InWords(Prediction cost) =>
        InWords(new PhaseUse(cost.Seconds, cost.BytesUp, cost.BytesDown, cost.Rounds));

    private static string InWords(PhaseUse use) =>
        $"{Units.Seconds(use.Seconds)}, {Units.Bytes(use.BytesUp)} up, {Units.Bytes(use.BytesDown)} down, "
        + $"{use.Rounds} rounds";

    /// <summary>A layer's kind as tables show it: with the bits that a shift drops and leaves.</summary>
    public static string KindOf(string kind, int? shift, int? saturationBits) =>
        kind + (shift is int dropped ? $" >>{dropped}" : "") + (saturationBits is int left ? $", {left} bits" : "");
}
