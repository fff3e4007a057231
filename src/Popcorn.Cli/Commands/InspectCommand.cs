using System.CommandLine;
using Popcorn.Cli.Data;
using Popcorn.Cli.Measurement;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Sessions;
using Spectre.Console;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn inspect</c>: what a model's oblivious inference will cost, layer by layer.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("model") { Description = "The integer network.", HelpName = "M.popcorn" };
        Option<int> bits = KeygenCommand.BitsOption();
        var measure = new Option<bool>("--measure")
        {
            Description =
                "Time this machine's arithmetic anew instead of trusting what was measured in the last 30 days.",
        };
        var command = new Command("inspect", "Show a model's layers and the predicted cost of an inference.")
        {
            file, bits, measure,
        };
        command.SetWork((parsed, output, _) =>
        {
            string path = parsed.GetRequiredValue(file);
            int keyBits = parsed.GetValue(bits);
            using var progress = new ProgressLine("compiling, timing the arithmetic");
            using var model = new ServedModel(Path.GetFileNameWithoutExtension(path), Files.LoadModel(path));
            Inspection inspection = OperationTimesCache.Inspect(model, keyBits, parsed.GetValue(measure));
            progress.Dispose();
            if (output.IsJson)
            {
                Output.WriteJson(
                    new InspectReport(
                        model.Network.Input.Shape.ToString(), inspection.Layers, inspection.Predicted, keyBits),
                    ReportJson.Default.InspectReport);
            }
            else
            {
                Show(inspection, keyBits, output);
            }

            return Task.CompletedTask;
        });
        return command;
    }

    private static void Show(Inspection inspection, int keyBits, Output output)
    {
        Table table = Tables.Create(
            "layer", "kind", ">outputs", ">macs", ">non-zero", ">bits", ">values", "strategy", ">products",
            ">bound bits");
        foreach (LayerReport layer in inspection.Layers)
        {
            table.AddCells(
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

        output.Screen.Write(table);
        Prediction cost = inspection.Predicted;
        output.Line(
            $"One inference under a key of {keyBits} bits, predicted: {Units.Seconds(cost.Seconds)}, "
            + $"{Units.Bytes(cost.BytesUp)} up, {Units.Bytes(cost.BytesDown)} down, {cost.Rounds} rounds, "
            + $"{Units.Count(cost.Products)} products, up to {Units.Bytes(cost.ServerMemoryBytes)} of ciphertexts "
            + "on the server");
    }

    /// <summary>A layer's kind as tables show it: with the bits that a shift drops and leaves.</summary>
    public static string KindOf(string kind, int? shift, int? saturationBits) =>
        kind + (shift is int dropped ? $" >>{dropped}" : "") + (saturationBits is int left ? $", {left} bits" : "");
}
