using System.Diagnostics;

namespace Popcorn.Tests;

/// <summary>Where a service of ASP.NET Core listens, from what it says of itself.</summary>
internal static class ServiceAddress
{
    private const string Listening = "Now listening on: ";

    /// <summary>Waits for its address; what the service says from then on is read and forgotten.</summary>
    /// <param name="service">Just started, its two streams of output redirected.</param>
    public static async Task<string> OfAsync(Process service)
    {
        service.ErrorDataReceived += (_, _) => { };
        service.BeginErrorReadLine();
        string? line;
        do
        {
            line = await service.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience);
        }
        while (line?.Contains(Listening, StringComparison.Ordinal) == false);
        Assert.True(line is not null, "The service has ended.");
        _ = service.StandardOutput.ReadToEndAsync();
        return line![(line!.IndexOf(Listening, StringComparison.Ordinal) + Listening.Length)..].Trim();
    }
}
