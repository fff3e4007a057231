using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Compression;

/// <summary>What the linear layers of an integer network read when it runs on sample data.</summary>
internal sealed class Calibration
{
    private const int LeastPatches = 1024;
    private const int MostPatches = 4096;

    /// <summary>Patches for each input of a layer, where the sample has them: fewer do not tell inputs apart.</summary>
    private const int PatchesPerInput = 4;

    private readonly IntegerNetwork _network;
    private readonly List<double[]>[]?[] _patches; // [layer][group][patch][input]

    /// <summary>Runs a network on sample data.</summary>
    /// <param name="network">The network.</param>
    /// <param name="samples">Its inputs.</param>
    /// <param name="progress">Told what is done of what: done, in all, and of what.</param>
    public Calibration(IntegerNetwork network, IReadOnlyList<int[]> samples, Action<int, int, string>? progress)
    {
        _network = network;
        _patches = [.. network.Layers.Select(NewPatches)];
        var evaluator = new PlainEvaluator(network);
        for (int i = 0; i < samples.Count; i++)
        {
            int sample = i;
            progress?.Invoke(i, samples.Count, "running the rounded network");
            evaluator.Trace(samples[i], (layer, value) => Collect(layer, value, sample, samples.Count));
        }
    }

    /// <summary>
    /// What each group of a layer read, or null where nothing is known: the layer is not that of the network that ran,
    /// or its weights are exact anyhow.
    /// </summary>
    public LayerInputs[]? InputsOf(int layer, string name) =>
        layer < _patches.Length && _network.Layers[layer].Name == name && _patches[layer] is { } groups
            ? [.. groups.Select(LayerInputs.Of)]
            : null;

    private static List<double[]>[]? NewPatches(Layer layer) =>
        layer is LinearLayer linear && Array.Exists(linear.Weights, w => Math.Abs(w) > 1)
            ? [.. Enumerable.Range(0, linear.Groups).Select(_ => new List<double[]>())]
            : null;

    private void Collect(int index, LimbTensor value, int sample, int samples)
    {
        if (_patches[index] is not { } groups)
        {
            return;
        }

        var layer = (LinearLayer)_network.Layers[index];
        Shape input = value.Shape;
        int taps = layer.Window.Taps, channels = layer.WeightsPerOutput / taps;
        int wanted = Math.Clamp(PatchesPerInput * layer.WeightsPerOutput, LeastPatches, MostPatches);
        int here = Math.Clamp((wanted + samples - 1) / samples, 1, layer.Output.Area);
        double[] values = [.. Enumerable.Range(0, input.Size).Select(i => (double)value[0, i])];
        for (int i = 0; i < here; i++)
        {
            // Spread over the plane, elsewhere in every sample.
            int position = (int)(((long)i * layer.Output.Area / here + 7L * sample) % layer.Output.Area);
            for (int group = 0; group < groups.Length; group++)
            {
                var patch = new double[layer.WeightsPerOutput];
                for (int tap = 0; tap < taps; tap++)
                {
                    int at = layer.Window.Position(position, tap, input);
                    for (int channel = 0; at >= 0 && channel < channels; channel++)
                    {
                        patch[channel * taps + tap] = values[(group * channels + channel) * input.Area + at];
                    }
                }

                groups[group].Add(patch);
            }
        }
    }
}
