using System.Diagnostics;

namespace Popcorn.Docs.Tests;

/// <summary>The C# of the documents compiles, and that of README does what it says.</summary>
public class ProgramTests
{
    private static readonly CodeBlock[] Programs =
        [.. Document.All.SelectMany(document => document.Blocks).Where(block => block.Language == "csharp")];

    [Fact]
    public void Every_program_compiles()
    {
        Assert.NotEmpty(Programs);
        string[] complaints = [.. Programs.SelectMany(block => new DocumentedProgram(block).Complaints)];
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
        const string Listening = "Now listening on: ";
        using Process service = ProgramOf("app.MapPopcorn(").Start("--urls", "http://127.0.0.1:0");
        var url = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        service.OutputDataReceived += (_, line) =>
        {
            int at = line.Data?.IndexOf(Listening, StringComparison.Ordinal) ?? 0;
            if (line.Data is null)
            {
                url.TrySetException(new InvalidOperationException("The service has ended."));
            }
            else if (at >= 0)
            {
                url.TrySetResult(line.Data[(at + Listening.Length)..].Trim());
            }
        };
        service.ErrorDataReceived += (_, _) => { };
        service.BeginOutputReadLine();
        service.BeginErrorReadLine();
        try
        {
            await ProgramOf("new PopcornClient(")
                .RunsAsPromisedAsync(await url.Task.WaitAsync(TimeSpan.FromMinutes(1)));
        }
        finally
        {
            service.Kill();
        }
    }

    /// <summary>A document's one program with these words.</summary>
    private static DocumentedProgram ProgramOf(string words, string path = "README.md") => new(Assert.Single(
        Programs, block => block.Path == path && block.Text.Contains(words, StringComparison.Ordinal)));
}
