using System.Text.Json.Serialization;
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
internal sealed record LayerReport(
    string Name, string Kind, int Outputs, long Macs, int Nnz, string Strategy, long Products, int BoundBits,
    int? WeightBits = null, int? DistinctWeights = null, int? Shift = null, int? SaturationBits = null)
{
    /// <summary>Its result is shared modulo 2^RingBits, where values are shared.</summary>
    public int? RingBits { get; init; }

    /// <summary>Bits of that below the number itself.</summary>
    public int? GuardBits { get; init; }

    /// <summary>Which numbers share ciphertexts, where some do.</summary>
    [JsonPropertyName("packing")]
    public string? PackedAs { get; init; }

    /// <summary>Numbers of a ciphertext.</summary>
    public int? Slots { get; init; }

    /// <summary>Comparisons that take tickets, of all images.</summary>
    public long? Comparisons { get; init; }

    /// <summary>Seconds before the input is known, where there is such a phase.</summary>
    public double? PrepareSeconds { get; init; }

    /// <summary>Seconds with the input.</summary>
    public double? OnlineSeconds { get; init; }

    /// <summary>Bytes both ways before the input is known.</summary>
    public long? PrepareBytes { get; init; }

    /// <summary>Bytes both ways with the input.</summary>
    public long? OnlineBytes { get; init; }

    /// <summary>Round trips of both phases.</summary>
    public int? Rounds { get; init; }
}

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
internal sealed record Prediction(
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
internal sealed record InspectionConditions(int KeyBits, OperationTimes Times, int Cores, int Threads = 0)
{
    /// <summary>What the key's randomness is drawn from.</summary>
    public KeyOrder KeyOrder { get; init; }
}

/// <summary>A model's layers and what an inference with it will cost, before any ciphertext is made.</summary>
internal sealed record Inspection(IReadOnlyList<LayerReport> Layers, Prediction Predicted)
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
        var costs = new Dictionary<PlanStep, StepCost>(ReferenceEqualityComparer.Instance);
        foreach (PlanStep step in plan.Steps)
        {
            costs[step] = step.CostIn(conditions.Times.Lanes) + OfServer(model.WorkOfWeights(plan, step));
        }

        StepCost before = StepCost.None; // what no step of a layer stands for
        var layers = new LayerReport[network.Layers.Count];
        for (int i = 0; i < layers.Length; i++)
        {
            (string strategy, double products) = model.Inspect(plan, i);
            PlanStep[] steps = [.. plan.Steps.Where(step => step.Layer == i)];
            StepCost weighed = OfServer(new Work((Operation.Product, images * products)));

            // Products by weights are the first thing that a layer takes.
            if (steps.Length > 0)
            {
                costs[steps[0]] += weighed;
            }
            else
            {
                before += weighed;
            }

            products += steps.Sum(step => step.Cost.Server.Products);
            PublicLayer described = plan.Network.Layers[i];
            layers[i] = Report(network, i, strategy, (long)products, described.BoundBits) with
            {
                Shift = described.Shift > 0 ? described.Shift : null,
                SaturationBits = described.SaturationBits > 0 ? described.SaturationBits : null,
            };
        }

        var forecast = new PhaseForecast(plan, costs, conditions);
        for (int i = 0; i < layers.Length && plan.HasOfflineSteps; i++)
        {
            PhaseUse early = forecast.Of(Phase.Offline, i), late = forecast.Of(Phase.Online, i);
            LayerFacts? facts = model.FactsOf(plan, i);
            layers[i] = layers[i] with
            {
                RingBits = facts?.RingBits,
                GuardBits = facts?.GuardBits,
                PackedAs = facts?.PackedAs,
                Slots = facts?.Slots,
                Comparisons = facts?.Comparisons,
                PrepareSeconds = early.Seconds,
                OnlineSeconds = late.Seconds,
                PrepareBytes = early.BytesUp + early.BytesDown,
                OnlineBytes = late.BytesUp + late.BytesDown,
                Rounds = early.Rounds + late.Rounds,
            };
        }

        PhaseUse prepare = forecast.Of(Phase.Offline), answer = forecast.Of(Phase.Online, beside: before);
        PhaseUse all = prepare + answer;
        StepCost cost = costs.Values.Aggregate(before, (sum, of) => sum + of);
        return new Inspection(layers, new Prediction(
            all.Seconds, cost.Server.Seconds(conditions.Times.SecondsOf),
            cost.Client.Seconds(conditions.Times.SecondsOf), all.BytesUp, all.BytesDown, all.Rounds,
            (long)cost.Server.Products, QueryMemory.Of(plan, model))
        {
            Prepare = plan.HasOfflineSteps ? prepare : null,
            Online = plan.HasOfflineSteps ? answer : null,
        });
    }

    private static StepCost OfServer(Work work) => StepCost.None with { Server = work };

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
