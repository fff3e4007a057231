namespace Popcorn.Engine.Import;

/// <summary>
/// How far an integer network is from the floating-point network that it was made of. Cosines are those of the angle
/// between both networks' values about their mean: 1 where they differ by a scale and an offset alone.
/// </summary>
/// <param name="Images">Images that both ran on.</param>
/// <param name="AreGenerated">Whether these were generated, for lack of sample data.</param>
/// <param name="MeanCosine">
/// Cosine of the logits, about the mean over the classes: mean over the images. Of one or two logits, which have no
/// angle but 0 and 180 degrees, that of all images at once.
/// </param>
/// <param name="WorstCosine">The least over the images.</param>
/// <param name="Agreement">Share of the images with the same label.</param>
/// <param name="PrunedCosine">
/// Mean cosine of the floating-point network's logits once it is pruned and staircases stand for its activations: what
/// is lost by these alone.
/// </param>
/// <param name="RoundedCosine">
/// The same once its weights are rounded to the wanted bits as well, channel by channel, and nothing else is done.
/// </param>
/// <param name="WorstLayer">The layer whose values are farthest from those of the pruned network.</param>
/// <param name="WorstLayerCosine">Their cosine.</param>
public sealed record ImportFidelity(
    int Images,
    bool AreGenerated,
    double MeanCosine,
    double WorstCosine,
    double Agreement,
    double PrunedCosine,
    double RoundedCosine,
    string WorstLayer,
    double WorstLayerCosine)
{
    // Networks whose weights are rounded to 8 bits and nothing else stay above 0.99, few of them fall to 0.95, and
    // their accuracy hardly moves; import that goes wrong ends far below. Labels alone prove little: on images that
    // mean nothing to a network two classes often score alike, and the least error decides between them.
    private const double LeastCosine = 0.95;
    private const double LeastAgreement = 0.9;
    private const double SureCosine = 0.98;

    /// <summary>Whether the networks are so far apart that the integer one should not be used unseen.</summary>
    public bool IsBad =>
        !(MeanCosine >= LeastCosine && (Agreement >= LeastAgreement || MeanCosine >= SureCosine));
}
