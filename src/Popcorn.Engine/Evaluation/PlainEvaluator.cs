using System.Numerics;
using System.Runtime.ExceptionServices;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// Evaluates an integer network in plaintext, exactly: the oracle of oblivious inference and the measure of a
/// network's accuracy. Every layer runs in the numbers that its static bounds allow. Safe for use by several threads.
/// </summary>
public sealed class PlainEvaluator
{
    /// <summary>Most images that share one pass.</summary>
    private const int MaxTile = 64;

    /// <summary>Limbs of all values that a tile needs at once, at most, but for a single image.</summary>
    private const long TileLimbs = 1 << 24;

    /// <summary>Tiles for each core, so that a slow one does not hold up the others.</summary>
    private const int TilesPerCore = 8;

    private readonly PlainLayer[] _layers;

    /// <summary>By value: limbs of an element.</summary>
    private readonly int[] _limbs;

    private readonly Slots _slots;
    private readonly int _tile;

    /// <summary>Compiles a network.</summary>
    /// <exception cref="PopcornException">The network is not well formed.</exception>
    public PlainEvaluator(IntegerNetwork network)
    {
        NetworkValidator.Validate(network);
        Network = network;
        Bounds bounds = Bounds.Of(network);
        int values = network.Layers.Count + 1;
        _limbs = [.. Enumerable.Range(0, values).Select(value => LimbTensor.LimbsFor(bounds[value]))];
        _layers = new PlainLayer[values - 1];
        for (int i = 0; i < _layers.Length; i++)
        {
            Layer layer = network.Layers[i];
            _layers[i] = PlainLayer.For(layer, network.ShapeOf(layer.Input), bounds[layer.Input], _limbs[i + 1]);
        }

        _slots = new Slots(network, _limbs);
        _tile = (int)Math.Clamp(TileLimbs / _slots.Lengths.Sum(), 1, MaxTile);
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
    public BigInteger[] Run(ReadOnlySpan<int> input) => Run(input, null);

    /// <summary>The logits of one input.</summary>
    /// <param name="input">Channel by channel, row by row.</param>
    /// <param name="shows">Shown each value with its number, the input first, as soon as it is there.</param>
    internal BigInteger[] Run(ReadOnlySpan<int> input, Action<int, LimbTensor>? shows)
    {
        Workspace workspace = NewWorkspace(1);
        SetInput(Place(0, 1, workspace), 0, input);
        shows?.Invoke(0, workspace[0]);
        return RunTile(1, workspace, CancellationToken.None, shows)[0];
    }

    /// <summary>Shows what each layer reads first.</summary>
    internal void Trace(ReadOnlySpan<int> input, Action<int, LimbTensor> reads) => Run(input, (value, tensor) =>
    {
        for (int i = 0; i < Network.Layers.Count; i++)
        {
            if (Network.Layers[i].Input == value)
            {
                reads(i, tensor);
            }
        }
    });

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
        int tile = Math.Clamp(count / (Environment.ProcessorCount * TilesPerCore), 1, _tile);
        int tiles = (count + tile - 1) / tile;
        int next = 0;
        var gate = new Lock();
        try
        {
            // Each thread takes the next tile, rather than a share of its own from the start.
            var options = new ParallelOptions { CancellationToken = cancellation };
            Parallel.For(0, Math.Min(tiles, Environment.ProcessorCount), options, _ => TakeTiles());
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        void TakeTiles()
        {
            Workspace workspace = NewWorkspace(tile);
            int first;
            while ((first = (Interlocked.Increment(ref next) - 1) * tile) < count)
            {
                int images = Math.Min(tile, count - first);
                LimbTensor input = Place(0, images, workspace);
                for (int image = 0; image < images; image++)
                {
                    SetInput(input, image, read(first + image));
                }

                BigInteger[][] logits = RunTile(images, workspace, cancellation);
                lock (gate)
                {
                    for (int image = 0; image < images; image++)
                    {
                        done(first + image, logits[image]);
                    }
                }
            }
        }
    }

    private Workspace NewWorkspace(int images) => new(
        _limbs.Length, _slots.Lengths.Select(length => length * images), _layers.Max(layer => layer.ScratchBytes));

    private LimbTensor Place(int value, int images, Workspace workspace) =>
        workspace.Place(value, _slots[value], Network.ShapeOf(value), _limbs[value], images);

    /// <summary>Computes the layers of a tile whose input is in place.</summary>
    private BigInteger[][] RunTile(
        int images, Workspace workspace, CancellationToken cancellation, Action<int, LimbTensor>? shows = null)
    {
        var sources = new LimbTensor[NetworkValidator.MaxJoined];
        for (int i = 0; i < _layers.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = 0;
            foreach (int value in Network.Layers[i].Inputs)
            {
                sources[count++] = workspace[value];
            }

            workspace.ClearScratch();
            _layers[i].Run(sources.AsSpan(0, count), Place(i + 1, images, workspace), workspace);
            shows?.Invoke(i + 1, workspace[i + 1]);
        }

        LimbTensor output = workspace[_layers.Length];
        var result = new BigInteger[images][];
        for (int image = 0; image < images; image++)
        {
            result[image] = new BigInteger[Network.Outputs];
            for (int i = 0; i < result[image].Length; i++)
            {
                result[image][i] = output[image, i];
            }
        }

        return result;
    }

    private void SetInput(LimbTensor tile, int image, ReadOnlySpan<int> input)
    {
        Network.Input.Require(input);
        input.CopyTo(tile.Limb(0)[(image * input.Length)..]);
    }
}
