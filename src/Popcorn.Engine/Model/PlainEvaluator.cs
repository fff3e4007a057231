using System.Numerics;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Model;

/// <summary>
/// Evaluates an integer network in plaintext, exactly: the oracle of oblivious inference and the measure of a
/// network's accuracy. Every layer runs in the narrowest of <see cref="int"/>, <see cref="long"/>,
/// <see cref="Int128"/> and <see cref="BigInteger"/> that its static bounds allow. Safe for use by several threads.
/// </summary>
public sealed class PlainEvaluator
{
    /// <summary>Most images that share one pass; enough to fill vectors of the widest machines twice.</summary>
    private const int MaxTile = 32;

    /// <summary>Most elements that one value of a tile should have: about what two cores' caches forgive.</summary>
    private const int TileElements = 1 << 22;

    private readonly Step[] _steps;
    private readonly int[] _lastUse;
    private readonly int _tile;

    /// <summary>Compiles a network.</summary>
    /// <exception cref="PopcornException">The network is not well formed.</exception>
    public PlainEvaluator(IntegerNetwork network)
    {
        NetworkValidator.Validate(network);
        Network = network;
        Bounds bounds = Bounds.Of(network);
        _steps = new Step[network.Layers.Count];
        _lastUse = new int[network.Layers.Count + 1];
        int largest = network.Input.Shape.Size;
        for (int i = 0; i < _steps.Length; i++)
        {
            Layer layer = network.Layers[i];
            int bits = layer.Inputs.Append(i + 1).Max(value => bounds.Hull(value).MagnitudeBits);
            _steps[i] = Step.For(layer, network.ShapeOf(layer.Input), bits);
            foreach (int input in layer.Inputs)
            {
                _lastUse[input] = i;
            }

            largest = Math.Max(largest, layer.Output.Size);
        }

        _lastUse[^1] = _steps.Length;
        _tile = MaxTile;
        while (_tile > 1 && (long)_tile * largest > TileElements)
        {
            _tile /= 2;
        }
    }

    /// <summary>The network.</summary>
    public IntegerNetwork Network { get; }

    /// <summary>The class that logits stand for: the greatest, the first of them where several are equal.</summary>
    public static int Label(IReadOnlyList<BigInteger> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Count; i++)
        {
            if (logits[i] > logits[best])
            {
                best = i;
            }
        }

