using System.Text.RegularExpressions;
using System.Xml.Linq;
using Popcorn.Engine.Families;
using Popcorn.Engine.Protocols;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests;

/// <summary>
/// The rooms of docs/ARCHITECTURE.md: who may know whom. References are followed from the sources, by the types that a
/// file names and the namespaces that it opens.
/// </summary>
public partial class ArchitectureTests
{
    /// <summary>Projects and their folders from the bottom up; each may refer to those before it.</summary>
    private static readonly (string Project, string[] Folders)[] Rooms =
    [
        ("Popcorn.Interop", ["Memory", "Native", "."]),
        (
            "Popcorn.ObliviousTransfer",
            [".", "Flows", "Bits", "Symmetric", "Base", "Extension", "Correlations", "Comparisons", "Sessions"]),
        (
            "Popcorn.Engine",
            [
                ".", "Model", "Evaluation", "Compression", "Import", "Products", "Planning", "Resources", "Protocols",
                "Blinded", "Shares", "Families", "Wire", "Costs", "Sessions",
            ]),
        ("Popcorn.Hosting", ["."]),
        ("Popcorn.KernelTiming", [".", "TwoParty"]),
        ("Popcorn.Cli", ["Terminal", "Data", "Measurement", "Configuration", "Service", "Commands", "."]),
    ];

    /// <summary>The folders of the engine that hold a family each.</summary>
    private static readonly string[] FamilyFolders = ["Blinded", "Shares"];

    private static readonly string[] ProjectNames = [.. Directory
        .GetDirectories(Path.Combine(Repository.Root, "src"))
        .Where(folder => Directory.GetFiles(folder, "*.csproj").Length > 0)
        .Select(folder => Path.GetFileName(folder))
        .Order(StringComparer.Ordinal)];

    public static TheoryData<string> Projects => [.. ProjectNames];

    [Theory]
    [MemberData(nameof(Projects))]
    public void No_folders_refer_to_each_other_in_a_circle(string project)
    {
        HashSet<(string From, string To)> arrows = ArrowsIn(project);
        Assert.Empty(CircleIn(arrows));
    }

