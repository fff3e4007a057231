using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

internal sealed class RingLinear(LinearLayer layer, Shape input, bool narrow)
{
    public void Run(ReadOnlySpan<ulong> from, int images, Span<ulong> to, int threads)
    {
        _ = narrow; _ = threads;
        BigInteger[] constants = layer.Constants(input);
        int taps = layer.Window.Taps, channels = input.Channels / layer.Groups, each = layer.Output.Size / constants.Length;
        for (int image = 0; image < images; image++)
        for (int o = 0; o < layer.Output.Channels; o++)
        for (int p = 0; p < layer.Output.Area; p++)
        {
            int index = o * layer.Output.Area + p;
            ulong sum = (ulong)(constants[index / each] & ulong.MaxValue);
            int group = o / (layer.Output.Channels / layer.Groups);
            for (int t = 0; t < taps; t++)
            {
                int position = layer.Window.Position(p, t, input);
                for (int c = 0; position >= 0 && c < channels; c++)
                    sum += (ulong)(long)layer.Weights[(o * channels + c) * taps + t] * from[image * input.Size + (group * channels + c) * input.Area + position];
            }
            to[image * layer.Output.Size + index] = sum;
        }
    }
}
