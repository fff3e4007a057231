using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests;

/// <summary>What .editorconfig asks of files and neither the build nor the check of their format looks at.</summary>
public partial class RepositoryTests
{
    /// <summary>Files whose lines are counted, by the end of their names.</summary>
    private static readonly string[] Endings =
    [
        ".c", ".cmake", ".cs", ".csproj", ".h", ".md", ".proj", ".props", ".proto", ".ps1", ".py", ".sh", ".targets",
        "CMakeLists.txt",
    ];

    /// <summary>Folders of what is built, fetched or trained, as .gitignore has them.</summary>
    private static readonly string[] NotOurs =
    [
        "/artifacts", "/bin", "/obj", "/BenchmarkDotNet.Artifacts", "/__pycache__", "/tools/train/data",
        "/tools/train/runs",
    ];

    [Fact]
    public void No_line_is_longer_than_editorconfig_says()
    {
        string[] paths = [.. SourcesIn(Repository.Root)];
        Assert.All(Endings, ending => Assert.Contains(paths, path => path.EndsWith(ending, StringComparison.Ordinal)));

        string config = File.ReadAllText(Path.Combine(Repository.Root, ".editorconfig"));
        int limit = int.Parse(LineLength().Match(config).Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        string[] tooLong = [.. paths.SelectMany(path => LinesOf(path)
            .Where(line => Url().Replace(line.Text, "").Length > limit)
            .Select(line =>
                $"{Path.GetRelativePath(Repository.Root, path)}:{line.Number}: {line.Text.Length} characters"))];
        Assert.True(
            tooLong.Length == 0,
            $"{tooLong.Length} lines are longer than {limit} characters:\n{string.Join('\n', tooLong)}");
    }

    /// <summary>Commands that are given a folder would find two, and take the one or refuse.</summary>
    [Fact]
    public void A_folder_has_one_project()
    {
        IGrouping<string?, string>[] folders = [.. Directory
            .EnumerateFiles(Repository.Root, "*proj", SearchOption.AllDirectories)
            .Where(path => Path.GetExtension(path).EndsWith("proj", StringComparison.Ordinal))
            .GroupBy(path => Path.GetDirectoryName(Path.GetRelativePath(Repository.Root, path)))
            .Where(folder => !$"/{folder.Key!.Replace('\\', '/')}/".Contains("/artifacts/", StringComparison.Ordinal))];
        Assert.NotEmpty(folders);
        Assert.All(folders, folder => Assert.Single(folder));
    }

    /// <summary>System first, then by name: what dotnet format would see to only after loading every project.</summary>
    [Fact]
    public void Usings_are_in_order()
    {
        string[] unordered = [.. SourcesIn(Repository.Root)
            .Where(path => path.EndsWith(".cs", StringComparison.Ordinal))
            .Where(path =>
            {
                string[] names = [.. Using().Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value)];
                return !names.SequenceEqual(names
                    .OrderBy(name => name.Split('.')[0] != "System")
                    .ThenBy(name => name, StringComparer.OrdinalIgnoreCase));
            })
            .Select(path => Path.GetRelativePath(Repository.Root, path))];
        Assert.True(unordered.Length == 0, $"Usings are not in order:\n{string.Join('\n', unordered)}");
    }

    /// <summary>A system has one name: of a preset, of a folder in the package, and in the document.</summary>
    [Fact]
    public void Systems_are_the_same_in_presets_in_packages_and_in_the_document()
    {
        using JsonDocument presets = JsonDocument.Parse(TextOf("native/CMakePresets.json"));
        string[] built = [.. presets.RootElement.GetProperty("buildPresets").EnumerateArray()
            .Select(preset => preset.GetProperty("name").GetString()!)
            .Where(name => name != "asan").Order()];
        string[] packed = [.. PackedSystems().Match(TextOf("src/Popcorn.Interop/Native.targets"))
            .Groups[1].Value.Split(';').Order()];
        string[] told = [.. TextOf("docs/SYSTEMS.md").Split('\n')
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .SelectMany(line => Quoted().Matches(line.Split('|')[1]).Select(name => name.Groups[1].Value)).Order()];
        Assert.NotEmpty(built);
        Assert.Equal(built, packed);
        Assert.Equal(built, told);

        static string TextOf(string path) => File.ReadAllText(Path.Combine(Repository.Root, path));
    }

    private static IEnumerable<string> SourcesIn(string folder) =>
        Directory.GetDirectories(folder)
            .Where(inner => !Path.GetFileName(inner).StartsWith('.') && !NotOurs.Any(inner.Replace('\\', '/').EndsWith))
            .SelectMany(SourcesIn)
            .Concat(Directory.GetFiles(folder)
                .Where(path => Endings.Any(ending => path.EndsWith(ending, StringComparison.Ordinal))));

    /// <summary>The lines that count: of documents, not those of tables and code blocks.</summary>
    private static IEnumerable<(int Number, string Text)> LinesOf(string path)
    {
        bool document = path.EndsWith(".md", StringComparison.Ordinal);
        bool code = false;
        int number = 0;
        foreach (string text in File.ReadLines(path))
        {
            number++;
            code ^= document && text.StartsWith("```", StringComparison.Ordinal);
            if (!document || (!code && !text.StartsWith('|')))
            {
                yield return (number, text);
            }
        }
    }

    [GeneratedRegex("<NativeSystem Include=\"([^\"]+)\"")]
    private static partial Regex PackedSystems();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^max_line_length = (\d+)", RegexOptions.Multiline)]
    private static partial Regex LineLength();

    [GeneratedRegex(@"^using ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Using();

    /// <summary>An address cannot be wrapped.</summary>
    [GeneratedRegex(@"\w+://\S+")]
    private static partial Regex Url();
}
