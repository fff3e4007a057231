using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

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
    public async Task The_client_gets_its_answer_from_the_service()
    {
        string url = $"http://127.0.0.1:{FreePort()}";
        using Process service = ProgramOf("app.MapPopcorn(").Start("--urls", url);
        service.OutputDataReceived += (_, _) => { };
        service.ErrorDataReceived += (_, _) => { };
        service.BeginOutputReadLine();
        service.BeginErrorReadLine();
        try
        {
            await HealthyAsync(service, url);
            await ProgramOf("PopcornClient.ConnectAsync(").RunsAsPromisedAsync(url);
        }
        finally
        {
            service.Kill();
        }
    }

    /// <summary>README's one program with these words.</summary>
    private static DocumentedProgram ProgramOf(string words) => new(Assert.Single(
        Programs, block => block.Path == "README.md" && block.Text.Contains(words, StringComparison.Ordinal)));

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task HealthyAsync(Process service, string url)
    {
        using var http = new HttpClient();
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromMinutes(1); await Task.Delay(100))
        {
            Assert.False(service.HasExited, "The service has ended.");
            try
            {
                await http.GetStringAsync($"{url}/health");
                return;
            }
            catch (HttpRequestException)
            {
                // Not yet.
            }
        }

        Assert.Fail("The service has not answered.");
    }
}
