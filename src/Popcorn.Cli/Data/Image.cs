using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>One image, channel by channel, row by row.</summary>
internal sealed record Image(Shape Shape, int[] Values)
{
    /// <summary>The same image with the wanted channels: gray by luma (ITU-R BT.601), or RGB by repetition.</summary>
    /// <param name="channels">1, 3, or 0 to leave it as it is.</param>
    /// <param name="path">Where it came from, for messages.</param>
    public Image Convert(int channels, string path)
    {
        if (channels == 0 || channels == Shape.Channels)
        {
            return this;
        }

        Shape shape = Shape with { Channels = channels };
        switch (Shape.Channels, channels)
        {
            case (1, 3):
                return new Image(shape, [.. Values, .. Values, .. Values]);
            case (3, 1):
                var gray = new int[Shape.Area];
                for (int i = 0; i < gray.Length; i++)
                {
                    int weighted = 299 * Values[i] + 587 * Values[gray.Length + i] + 114 * Values[2 * gray.Length + i];
                    gray[i] = (weighted + 500) / 1000;
                }

                return new Image(shape, gray);
            default:
                throw new PopcornException(
                    $"'{path}' has {Shape.Channels} channels and the network takes {channels}. Use a .npy file.");
        }
    }
}