        return best;
    }

    /// <summary>The logits of one input.</summary>
    /// <param name="input">Channel by channel, row by row.</param>
    /// <exception cref="PopcornException">The input has the wrong length or a value outside the range.</exception>
    public BigInteger[] Run(ReadOnlySpan<int> input)
    {
        CheckInput(input);
        return RunTile(input.ToArray(), 1)[0];
    }

    /// <summary>The logits of many inputs, on all cores.</summary>
    /// <param name="inputs">The inputs, each channel by channel, row by row.</param>
    /// <param name="progress">Told the number of inputs that are done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="PopcornException">An input has the wrong length or a value outside the range.</exception>
    public BigInteger[][] Evaluate(
        IReadOnlyList<int[]> inputs, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        var results = new BigInteger[inputs.Count][];
        int done = 0;
        Evaluate(
            inputs.Count,
            i => inputs[i],
            (i, logits) =>
            {
                results[i] = logits;
                progress?.Report(++done);
            },
            cancellation);
        return results;
    }

    /// <summary>The logits of many inputs, on all cores, without holding them all at once.</summary>
    /// <param name="count">Number of inputs.</param>
    /// <param name="read">Reads an input; called from several threads.</param>
    /// <param name="done">Takes the logits of an input; called by one thread at a time, in no particular order.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="PopcornException">An input has the wrong length or a value outside the range.</exception>
    public void Evaluate(
        int count, Func<int, int[]> read, Action<int, BigInteger[]> done, CancellationToken cancellation = default)
    {
        // A tile for every core, even where there are few inputs.
        int tile = Math.Clamp((count + Environment.ProcessorCount - 1) / Environment.ProcessorCount, 1, _tile);
        int tiles = (count + tile - 1) / tile;
        var gate = new Lock();
        try
        {
            Parallel.For(
                0,
                tiles,
                new ParallelOptions
                {
                    CancellationToken = cancellation,
                    MaxDegreeOfParallelism = Environment.ProcessorCount,
                },
                t =>
                {
                    int first = t * tile;
                    int images = Math.Min(tile, count - first);
                    BigInteger[][] logits = RunTile(Interleave(first, images, read), images);
                    lock (gate)
                    {
                        for (int i = 0; i < images; i++)
                        {
                            done(first + i, logits[i]);
                        }
                    }
                });
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<PopcornException>().FirstOrDefault() is { } first)
        {
            throw new PopcornException(first.Message, e);
        }
    }

    private int[] Interleave(int first, int images, Func<int, int[]> read)
    {
        int size = Network.Input.Shape.Size;
        var result = new int[size * images];
        for (int image = 0; image < images; image++)
        {
            int[] input = read(first + image);
            CheckInput(input);
            for (int i = 0; i < size; i++)
            {
                result[i * images + image] = input[i];
            }
        }

        return result;
    }

    /// <summary>Runs a tile of inputs, interleaved: element by element, image by image within.</summary>
    private BigInteger[][] RunTile(int[] input, int images)
    {
        var values = new Array?[_steps.Length + 1];
        values[0] = input;
        for (int i = 0; i < _steps.Length; i++)
        {
            int[] sources = [.. Network.Layers[i].Inputs];
            values[i + 1] = _steps[i].Run(Array.ConvertAll(sources, s => values[s]!), images);
            foreach (int source in sources)
            {
                if (_lastUse[source] == i)
                {
                    values[source] = null;
                }
            }
        }

        BigInteger[] flat = Widths.Convert<BigInteger>(values[^1]!);
        var result = new BigInteger[images][];
        for (int image = 0; image < images; image++)
        {
            result[image] = new BigInteger[Network.Outputs];
            for (int i = 0; i < result[image].Length; i++)
            {
                result[image][i] = flat[i * images + image];
            }
        }

        return result;
    }

    private void CheckInput(ReadOnlySpan<int> input)
    {
        InputDescription expected = Network.Input;
        if (input.Length != expected.Shape.Size)
        {
            throw new PopcornException(
                $"The input has {input.Length} values and the network takes {expected.Shape.Size} ({expected.Shape}).");
        }

        foreach (int value in input)
        {
            if (value < expected.Minimum || value > expected.Maximum)
            {
                throw new PopcornException(
                    $"The input holds {value}, outside the network's range {expected.Minimum}…{expected.Maximum}.");
            }
        }
    }

    /// <summary>One layer, bound to the integers it runs in.</summary>
    private abstract class Step
    {
        /// <summary>Chooses the integers: a final value of <paramref name="bits"/> magnitude bits must fit.</summary>
        /// <remarks>Sums may wrap on the way: two's complement brings them back.</remarks>
        public static Step For(Layer layer, Shape source, int bits) => bits switch
        {
            < 32 => For<int>(layer, source, bits),
            < 64 => For<long>(layer, source, bits),
            < 128 => For<Int128>(layer, source, bits),
            _ => For<BigInteger>(layer, source, bits),
        };

        public abstract Array Run(Array[] inputs, int images);

        private static Step For<T>(Layer layer, Shape source, int bits)
            where T : struct, IBinaryInteger<T> => layer switch
            {
                LinearLayer linear => new LinearStep<T>(linear, source),
                MaxPoolLayer pool => new MaxPoolStep<T>(pool, source),
                ReluLayer => new PointwiseStep<T>(x => T.Max(x, T.Zero)),
                SquareLayer => new PointwiseStep<T>(x => x * x),
                SignLayer => new PointwiseStep<T>(x => T.IsNegative(x) ? T.Zero : T.One),
                AddLayer add => new AddStep<T>(add),
                ConcatLayer => new ConcatStep<T>(),
                ClipLayer clip => new ClipStep<T>(clip),
                // Less than a half in magnitude; machines take shifts modulo the width.
                RescaleLayer { Shift: int shift } when shift > bits => new PointwiseStep<T>(_ => T.Zero),
                RescaleLayer { Shift: int shift } =>
                    new PointwiseStep<T>(x => (x >> shift) + ((x >> (shift - 1)) & T.One)),
                _ => throw new NotSupportedException($"A layer of kind {layer.Kind} cannot be evaluated."),
            };
    }

    private sealed class PointwiseStep<T>(Func<T, T> function) : Step
        where T : struct, IBinaryInteger<T>
    {
        public override Array Run(Array[] inputs, int images) =>
            Array.ConvertAll(Widths.Convert<T>(inputs[0]), x => function(x));
    }

    private sealed class AddStep<T>(AddLayer layer) : Step
        where T : struct, IBinaryInteger<T>
    {
        private readonly T[] _factors = Array.ConvertAll(layer.Factors, T.CreateTruncating);
        private readonly T[] _secondFactors = Array.ConvertAll(layer.SecondFactors, T.CreateTruncating);

        public override Array Run(Array[] inputs, int images)
        {
            T[] first = Widths.Convert<T>(inputs[0]);
            T[] second = Widths.Convert<T>(inputs[1]);
            int plane = layer.Output.Area * images;
            var result = new T[first.Length];
            for (int i = 0; i < result.Length; i++)
            {
                result[i] = _factors[i / plane] * first[i] + _secondFactors[i / plane] * second[i];
            }

            return result;
        }
    }

    private sealed class ConcatStep<T> : Step
        where T : struct, IBinaryInteger<T>
    {
        public override Array Run(Array[] inputs, int images) => inputs.SelectMany(Widths.Convert<T>).ToArray();
    }

    private sealed class ClipStep<T>(ClipLayer layer) : Step
        where T : struct, IBinaryInteger<T>
    {
        public override Array Run(Array[] inputs, int images)
        {
            T[] values = Widths.Convert<T>(inputs[0]);
            int plane = layer.Output.Area * images;
            // A cap that the integers of this step do not hold is never reached.
            bool[] isReached = Array.ConvertAll(layer.Caps, c => c == BigInteger.CreateTruncating(T.CreateTruncating(c)));
            T[] caps = Array.ConvertAll(layer.Caps, T.CreateTruncating);
            var result = new T[values.Length];
            for (int i = 0; i < result.Length; i++)
            {
                T positive = T.Max(values[i], T.Zero);
                result[i] = isReached[i / plane] ? T.Min(positive, caps[i / plane]) : positive;
            }

            return result;
        }
    }

    private sealed class LinearStep<T> : Step
        where T : struct, IBinaryInteger<T>
    {
        private readonly LinearLayer _layer;
        private readonly Shape _source;

        /// <summary>Non-zero weights of all output channels, one channel after the other.</summary>
        private readonly T[] _weights;

        /// <summary>For each of them the offset of its input channel and its tap.</summary>
        private readonly (int Channel, int Tap)[] _places;

        /// <summary>Where each output channel's weights begin; one more entry for the end.</summary>
        private readonly int[] _begins;

        /// <summary>One for each output channel, or for each output element.</summary>
        private readonly T[] _constants;

        public LinearStep(LinearLayer layer, Shape source)
        {
            _layer = layer;
            _source = source;
            _weights = new T[layer.NonZero];
            _places = new (int, int)[layer.NonZero];
            _begins = new int[layer.Output.Channels + 1];
            _constants = Array.ConvertAll(layer.Constants(source), T.CreateTruncating);
            int taps = layer.Window.Taps;
            int inputs = source.Channels / layer.Groups;
            int outputs = layer.Output.Channels / layer.Groups;
            int next = 0;
            for (int output = 0; output < layer.Output.Channels; output++)
            {
                int firstInput = output / outputs * inputs;
                for (int i = 0; i < layer.Fan; i++)
                {
                    int weight = layer.Weights[output * layer.Fan + i];
                    if (weight != 0)
                    {
                        _weights[next] = T.CreateTruncating(weight);
                        _places[next++] = ((firstInput + i / taps) * source.Area, i % taps);
                    }
                }

                _begins[output + 1] = next;
            }
        }

        public override Array Run(Array[] inputs, int images)
        {
            T[] source = Widths.Convert<T>(inputs[0]);
            var result = new T[_layer.Output.Size * images];
            Window window = _layer.Window;
            var positions = new int[window.Taps];
            for (int y = 0; y < window.OutputHeight; y++)
            {
                for (int x = 0; x < window.OutputWidth; x++)
                {
                    for (int tap = 0; tap < positions.Length; tap++)
                    {
                        positions[tap] = window.Position(
                            y, x, tap / window.KernelWidth, tap % window.KernelWidth, _source.Height, _source.Width);
                    }

                    for (int output = 0; output < _layer.Output.Channels; output++)
                    {
                        int element = _layer.Output.Index(output, y, x);
                        Span<T> sums = result.AsSpan(element * images, images);
                        sums.Fill(_constants[_constants.Length == _layer.Output.Channels ? output : element]);
                        Accumulate(output, positions, source, sums);
                    }
                }
            }

            return result;
        }

        /// <summary>
        /// Adds weight × input over the non-zero weights of an output channel, for all images of the tile: as many
        /// images at once as four vectors hold, then as one vector holds, then one by one.
        /// </summary>
        private void Accumulate(int output, int[] positions, T[] source, Span<T> sums)
        {
            ReadOnlySpan<T> weights = _weights.AsSpan(_begins[output].._begins[output + 1]);
            ReadOnlySpan<(int Channel, int Tap)> places = _places.AsSpan(_begins[output].._begins[output + 1]);
            int images = sums.Length;
            int image = 0;
            if (Vector<T>.IsSupported)
            {
                int lanes = Vector<T>.Count;
                for (; image + 4 * lanes <= images; image += 4 * lanes)
                {
                    Vector<T> s0 = Vector<T>.Zero, s1 = s0, s2 = s0, s3 = s0;
                    for (int k = 0; k < weights.Length; k++)
                    {
                        int position = positions[places[k].Tap];
                        if (position >= 0)
                        {
                            int at = (places[k].Channel + position) * images + image;
                            ReadOnlySpan<T> x = source.AsSpan(at, 4 * lanes);
                            var weight = new Vector<T>(weights[k]);
                            s0 += new Vector<T>(x) * weight;
                            s1 += new Vector<T>(x[lanes..]) * weight;
                            s2 += new Vector<T>(x[(2 * lanes)..]) * weight;
                            s3 += new Vector<T>(x[(3 * lanes)..]) * weight;
                        }
                    }

                    AddTo(sums[image..], s0);
                    AddTo(sums[(image + lanes)..], s1);
                    AddTo(sums[(image + 2 * lanes)..], s2);
                    AddTo(sums[(image + 3 * lanes)..], s3);
                }

                for (; image + lanes <= images; image += lanes)
                {
                    Vector<T> sum = Vector<T>.Zero;
                    for (int k = 0; k < weights.Length; k++)
                    {
                        int position = positions[places[k].Tap];
                        if (position >= 0)
                        {
                            int at = (places[k].Channel + position) * images + image;
                            sum += new Vector<T>(source.AsSpan(at, lanes)) * new Vector<T>(weights[k]);
                        }
                    }

                    AddTo(sums[image..], sum);
                }
            }

            for (; image < images; image++)
            {
                T sum = sums[image];
                for (int k = 0; k < weights.Length; k++)
                {
                    int position = positions[places[k].Tap];
                    if (position >= 0)
                    {
                        sum += weights[k] * source[(places[k].Channel + position) * images + image];
                    }
                }

                sums[image] = sum;
            }
        }

        private static void AddTo(Span<T> sums, Vector<T> sum) => (new Vector<T>(sums) + sum).CopyTo(sums);
    }

    private sealed class MaxPoolStep<T>(MaxPoolLayer layer, Shape source) : Step
        where T : struct, IBinaryInteger<T>
    {
        public override Array Run(Array[] inputs, int images)
        {
            T[] values = Widths.Convert<T>(inputs[0]);
            var result = new T[layer.Output.Size * images];
            Window window = layer.Window;
            for (int channel = 0; channel < layer.Output.Channels; channel++)
            {
                for (int y = 0; y < window.OutputHeight; y++)
                {
                    for (int x = 0; x < window.OutputWidth; x++)
                    {
                        Span<T> best = result.AsSpan(layer.Output.Index(channel, y, x) * images, images);
                        bool any = layer.WithZero;
                        for (int tap = 0; tap < window.Taps; tap++)
                        {
                            int position = window.Position(
                                y, x, tap / window.KernelWidth, tap % window.KernelWidth, source.Height, source.Width);
                            if (position < 0)
                            {
                                continue;
                            }

                            int at = (channel * source.Area + position) * images;
                            ReadOnlySpan<T> candidates = values.AsSpan(at, images);
                            if (any)
                            {
                                Maximize(best, candidates);
                            }
                            else
                            {
                                candidates.CopyTo(best);
                                any = true;
                            }
                        }
                    }
                }
            }

            return result;
        }

        private static void Maximize(Span<T> best, ReadOnlySpan<T> candidates)
        {
            for (int i = 0; i < best.Length; i++)
            {
                best[i] = T.Max(best[i], candidates[i]);
            }
        }
    }

    /// <summary>Moves values between the integers that neighbouring layers run in.</summary>
    private static class Widths
    {
        public static T[] Convert<T>(Array values)
            where T : struct, IBinaryInteger<T> => values switch
            {
                T[] same => same,
                int[] x => Array.ConvertAll(x, T.CreateTruncating),
                long[] x => Array.ConvertAll(x, T.CreateTruncating),
                Int128[] x => Array.ConvertAll(x, T.CreateTruncating),
                BigInteger[] x => Array.ConvertAll(x, T.CreateTruncating),
                _ => throw new NotSupportedException($"Values cannot be of type {values.GetType()}."),
            };
    }
}
