namespace Popcorn.Engine.Import;

/// <summary>What each channel of a node's value was on some images.</summary>
/// <param name="RootMeanSquares">By channel.</param>
/// <param name="Means">By channel.</param>
/// <param name="Minima">By channel.</param>
/// <param name="Maxima">By channel.</param>
/// <param name="Values">
/// [channel][sample]: some of the values, spread over positions and images; a sample's number stands for the same image
/// and position in all channels.
/// </param>
internal sealed record ChannelStatistics(
    double[] RootMeanSquares, double[] Means, double[] Minima, double[] Maxima, float[][] Values);
