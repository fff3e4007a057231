using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;

namespace Popcorn.Engine.Planning;

/// <summary>One layer of a model as <c>inspect</c> shows it.</summary>
/// <param name="Name">The node's name.</param>
/// <param name="Kind">The layer's kind.</param>
/// <param name="Outputs">Elements of its result.</param>
/// <param name="Macs">Multiply-accumulates, zero weights counted; padding not.</param>
/// <param name="Nnz">Weights that are not zero; pools have none.</param>
/// <param name="Strategy">How it is computed.</param>
/// <param name="Products">Products modulo n²: exact for linear layers, expected for rounds.</param>
/// <param name="BoundBits">Every result x has |x| &lt; 2^BoundBits.</param>
/// <param name="WeightBits">Bits of its weights, sign included, where it has any.</param>
/// <param name="DistinctWeights">Different weights, where it has any.</param>
public sealed record LayerReport(
    string Name, string Kind, int Outputs, long Macs, int Nnz, string Strategy, long Products, int BoundBits,
    int? WeightBits = null, int? DistinctWeights = null);

/// <summary>What one inference will cost.</summary>
/// <param name="Seconds">Both parties on this machine.</param>
/// <param name="ServerSeconds">The server's work, in seconds of one core.</param>
/// <param name="ClientSeconds">The client's work, in seconds of one core.</param>
/// <param name="BytesUp">From client to server.</param>
/// <param name="BytesDown">From server to client.</param>
/// <param name="Rounds">Round trips.</param>
/// <param name="Products">Products modulo n² on the server.</param>
/// <param name="ServerMemoryBytes">
/// The most that a query's ciphertexts take on the server; its tables, 43 MB at most under a key of 2048 bits, and the
/// model come on top.
/// </param>
public sealed record Prediction(
    double Seconds, double ServerSeconds, double ClientSeconds, long BytesUp, long BytesDown, int Rounds, long Products,
    long ServerMemoryBytes);

/// <summary>A model's layers and what an inference with it will cost, before any ciphertext is made.</summary>
public sealed record Inspection(IReadOnlyList<LayerReport> Layers, Prediction Predicted)
{
    /// <summary>Inspects a compiled model for a key size.</summary>
    /// <param name="model">The model.</param>
    /// <param name="keyBits">Bits of the clients' keys.</param>
    /// <param name="times">Kernel times of this machine.</param>
    /// <param name="cores">Cores that the two parties share.</param>
    /// <param name="threads">Threads of each party; 0: one for each core.</param>
    /// <param name="images">Images that the inference classifies at once.</param>
    public static Inspection Of(
        ServedModel model, int keyBits, KernelTimes times, int cores, int threads = 0, int images = 1)
    {
        Plan plan = model.PlanFor(keyBits, images);
        IntegerNetwork network = model.Network;
        var layers = new LayerReport[network.Layers.Count];
        StepCost total = StepCost.None;
        for (int i = 0; i < layers.Length; i++)
        {
            layers[i] = Report(model, plan, i);
        }

        foreach (PlanStep step in plan.Steps)
        {
            total += step is LocalStep
                ? StepCost.None with { Products = (double)images * layers[step.Layer].Products }
                : StepCost.Of(step, keyBits);
        }

        // The server works from beginning to end, the client beside it where there are cores for both.
        double server = total.ServerSeconds(times);
        double client = total.ClientSeconds(times);
        double seconds = Math.Max((server + client) / cores, server / (threads == 0 ? cores : threads));

        // Once in every round the other cores wait for one that makes or opens a group of packed ciphertexts.
        double group = times.Lanes * (keyBits * times.Square + times.Rerandomise + times.Decrypt);
        seconds += plan.Rounds * group * (1 - 1.0 / cores);
        return new Inspection(layers, new Prediction(
            seconds, server, client, total.BytesUp, total.BytesDown, plan.Rounds, (long)total.Products,
            QueryMemory.Of(plan)));
    }

    private static LayerReport Report(ServedModel model, Plan plan, int i)
    {
        Layer layer = model.Network.Layers[i];
        int bits = model.Public.Layers[i].BoundBits;
        if (layer is LinearLayer linear)
        {
            var compiled = model.LinearAt(i);
            bool isPool = linear.IsPool;
            return new LayerReport(
                layer.Name, layer.Kind, layer.Output.Size, MacsOf(linear, model.Network.ShapeOf(layer.Input)),
                isPool ? 0 : linear.NonZero, compiled.Strategy, compiled.Products, bits,
                isPool ? null : linear.WeightBits, isPool ? null : linear.DistinctWeights);
        }

        if (layer is AddLayer or ConcatLayer)
        {
            return layer is AddLayer
                ? new LayerReport(
                    layer.Name, layer.Kind, layer.Output.Size, 0, 0, model.LinearAt(i).Strategy,
                    model.LinearAt(i).Products, bits)
                : new LayerReport(layer.Name, layer.Kind, layer.Output.Size, 0, 0, "side by side", 0, bits);
        }

        RoundStep[] rounds = [.. plan.Steps.OfType<RoundStep>().Where(s => s.Layer == i)];
        string strategy = rounds.Length == 0
            ? "nothing to compare"
            : $"{rounds.Length} round{(rounds.Length == 1 ? "" : "s")}, {rounds.Sum(r => r.Items)} items, "
                + $"{rounds[0].Layout.ItemsPerCiphertext} a ciphertext";
        double products = rounds.Sum(r => StepCost.Of(r, plan.KeyBits).Products);
        return new LayerReport(layer.Name, layer.Kind, layer.Output.Size, 0, 0, strategy, (long)products, bits);
    }

    private static long MacsOf(LinearLayer layer, Shape input)
    {
        long seen = 0;
        for (int position = 0; position < layer.Output.Area; position++)
        {
            for (int tap = 0; tap < layer.Window.Taps; tap++)
            {
                seen += layer.Window.Position(position, tap, input) >= 0 ? 1 : 0;
            }
        }

        return seen * (layer.Fan / layer.Window.Taps) * layer.Output.Channels;
    }
}
