using System.Text.RegularExpressions;
using Popcorn.Tests;

namespace Popcorn.Docs.Tests;

/// <summary>A block of code in a document.</summary>
/// <param name="Path">The document, from the repository's root.</param>
/// <param name="Line">The first line of the code, counted from 1.</param>
/// <param name="Language">What stands behind the opening fence; empty for shell commands and drawings.</param>
/// <param name="Text">The code.</param>
internal sealed record CodeBlock(string Path, int Line, string Language, string Text);

/// <summary>Code in a line of text.</summary>
/// <param name="Line">Where it begins, counted from 1.</param>
/// <param name="Text">The code, on one line.</param>
internal sealed record CodeSpan(int Line, string Text);

/// <summary>A link to a file of the repository, or to a heading.</summary>
/// <param name="Line">Where it is, counted from 1.</param>
/// <param name="Target">What it leads to, as it is written.</param>
internal sealed record Link(int Line, string Target);

/// <summary>A document of the repository, for its code and its links.</summary>
internal sealed partial class Document
{
    private const string Fence = "```";

    private Document(string path)
    {
        Path = path;
        string[] lines = File.ReadAllLines(System.IO.Path.Combine(Repository.Root, path));
        var blocks = new List<CodeBlock>();
        for (int i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith(Fence, StringComparison.Ordinal))
            {
                int end = Array.IndexOf(lines, Fence, i + 1);
                Assert.True(end > 0, $"{path}({i + 1}): this block has no end.");
                string code = string.Join('\n', lines[(i + 1)..end]);
                blocks.Add(new CodeBlock(path, i + 2, lines[i][Fence.Length..], code));

                // So that what remains is text, on the lines where it was.
                Array.Fill(lines, "", i, end + 1 - i);
                i = end;
            }
        }

        Blocks = blocks;
        string text = string.Join('\n', lines);
        Spans = [.. Span().Matches(text).Select(match =>
            new CodeSpan(LineOf(match), match.Groups[1].Value.Replace('\n', ' ')))];
        Links = [.. LinkTarget().Matches(text).Select(match => new Link(LineOf(match), match.Groups[1].Value))];
        Anchors = [.. lines.Where(line => line.StartsWith('#')).Select(line => AnchorOf(line.TrimStart('#').Trim()))];

        int LineOf(Match match) => text.AsSpan(0, match.Index).Count('\n') + 1;
    }

    /// <summary>All documents of the repository that may hold code for users.</summary>
    public static IReadOnlyList<Document> All { get; } =
    [
        .. new[] { ".", "docs", "docs/start", "samples", "tools" }
            .Concat(Directory.GetDirectories(System.IO.Path.Combine(Repository.Root, "src")))
            .SelectMany(folder => Directory.GetFiles(System.IO.Path.Combine(Repository.Root, folder), "*.md"))
            .Select(path => System.IO.Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
            .Order(StringComparer.Ordinal)
            .Select(path => new Document(path)),
    ];

    /// <summary>The programs of all documents.</summary>
    public static IEnumerable<CodeBlock> Programs =>
        All.SelectMany(document => document.Blocks).Where(block => block.Language == "csharp");

    /// <summary>From the repository's root.</summary>
    public string Path { get; }

    /// <summary>Blocks of code, in order.</summary>
    public IReadOnlyList<CodeBlock> Blocks { get; }

    /// <summary>Code within text, in order.</summary>
    public IReadOnlyList<CodeSpan> Spans { get; }

    /// <summary>Links, in order; those in code are none.</summary>
    public IReadOnlyList<Link> Links { get; }

    /// <summary>By what links lead to its headings.</summary>
    public HashSet<string> Anchors { get; }

    /// <summary>A document's one program with these words.</summary>
    public static CodeBlock ProgramOf(string words, string path = "README.md") => Assert.Single(
        Programs, block => block.Path == path && block.Text.Contains(words, StringComparison.Ordinal));

    private static string AnchorOf(string heading) => string.Concat(
        heading.ToLowerInvariant().Replace(' ', '-').Where(c => char.IsLetterOrDigit(c) || c is '-' or '_'));

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex LinkTarget();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Span();
}
