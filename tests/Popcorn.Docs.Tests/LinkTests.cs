using Popcorn.Tests;

namespace Popcorn.Docs.Tests;

/// <summary>Links within the repository lead somewhere.</summary>
public class LinkTests
{
    public static TheoryData<string> Documents => [.. Document.All.Select(document => document.Path)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_lead_to_files_and_headings(string path)
    {
        Document document = Document.All.Single(document => document.Path == path);
        string[] problems =
        [
            .. document.Links.Where(link => !link.Target.Contains("://", StringComparison.Ordinal))
                .Select(link => (Link: link, Problem: ProblemOf(document, link.Target)))
                .Where(found => found.Problem is not null)
                .Select(found => $"{path}({found.Link.Line}): {found.Link.Target}: {found.Problem}"),
        ];
        Assert.True(problems.Length == 0, string.Join('\n', problems));
    }

    [Fact]
    public void Pages_of_the_site_are_there_and_every_document_is_a_page()
    {
        string[] pages = [.. File.ReadLines(Path.Combine(Repository.Root, "toc.yml"))
            .Where(line => line.Contains(".md", StringComparison.Ordinal))
            .Select(line => line.Split("href:")[1].Trim(' ', '}'))];
        Assert.All(pages, page => Assert.True(File.Exists(Path.Combine(Repository.Root, page)), page));
        Assert.Empty(Document.All.Select(document => document.Path)
            .Where(path => path.StartsWith("docs/", StringComparison.Ordinal)).Except(pages));
    }

    private static string? ProblemOf(Document from, string target)
    {
        string[] parts = target.Split('#', 2);
        string path = parts[0].Length == 0
            ? from.Path
            : Path.GetRelativePath(
                Repository.Root, Path.Combine(Repository.Root, Path.GetDirectoryName(from.Path)!, parts[0]))
                .Replace('\\', '/');
        if (!Path.Exists(Path.Combine(Repository.Root, path)))
        {
            return "there is no such file";
        }

        return parts.Length == 1 || Document.All.FirstOrDefault(document => document.Path == path) is not { } to
            || to.Anchors.Contains(parts[1])
            ? null
            : "it has no such heading";
    }
}
