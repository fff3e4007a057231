using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>How a floating-point network becomes an integer network.</summary>
public sealed record ImportOptions
{
    /// <summary>Most bits that weights are rounded to.</summary>
    public const int MostWeightBits = 12;

    /// <summary>Bits of a weight, sign included: 1…12; 1: plus or minus the mean magnitude of its channel.</summary>
    public int WeightBits { get; init; } = 8;

    /// <summary>Least share of the weights that shall be zero, 0…1 (1 excluded); the smallest are pruned.</summary>
    public double Sparsity { get; init; }

    /// <summary>The same for single layers by their nodes' names, pruned each for itself before all are.</summary>
    public IReadOnlyDictionary<string, double> LayerSparsity { get; init; } = new Dictionary<string, double>();

    /// <summary>An integer of the input enters the network as (integer × this − mean) / deviation.</summary>
    public double InputScale { get; init; } = 1 / 255.0;

    /// <summary>See <see cref="InputScale"/>: one for all channels, one for each, or none for 0.</summary>
    public IReadOnlyList<double> InputMeans { get; init; } = [];

    /// <summary>See <see cref="InputScale"/>: one for all channels, one for each, or none for 1.</summary>
    public IReadOnlyList<double> InputDeviations { get; init; } = [];

    /// <summary>The order of an image's channels.</summary>
    public ChannelOrder InputOrder { get; init; }

    /// <summary>Least integer of the input.</summary>
    public int InputMinimum { get; init; }

    /// <summary>Greatest integer of the input.</summary>
    public int InputMaximum { get; init; } = 255;

    /// <summary>
    /// Steps of the staircase that stands for a bounded activation such as tanh, 1…255: more are closer to it, and each
    /// is one comparison a neuron.
    /// </summary>
    public int ActivationSteps { get; init; } = 15;

    /// <summary>
    /// Bits that values of typical size keep, 8…64: where they have grown to twice as many, they are rescaled and
    /// rounded, and the network is no longer exact (<see cref="RescaleLayer"/>). 0, the default: never.
    /// </summary>
    public int RescaleBits { get; init; }

    /// <summary>
    /// Bits that activations keep, 2…16: what has more is shifted right and cut off before it is multiplied
    /// (<see cref="ShiftLayer"/>), as part of the integer network, so that values stay small however deep it is. 0, the
    /// default: all bits.
    /// </summary>
    public int ActivationBits { get; init; }

    /// <summary>
    /// Sample data for what the network takes, as its integers: weights are then rounded so that each layer's outputs
    /// change least on it, and biases take back what rounding adds on average. None: to the nearest.
    /// </summary>
    public Func<InputDescription, IReadOnlyList<int[]>>? Samples { get; init; }

    /// <summary>Which of the network's outputs holds the class scores; null: its only one.</summary>
    public string? Output { get; init; }

    /// <summary>
    /// The folder of the network's file, where weights in files of their own lie; null: such files are not read.
    /// </summary>
    public string? Folder { get; init; }

    /// <summary>Takes one line for each liberty the import took, such as a final Softmax that it dropped.</summary>
    public Action<string>? Report { get; init; }

    /// <summary>
    /// Takes how far the integer network is from the floating-point one, measured on <see cref="Samples"/>, or on
    /// generated images where there are none. None: nothing is measured.
    /// </summary>
    public Action<ImportFidelity>? Measured { get; init; }

    /// <summary>
    /// Told how far a stage of the import is: done, in all, the stage at hand. Several threads may call it at once.
    /// </summary>
    public Action<int, int, string>? Progress { get; init; }

    /// <summary>The input of a network that takes a shape.</summary>
    internal InputDescription InputOf(Shape shape) => new(shape, InputMinimum, InputMaximum, InputScale, InputOrder);

    /// <summary>By channel of the input: its real value is integer × scale + offset.</summary>
    internal (double[] Scales, double[] Offsets) InputScales(int channels)
    {
        double[] means = PerChannel(InputMeans, 0, channels, "mean");
        double[] deviations = PerChannel(InputDeviations, 1, channels, "deviation");
        return ([.. deviations.Select(d => InputScale / d)], [.. means.Zip(deviations, (m, d) => -m / d)]);
    }

    internal void Validate()
    {
        Require(
            WeightBits is >= 1 and <= MostWeightBits,
            $"Weights of {WeightBits} bits cannot be made; choose 1 to {MostWeightBits}.");
        foreach (double sparsity in LayerSparsity.Values.Prepend(Sparsity))
        {
            Require(
                sparsity is >= 0 and < 1,
                $"A sparsity of {sparsity} cannot be reached; choose 0 or more, less than 1.");
        }

        Require(
            RescaleBits is 0 or (>= 8 and <= 64),
            $"Values cannot be rescaled to {RescaleBits} bits; choose 8 to 64, or 0 for never.");
        Require(
            ActivationBits is 0 or (>= 2 and <= 16),
            $"Activations cannot keep {ActivationBits} bits; choose 2 to 16, or 0 for all.");
        Require(
            ActivationBits == 0 || RescaleBits == 0, "Activations are either shifted or rescaled; choose one.");
        Require(
            ActivationSteps is >= 1 and <= 255,
            $"Activations of {ActivationSteps} steps cannot be made; choose 1 to 255.");
        Require(
            double.IsNormal(InputScale) && InputScale > 0, $"The input scale {InputScale} is not a positive number.");
        Require(
            InputMeans.All(double.IsFinite) && InputDeviations.All(d => double.IsNormal(d) && d > 0),
            "The input's means are no numbers, or its deviations not positive.");
        Require(InputMinimum < InputMaximum, $"The input range {InputMinimum}…{InputMaximum} is empty.");
    }

    private static double[] PerChannel(IReadOnlyList<double> given, double otherwise, int channels, string what) =>
        given.Count switch
        {
            0 => [.. Enumerable.Repeat(otherwise, channels)],
            1 => [.. Enumerable.Repeat(given[0], channels)],
            _ when given.Count == channels => [.. given],
            _ => throw new PopcornException(
                $"{given.Count} numbers are given as the input's {what} and it has {channels} channels; give one, or "
                + "one for each channel."),
        };

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new PopcornException(otherwise);
        }
    }
}
