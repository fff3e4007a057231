namespace Popcorn.Engine.Import;

/// <summary>What the reader of a linear layer would like its steps to be; they may grow for it, by little.</summary>
internal abstract record StepDemand
{
    public static StepDemand None { get; } = new NoDemand();

    /// <summary>Steps that divide a number, so that it is an integer.</summary>
    public static StepDemand Dividing(double number) => new DividingDemand(number);

    /// <summary>Steps in a simple ratio with those of another value, channel by channel.</summary>
    public static StepDemand Matching(QuantizedValue other) => new MatchingDemand(other);

    /// <summary>A step that is hardly less than one, not much more, and meets the demand.</summary>
    public abstract double Above(double step, int channel);

    /// <summary>The step of a channel that is constant and has no step of its own.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="otherwise">Where the reader does not care.</param>
    public virtual double OfConstant(int channel, double otherwise) => otherwise;

    private sealed record NoDemand : StepDemand
    {
        public override double Above(double step, int channel) => step;
    }

    private sealed record DividingDemand(double Number) : StepDemand
    {
        public override double Above(double step, int channel) =>
            step < Number ? Number / Math.Floor(Number / step) : step;
    }

    private sealed record MatchingDemand(QuantizedValue Other) : StepDemand
    {
        /// <summary>What a step may lose for the sake of small factors.</summary>
        private const double Most = 1.15;

        private const int LargestFactor = 8;

        public override double Above(double step, int channel)
        {
            if (Other.IsConstant(channel))
            {
                return step;
            }

            double scale = Other.Scales[channel];
            for (int factor = 1; factor <= LargestFactor; factor++)
            {
                // step : scale = factor : parts, or the other way round.
                double parts = Math.Floor(factor * scale / step);
                double above = parts >= 1 && factor * scale / parts <= Most * step
                    ? factor * scale / parts
                    : scale * Math.Ceiling(step * factor / scale) / factor;
                if (above <= Most * step)
                {
                    return above;
                }
            }

            return step;
        }

        public override double OfConstant(int channel, double otherwise) =>
            Other.IsConstant(channel) ? otherwise : Other.Scales[channel];
    }
}
