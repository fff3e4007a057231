using System.Diagnostics;
using Popcorn.Tests;

namespace Popcorn.Docs.Tests;

/// <summary>The C# of the documents compiles, and that of README does what it says.</summary>
public class ProgramTests
{
    [Fact]
    public void Every_program_compiles()
    {
        Assert.NotEmpty(Document.Programs);
        string[] complaints = [.. Document.Programs.SelectMany(block => new DocumentedProgram(block).Complaints)];
        Assert.True(complaints.Length == 0, string.Join('\n', complaints));
    }

    [Fact]
    public async Task The_arithmetic_is_right() => await ProgramOf("new Encryptor(").RunsAsPromisedAsync();

    [Fact]
    public async Task Shared_numbers_are_compared() =>
        await ProgramOf("ComparisonPlan.Of(", "docs/TRANSFERS.md").RunsAsPromisedAsync();

    [Fact]
    public async Task The_client_gets_its_answer_from_the_service()
    {
        using Process service = ProgramOf("app.MapPopcorn(").Start("--urls", "http://127.0.0.1:0");
        try
        {
            await ProgramOf("new PopcornClient(").RunsAsPromisedAsync(await ServiceAddress.OfAsync(service));
        }
        finally
        {
            service.Kill();
        }
    }

    private static DocumentedProgram ProgramOf(string words, string path = "README.md") =>
        new(Document.ProgramOf(words, path));
}