    [Fact]
    public void No_projects_refer_to_each_other_in_a_circle()
    {
        var arrows = new HashSet<(string, string)>();
        foreach (string project in ProjectNames)
        {
            XDocument file = XDocument.Load(Path.Combine(Repository.Root, "src", project, project + ".csproj"));
            arrows.UnionWith(file.Descendants("ProjectReference").Select(reference =>
                (project, Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')))));
        }

        Assert.NotEmpty(arrows);
        Assert.Empty(CircleIn(arrows));
        string[] order = [.. Rooms.Select(room => room.Project)];
        Assert.Equal(ProjectNames.Order(StringComparer.Ordinal), order.Order(StringComparer.Ordinal));
        Assert.All(arrows, arrow => Assert.True(
            Array.IndexOf(order, arrow.Item1) > Array.IndexOf(order, arrow.Item2), $"{arrow} goes upward."));
        Assert.DoesNotContain(arrows, arrow => arrow.Item1 == "Popcorn.ObliviousTransfer"); // the BCL alone
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Folders_refer_downwards(string project)
    {
        string[] order = Rooms.Single(room => room.Project == project).Folders;
        Assert.Equal(
            FilesOf(project).Select(file => file.Folder).Distinct().Order(StringComparer.Ordinal),
            order.Order(StringComparer.Ordinal));
        Assert.All(ArrowsIn(project), arrow => Assert.True(
            Array.IndexOf(order, arrow.From) > Array.IndexOf(order, arrow.To), $"{arrow} goes upward."));
    }

    [Fact]
    public void Only_the_registry_names_families()
    {
        Assert.DoesNotContain(
            ProjectNames.SelectMany(project => Arrows(project, "Popcorn.Engine")),
            arrow => FamilyFolders.Contains(arrow.To) && arrow.From is not "Families");
        string[] homes = [.. typeof(Family).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(Family))).Select(type => type.Namespace!)];
        Assert.Equal(FamilyFolders.Select(folder => $"Popcorn.Engine.{folder}").Order(), homes.Order());
    }

    [Fact]
    public void Every_family_is_registered_under_a_name_of_its_own()
    {
        Type[] families = [.. typeof(Family).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Family)))];
        Assert.Equal(
            families.OrderBy(type => type.Name),
            FamilyRegistry.All.Select(f => f.GetType()).OrderBy(type => type.Name));
        Assert.Distinct(FamilyRegistry.All.Select(family => family.Name));
    }

    [Fact]
    public void A_circle_is_found()
    {
        Assert.Equal(["a", "b", "c"], CircleIn([("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]).Order());
        Assert.Empty(CircleIn([("a", "b"), ("b", "c"), ("a", "c")]));
    }

    [Theory]
    [InlineData("internal sealed record Name(int Number);", "Name")]
    [InlineData("    internal sealed record Name(int Number);", "Name")]
    [InlineData("    private enum Name", null)] // seen by nobody else
    [InlineData("public delegate List<int> Name<in T>(T value);", "Name")]
    [InlineData("    protected delegate (int, int) Name();", "Name")]
    public void Declarations_are_found(string text, string? name) =>
        Assert.Equal(name, TypesIn(text).SingleOrDefault());

    [Theory]
    [MemberData(nameof(Projects))]
    public void The_namespaces_of_every_project_are_known(string project) =>
        Assert.Equal(project, Opened().Match($"using {project}.Folder;").Groups[1].Value);

    private static HashSet<(string From, string To)> ArrowsIn(string project) => Arrows(project, project);

    /// <summary>From folders of a project to others of it, or from all of another project to them.</summary>
    private static HashSet<(string From, string To)> Arrows(string from, string project)
    {
        (string Folder, string Text)[] files = FilesOf(project);
        (string Folder, string Text)[] readers =
            from == project ? files : [.. FilesOf(from).Select(file => (from, file.Text))];
        ILookup<string, string> homes = files.Union(readers)
            .SelectMany(file => TypesIn(file.Text).Select(type => (Type: type, file.Folder)))
            .Distinct().ToLookup(pair => pair.Type, pair => pair.Folder);
        var arrows = new HashSet<(string, string)>();
        foreach ((string folder, string text) in readers)
        {
            foreach (Match opened in Opened().Matches(text).Where(m => m.Groups[1].Value == project))
            {
                string other = opened.Groups[2].Value.Split('.')[0];
                if (other != folder && files.Any(file => file.Folder == other))
                {
                    arrows.Add((folder, other));
                }
            }

            // A name that two folders declare says nothing; the namespaces opened do.
            foreach (string word in Word().Matches(text).Select(m => m.Value).Distinct())
            {
                string[] declaredIn = [.. homes[word]];
                if (declaredIn is [string home] && home != folder)
                {
                    arrows.Add((folder, home));
                }
            }
        }

        return arrows;
    }

    /// <summary>The folders on a circle, or none.</summary>
    private static string[] CircleIn(HashSet<(string From, string To)> arrows)
    {
        // What remains when folders that refer to none that remains are taken away, and those that none refers to.
        HashSet<(string From, string To)> left = [.. arrows];
        while (left.RemoveWhere(arrow =>
            !left.Any(next => next.From == arrow.To) || !left.Any(last => last.To == arrow.From)) > 0)
        {
        }

        return [.. left.Select(arrow => arrow.From).Distinct()];
    }

    private static (string Folder, string Text)[] FilesOf(string project)
    {
        string root = Path.Combine(Repository.Root, "src", project);
        return
        [
            .. Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
                .Select(path => (Path.GetRelativePath(root, path).Replace('\\', '/'), File.ReadAllText(path)))
                .Select(file => (
                    file.Item1.Contains('/') ? file.Item1.Split('/')[0] : ".",
                    Noise().Replace(file.Item2, string.Empty))),
        ];
    }

    private static IEnumerable<string> TypesIn(string text) =>
        TypeDeclaration().Matches(text).Select(m => m.Groups["name"].Value);

    /// <summary>Types and delegates, those within others too unless they are private.</summary>
    [GeneratedRegex(
        @"^(?: +(?=public |internal |protected ))?"
        + @"(?:public |internal |protected |file |new |sealed |abstract |static |partial |readonly |unsafe |ref )*"
        + @"(?:(?:class|record struct|record|struct|interface|enum) (?<name>\w+)"
        + @"|delegate .*?(?<name>\w+)(?:<[^(<]*>)?\()",
        RegexOptions.Multiline)]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(@"\b(Popcorn\.\w+)\.(\w+(?:\.\w+)*)")]
    private static partial Regex Opened();

    [GeneratedRegex(@"\b[A-Z]\w+\b")]
    private static partial Regex Word();

    /// <summary>Comments, and what stands in quotation marks.</summary>
    [GeneratedRegex("""//.*$|"(?:\\.|[^"\\\n])*"|^namespace .*$""", RegexOptions.Multiline)]
    private static partial Regex Noise();
}
