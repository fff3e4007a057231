using System.Globalization;

namespace Popcorn.Engine.Tests.Import;

/// <summary>What is peculiar about the layers of a random network; most of it is left out of most networks.</summary>
internal sealed record NetworkTraits
{
    public enum Activations
    {
        Relu,

        /// <summary>ReLU that ends at 6.</summary>
        Relu6,

        LeakyRelu,

        Square,
    }

    public enum Norms
    {
        None,

        /// <summary>Statistics as training leaves them.</summary>
        Usual,

        /// <summary>Variances many orders apart, and channels whose scale is nearly 0.</summary>
        Extreme,
    }

    public Activations Activation { get; init; }

    public Norms BatchNorm { get; init; }

    /// <summary>Share of weights that are zero.</summary>
    public double Sparsity { get; init; }

    /// <summary>Whether the smallest are, and not any.</summary>
    public bool IsPrunedByMagnitude { get; init; }

    /// <summary>Share of weights that training let decay to 1e-41.</summary>
    public double Decayed { get; init; }

    /// <summary>Share of channels with a single weight.</summary>
    public double OneWeight { get; init; }

    /// <summary>Share of channels without weights: half of them constant, half of them dead.</summary>
    public double NoWeights { get; init; }

    /// <summary>Share of channels whose bias dwarfs their weights, either way.</summary>
    public double BigBiases { get; init; }

    /// <summary>Powers of ten by which layers may be larger or smaller than usual.</summary>
    public double LayerGain { get; init; }

    /// <summary>The same for the channels of a layer.</summary>
    public double ChannelGain { get; init; }

    /// <summary>Whether the next layer undoes the gains, so that small channels matter as much as large ones.</summary>
    public bool IsCompensated { get; init; }

    /// <summary>The largest of the integers that weights are multiples of one number by; 0: weights are real.</summary>
    public int Lattice { get; init; }

    public static NetworkTraits Draw(Random random, Activations activation)
    {
        bool bends = activation is Activations.Relu6 or Activations.Square;
        return new NetworkTraits
        {
            Activation = activation,
            BatchNorm = Sometimes(0.35, Norms.None, Norms.Usual, Norms.Extreme),
            Sparsity = Sometimes(0.5, 0, 0.3, 0.6, 0.8, 0.9, 0.95),
            IsPrunedByMagnitude = random.Next(2) == 0,
            Decayed = Sometimes(0.15, 0, 0.1, 0.5),
            OneWeight = Sometimes(0.25, 0, 0.1, 0.25, 0.5),
            NoWeights = Sometimes(0.25, 0, 0.1, 0.25),
            BigBiases = Sometimes(0.25, 0, 0.1, 0.3),
            // What bends must not be left for good.
            LayerGain = Sometimes<double>(0.3, 0, bends ? [0.3, 0.5] : [1, 3]),
            ChannelGain = Sometimes<double>(0.3, 0, bends ? [0.3, 0.5] : [0.5, 1, 3]),
            IsCompensated = random.Next(2) == 0,
            Lattice = Sometimes(0.2, 0, 1, 2, 7),
        };

        T Sometimes<T>(double chance, T otherwise, params T[] values) =>
            random.NextDouble() < chance ? values[random.Next(values.Length)] : otherwise;
    }

    /// <summary>Real numbers, or small integers, channel by channel.</summary>
    public double[] Weights(Random random, int outputs, int each)
    {
        double[] weights = [.. Enumerable.Range(0, outputs * each).Select(_ => Lattice switch
        {
            0 => Normal(random),
            1 => random.Next(2) == 0 ? 1 : -1,
            _ => random.Next(-Lattice, Lattice + 1),
        })];
        double least = IsPrunedByMagnitude
            ? weights.Select(Math.Abs).Order().ElementAt((int)(Sparsity * weights.Length))
            : 0;
        for (int i = 0; i < weights.Length; i++)
        {
            bool goes = IsPrunedByMagnitude ? Math.Abs(weights[i]) < least : random.NextDouble() < Sparsity;
            weights[i] = goes ? 0 : weights[i];
        }

        for (int o = 0; o < outputs; o++)
        {
            double kind = random.NextDouble();
            int kept = kind < OneWeight ? random.Next(each) : -1;
            Span<double> channel = weights.AsSpan(o * each, each);
            for (int i = 0; i < each && kind < OneWeight + NoWeights; i++)
            {
                channel[i] = i != kept ? 0 : channel[i] != 0 ? channel[i] : 1;
            }
        }

        return weights;
    }

    public static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    public override string ToString()
    {
        var words = new List<string> { Activation.ToString() };
        Add(BatchNorm != Norms.None, $"batch norm {BatchNorm}");
        Add(Sparsity > 0, $"pruned {Sparsity}{(IsPrunedByMagnitude ? " by magnitude" : "")}");
        Add(Decayed > 0, $"decayed {Decayed}");
        Add(OneWeight > 0, $"one weight {OneWeight}");
        Add(NoWeights > 0, $"no weights {NoWeights}");
        Add(BigBiases > 0, $"big biases {BigBiases}");
        Add(LayerGain > 0, $"layer gains 10^±{LayerGain}");
        Add(ChannelGain > 0, $"channel gains 10^±{ChannelGain}");
        Add(IsCompensated && LayerGain + ChannelGain > 0, $"compensated");
        Add(Lattice > 0, $"multiples to {Lattice}");
        return string.Join(", ", words);

        void Add(bool holds, FormattableString word)
        {
            if (holds)
            {
                words.Add(word.ToString(CultureInfo.InvariantCulture));
            }
        }
    }
}
