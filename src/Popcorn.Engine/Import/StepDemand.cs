namespace Popcorn.Engine.Import;

/// <summary>What the reader of a linear layer would like its steps to be; they may grow for it, by little.</summary>
internal abstract record StepDemand
{
    public static StepDemand None { get; } = new NoDemand();

    /// <summary>Steps that divide a number, so that it is an integer.</summary>
    public static StepDemand Dividing(double number) => new DividingDemand(number);

    /// <summary>Steps in a whole ratio with those of another value, channel by channel.</summary>
    public static StepDemand Matching(double[] scales) => new MatchingDemand(scales);

    /// <summary>The least step that is not less than one and meets the demand.</summary>
    public abstract double Above(double step, int channel);

    private sealed record NoDemand : StepDemand
    {
        public override double Above(double step, int channel) => step;
    }

    private sealed record DividingDemand(double Number) : StepDemand
    {
        public override double Above(double step, int channel) =>
            step < Number ? Number / Math.Floor(Number / step) : step;
    }

    private sealed record MatchingDemand(double[] Scales) : StepDemand
    {
        public override double Above(double step, int channel) => step <= Scales[channel]
            ? Scales[channel] / Math.Floor(Scales[channel] / step)
            : Scales[channel] * Math.Ceiling(step / Scales[channel]);
    }
}
