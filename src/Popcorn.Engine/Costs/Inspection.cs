using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Costs;

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
/// <param name="Shift">Bits that it drops, where it rescales or shifts.</param>
/// <param name="SaturationBits">Bits that a shift leaves at most, where it saturates.</param>
public sealed record LayerReport(
    string Name, string Kind, int Outputs, long Macs, int Nnz, string Strategy, long Products, int BoundBits,
    int? WeightBits = null, int? DistinctWeights = null, int? Shift = null, int? SaturationBits = null);

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
    long ServerMemoryBytes)
{
    /// <summary>Of all that, what is done before the input is known; null where all of it is online.</summary>
    public PhaseUse? Prepare { get; init; }

    /// <summary>What is done with the input, where there is a phase before it.</summary>
    public PhaseUse? Online { get; init; }
}

/// <summary>What the parties of an inference have to work with.</summary>
/// <param name="KeyBits">Bits of the client's key.</param>
/// <param name="Times">How long operations take on this machine.</param>
/// <param name="Cores">Cores that the two parties share.</param>
/// <param name="Threads">Threads of each party; 0: one for each core.</param>
public sealed record InspectionConditions(int KeyBits, OperationTimes Times, int Cores, int Threads = 0)
{
    /// <summary>What the key's randomness is drawn from.</summary>
    public KeyOrder KeyOrder { get; init; }
}

/// <summary>A model's layers and what an inference with it will cost, before any ciphertext is made.</summary>
public sealed record Inspection(IReadOnlyList<LayerReport> Layers, Prediction Predicted)
{
    /// <summary>Inspects a model as a family serves it.</summary>
    /// <param name="network">The network.</param>
    /// <param name="model">The model.</param>
    /// <param name="conditions">Key, machine, threads.</param>
    /// <param name="images">Images that the inference classifies at once.</param>
    internal static Inspection Of(
        IntegerNetwork network, ServerModel model, InspectionConditions conditions, int images = 1)
    {
        Plan plan = model.PlanFor(conditions.KeyBits, images, conditions.KeyOrder);
        StepCost offline = plan.CostOf(Phase.Offline), online = plan.CostOf(Phase.Online);
        var layers = new LayerReport[network.Layers.Count];
        for (int i = 0; i < layers.Length; i++)
        {
            (string strategy, double products) = model.Inspect(plan, i);
            PlanStep[] steps = [.. plan.Steps.Where(step => step.Layer == i)];
            StepCost weighed = StepCost.None with { Server = new Work((Operation.Product, images * products)) };

            // Products by weights are the first thing that a layer takes.
            if (steps is [{ Phase: Phase.Offline }, ..])
            {
                offline += weighed;
            }
            else
            {
                online += weighed;
            }

            products += steps.Sum(step => step.Cost.Server.Products);
            PublicLayer described = plan.Network.Layers[i];
            layers[i] = Report(network, i, strategy, (long)products, described.BoundBits) with
            {
                Shift = described.Shift > 0 ? described.Shift : null,
                SaturationBits = described.SaturationBits > 0 ? described.SaturationBits : null,
            };
        }

        PhaseUse prepare = Predict(offline, plan.RoundsOf(Phase.Offline), conditions);
        PhaseUse answer = Predict(online, plan.RoundsOf(Phase.Online), conditions);
        PhaseUse all = prepare + answer;
        Work server = (offline + online).Server, client = (offline + online).Client;
        return new Inspection(layers, new Prediction(
            all.Seconds, server.Seconds(conditions.Times.SecondsOf), client.Seconds(conditions.Times.SecondsOf),
            all.BytesUp, all.BytesDown, all.Rounds, (long)server.Products, QueryMemory.Of(plan, model))
        {
            Prepare = plan.HasOfflineSteps ? prepare : null,
            Online = plan.HasOfflineSteps ? answer : null,
        });
    }

    /// <summary>What a phase will take.</summary>
    private static PhaseUse Predict(StepCost cost, int rounds, InspectionConditions conditions)
    {
        // The server works from beginning to end, the client beside it where there are cores for both.
        OperationTimes times = conditions.Times;
        int cores = conditions.Cores;
        double server = cost.Server.Seconds(times.SecondsOf);
        double client = cost.Client.Seconds(times.SecondsOf);
        int threads = conditions.Threads == 0 ? cores : conditions.Threads;
        double seconds = Math.Max((server + client) / cores, server / threads);

        // Once in every round with packed ciphertexts the other cores wait for one that makes or opens a group of them.
        if (cost.Client[Operation.Decrypt] > 0)
        {
            double group = times.Lanes * (conditions.KeyBits * times.Square + times.Rerandomise + times.Decrypt);
            seconds += rounds * group * (1 - 1.0 / cores);
        }

        return new PhaseUse(seconds, cost.BytesUp, cost.BytesDown, rounds);
    }

    private static LayerReport Report(IntegerNetwork network, int i, string strategy, long products, int bits)
    {
        Layer layer = network.Layers[i];
        var report = new LayerReport(layer.Name, layer.KindName, layer.Output.Size, 0, 0, strategy, products, bits);
        if (layer is not LinearLayer linear)
        {
            return report;
        }

        report = report with { Macs = linear.MultiplyAccumulates(network.ShapeOf(layer.Input)) };
        return linear.IsPool
            ? report
            : report with
            {
                Nnz = linear.NonZero,
                WeightBits = linear.WeightBits,
                DistinctWeights = linear.DistinctWeights,
            };
    }
}
