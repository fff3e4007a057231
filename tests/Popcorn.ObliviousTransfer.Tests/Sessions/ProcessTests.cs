using System.Diagnostics;

namespace Popcorn.ObliviousTransfer.Tests.Sessions;

/// <summary>Parties in processes of their own, and on processors that lack something.</summary>
public class ProcessTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Fact]
    public void A_transcript_is_frozen() => Assert.Equal(
        "8508be658d4dfe50d2764c29d18eeac9798b3b11ed282b515fa639bb6ca4da96", Transcript.Fingerprint());

    [Theory]
    [InlineData("DOTNET_EnableAES")]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task It_is_the_same_without_instructions_of_the_processor(string setting)
    {
        using Process process = Start(["transcript"], setting);
        Assert.Equal(Transcript.Fingerprint(), await LastLineAsync(process));
    }

    [Fact]
    public async Task Two_processes_make_transfers_over_a_socket()
    {
        int count = Environment.GetEnvironmentVariable("POPCORN_SLOW_TESTS") is null ? 1_000_000 : 10_000_000;
        using Process server = Start(["server", $"{count}"]);
        string port = (await server.StandardOutput.ReadLineAsync().WaitAsync(Patience))!;
        using Process client = Start(["client", $"{count}", port]);
        string[] words = (await LastLineAsync(client)).Split(' ');
        Assert.Equal([$"{2L * count}", "right,"], words[..2]);
        Assert.Equal("done", await LastLineAsync(server));
    }

    private static Process Start(string[] arguments, string? switchedOff = null)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList = { "exec", typeof(ProcessTests).Assembly.Location },
            RedirectStandardOutput = true,
        };
        Array.ForEach(arguments, start.ArgumentList.Add);
        if (switchedOff is not null)
        {
            start.Environment[switchedOff] = "0";
        }

        return Process.Start(start)!;
    }

    private static async Task<string> LastLineAsync(Process process)
    {
        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Patience);
        await process.WaitForExitAsync().WaitAsync(Patience);
        Assert.Equal(0, process.ExitCode);
        return output.Trim().Split('\n')[^1];
    }
}
