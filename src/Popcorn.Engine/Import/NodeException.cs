namespace Popcorn.Engine.Import;

/// <summary>
/// Why a node cannot be imported, and what to do. The importer adds the node's name and operator and collects all of
/// them into one <see cref="PopcornException"/>.
/// </summary>
internal sealed class NodeException(string reason) : Exception(reason)
{
    public static void ThrowIfNotFinite(double[] first, double[] second)
    {
        if (!Array.TrueForAll(first, double.IsFinite) || !Array.TrueForAll(second, double.IsFinite))
        {
            throw new NodeException("its weights or constants hold a value that is no finite number; export it again");
        }
    }

    public static NodeException Reshaping(int[] from, int[] to) =>
        new($"{Dimensions.Describe(from)} cannot be reshaped to {Dimensions.Describe(to)}");
}
