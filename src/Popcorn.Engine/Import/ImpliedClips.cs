namespace Popcorn.Engine.Import;

/// <summary>
/// Takes away what clips and rectifiers cut off where nothing is: the saturation of a quantized network often lies
/// beyond all that its values can be. Each end of a clip is a comparison.
/// </summary>
internal static class ImpliedClips
{
    /// <summary>How far beyond an end, as a share of the range, values may be: single precision loses it.</summary>
    private const double Tolerance = 1e-6;

    public static FloatNode Drop(FloatNode output, ImportOptions options)
    {
        var ranges = new Ranges(options);
        return FloatGraph.Rewritten(output, node => node switch
        {
            FloatRelu when ranges.Of(node.Source).Low >= 0 => node.Source,
            FloatClip clip => Needed(clip, ranges.Of(clip.Source)),
            _ => node,
        });
    }

    private static FloatNode Needed(FloatClip clip, RealRange range)
    {
        double slack = Tolerance * (clip.High - clip.Low);
        bool cutsLow = range.Low < clip.Low - (double.IsFinite(slack) ? slack : 0);
        bool cutsHigh = double.IsFinite(clip.High) && range.High > clip.High + slack;
        return (cutsLow, cutsHigh) switch
        {
            (false, false) => clip.Source,
            (true, false) when clip.Low == 0 => new FloatRelu(clip.Name, clip.Source),
            (true, false) => new FloatClip(clip.Name, clip.Source, clip.Low, double.PositiveInfinity),
            (false, true) => FloatClip.AtMost(clip.Name, clip.Source, clip.High),
            _ => clip,
        };
    }
}
