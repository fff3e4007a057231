using Popcorn.Tests;

namespace Popcorn.Fuzz;

/// <summary>The inputs that lie in the repository, a folder for each target.</summary>
internal static class CorpusFiles
{
    /// <summary>The key of the recorded sessions: small, and no secret.</summary>
    public static byte[] Key => File.ReadAllBytes(Path.Combine(Built, "key.priv"));

    /// <summary>The folder in the repository, to write to.</summary>
    public static string Folder => Path.Combine(Repository.Root, "tests", "Popcorn.Fuzz", "corpus");

    private static string Built => Path.Combine(AppContext.BaseDirectory, "corpus");

    /// <summary>The inputs of a target, in the order of their names.</summary>
    public static IEnumerable<byte[]> Of(string target)
    {
        string folder = Path.Combine(Built, target);
        return Directory.Exists(folder)
            ? Directory.GetFiles(folder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)
            : [];
    }

    /// <summary>Pictures that the tests of their reader use.</summary>
    public static IEnumerable<byte[]> Pictures() =>
        Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "pictures"))
            .Order(StringComparer.Ordinal).Select(File.ReadAllBytes);
}
