using Popcorn.Engine.Import;

namespace Popcorn.Cli.Commands;

/// <summary>What import says of how far the integer network is from the floating-point one.</summary>
internal static class FidelityText
{
    /// <summary>The result, in a line.</summary>
    public static string Summary(ImportFidelity fidelity)
    {
        string images = fidelity.AreGenerated ? "generated images" : "calibration images";
        string more = fidelity.AreGenerated ? "; real images (--calibration) tell more" : "";
        return $"logits: cosine {Cosine(fidelity.MeanCosine)} with the float network's on {fidelity.Images} {images} "
            + $"(worst layer '{fidelity.WorstLayer}': {Cosine(fidelity.WorstLayerCosine)}), labels agree on "
            + $"{fidelity.Agreement * 100:0.#} %{more}";
    }

    /// <summary>What is wrong with a network that is too far away, and what to do about it.</summary>
    public static string Warning(ImportFidelity fidelity, ImportOptions options)
    {
        (string cause, string? remedy) = Explain(fidelity, options);
        string proof = fidelity.AreGenerated
            ? "import it with --calibration on real images"
            : "measure its accuracy with --data on labelled images";
        return "the integer network is far from the float network: the cosine of their logits is "
            + $"{Cosine(fidelity.MeanCosine)}, labels agree on {fidelity.Agreement * 100:0.#} %; {cause}. Before you "
            + $"deploy it, {(remedy is null ? proof : $"{remedy}, or {proof}")}.";
    }

    /// <summary>The step of the import that loses most, and which option makes it lose less.</summary>
    private static (string Cause, string? Remedy) Explain(ImportFidelity fidelity, ImportOptions options)
    {
        double byPruning = 1 - fidelity.PrunedCosine;
        double byRounding = fidelity.PrunedCosine - fidelity.RoundedCosine;
        double byRest = fidelity.RoundedCosine - fidelity.MeanCosine;
        string? moreBits = options.WeightBits < ImportOptions.MostWeightBits ? "give it more --weight-bits" : null;
        if (byPruning >= Math.Max(byRounding, byRest))
        {
            return options.Sparsity > 0 || options.LayerSparsity.Count > 0
                ? ($"pruning alone leaves {Cosine(fidelity.PrunedCosine)}", "prune less by --sparsity")
                : ($"what stands for its activations alone leaves {Cosine(fidelity.PrunedCosine)}",
                    "give them more --activation-steps");
        }

        return byRounding >= byRest
            ? ($"rounding its weights alone leaves {Cosine(fidelity.RoundedCosine)}", moreBits)
            : ($"its layer '{fidelity.WorstLayer}' is farthest from it, {Cosine(fidelity.WorstLayerCosine)}",
                options.RescaleBits > 0 ? "give more bits to --rescale"
                : options.ActivationBits > 0 ? "give it more --activation-bits"
                : moreBits);
    }

    private static string Cosine(double cosine) => $"{cosine:0.0000}";
}
