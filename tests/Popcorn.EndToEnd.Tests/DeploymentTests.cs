using System.Text.RegularExpressions;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>What can be checked of the files in <c>docs/deploy</c> without the software that reads them.</summary>
public sealed partial class DeploymentTests
{
    [Theory]
    [InlineData("docs/deploy/kubernetes.yaml", 5)]
    [InlineData("docs/deploy/popcorn.service", 1)]
    public async Task Options_of_the_service_exist(string path, int least)
    {
        string help = (await CommandRun.Of("serve", "--help")).Out;
        string[] options =
        [
            .. (await LinesAsync(path)).SelectMany(line => Option().Matches(line)).Select(match => match.Value)
                .Distinct(),
        ];
        Assert.InRange(options.Length, least, 100);
        Assert.All(options, option => Assert.Contains($" {option} ", help, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_built_here_is_no_part_of_an_image()
    {
        // A pattern of .dockerignore begins at the top, one of .gitignore does so after a slash alone.
        IEnumerable<string> built = (await LinesAsync(".gitignore"))
            .Select(line => line.StartsWith('/') ? line.Trim('/') : $"**/{line.Trim('/')}");
        Assert.Equal(built, await LinesAsync(".dockerignore"));
    }

    /// <summary>The lines of a file of the repository, without comments.</summary>
    private static async Task<string[]> LinesAsync(string path) =>
    [
        .. (await File.ReadAllLinesAsync(Path.Combine(Repository.Root, path)))
            .Where(line => line.Trim().Length > 0 && !line.TrimStart().StartsWith('#')),
    ];

    [GeneratedRegex("(?<![\\w-])--[a-z][a-z-]*")]
    private static partial Regex Option();
}
