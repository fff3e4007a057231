using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Sizes that follow from numbers of a file.</summary>
internal static class CheckedSize
{
    /// <summary>So many numbers for each of so many, as far as a layer can have them.</summary>
    public static int Product(int count, int each, string node)
    {
        long size = (long)count * each;
        return size <= Shape.MaxSize ? (int)size : throw new PopcornException(
            $"This network cannot be imported: node '{node}' needs {size} numbers, more than can be evaluated.");
    }
}
