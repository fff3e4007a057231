using System.Collections.Concurrent;
using System.Numerics;
using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A server that is told to end while many ask it.</summary>
public sealed class DrainTests
{
    private const int Clients = 16;

    [Fact]
    public async Task A_server_that_is_told_to_end_under_load_loses_no_query_that_it_works_at()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // No signal to send there.
        }

        string model = TestFiles.Sample("mnist-small.popcorn");
        Image[] images = TestFiles.Digits();
        BigInteger[][] expected = TestFiles.LogitsOf(model, images);
        using PaillierPrivateKey key = PaillierPrivateKey.Generate();
        await using RunningServer server = await RunningServer.StartAsync(
            model, "--connections-per-address", $"{Clients}", "--drain-timeout", "120");
        int answers = 0, answersOfEnd = 0;
        bool ends = false;
        var failures = new ConcurrentQueue<(bool IsUnderWay, PopcornException Why)>();
        Task[] asking = [.. Enumerable.Range(0, Clients).Select(i => Task.Run(() => AskAsync(i)))];
        await Eventually.IsTrueAsync(() => Volatile.Read(ref answers) >= Clients, "Nobody is answered.");
        Volatile.Write(ref ends, true);
        Assert.Equal(0, await server.EndAsync("TERM"));
        await Task.WhenAll(asking).WaitAsync(Eventually.Patience);

        Assert.Equal(Clients, failures.Count);
        Assert.All(failures, failure => Assert.False(failure.IsUnderWay, failure.Why.Message));
        Assert.True(answersOfEnd > 0, "No query was under way when the server was told to end.");
        Assert.DoesNotContain("failed", server.Log, StringComparison.Ordinal);

        async Task AskAsync(int image)
        {
            await using var client = new PopcornClient(new PopcornClientOptions
            {
                Server = new Uri(server.Url),
                Model = "mnist-small",
                Key = key,
                Retries = 0,
                Connection = new ConnectionOptions { Timeout = Eventually.Patience },
                Session = new ClientOptions { OpenTimeout = Eventually.Patience },
            });
            while (true)
            {
                var progress = new Hearing();
                try
                {
                    InferenceResult result = await client.InferAsync(
                        images[image % images.Length], progress);
                    Assert.Equal(expected[image++ % images.Length], result.Logits);
                }
                catch (PopcornException e)
                {
                    failures.Enqueue((progress.HasHeard, e));
                    return;
                }

                Interlocked.Increment(ref answers);
                if (Volatile.Read(ref ends))
                {
                    Interlocked.Increment(ref answersOfEnd);
                }
            }
        }
    }

    /// <summary>Whether the server has answered something in a query: told at once.</summary>
    private sealed class Hearing : IProgress<SessionProgress>
    {
        /// <summary>Input and first layer: what a client does before it waits for an answer.</summary>
        private const int OwnSteps = 2;

        public bool HasHeard { get; private set; }

        public void Report(SessionProgress value) => HasHeard |= value.Step >= OwnSteps;
    }
}
