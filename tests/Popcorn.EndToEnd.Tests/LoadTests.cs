using System.Collections.Concurrent;
using System.Diagnostics;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;
using Popcorn.Interop;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A server under the load of many clients that it knows, some of which vanish, while its model changes.
/// </summary>
public sealed class LoadTests(ITestOutputHelper output) : IDisposable
{
    private const int Clients = 100;
    private static readonly TimeSpan Time = TimeSpan.FromMinutes(5);

    private readonly TestFiles _files = new();
    private readonly ConcurrentQueue<double> _seconds = new();
    private readonly PaillierPrivateKey _key = PaillierPrivateKey.Generate(2048);
    private int _wrong;

    public void Dispose()
    {
        _key.Dispose();
        _files.Dispose();
    }

    [SlowFact]
    public async Task A_hundred_clients_get_right_answers_while_some_vanish_and_the_model_changes()
    {
        Image[] images = TestFiles.Digits();
        string[] samples = [TestFiles.Sample("mnist-small.popcorn"), TestFiles.Sample("mnist-bm1.popcorn")];
        BigInteger[][][] expected = [.. samples.Select(sample => TestFiles.LogitsOf(sample, images))];
        string file = _files["digits.popcorn"], register = _files["clients.txt"];
        File.Copy(samples[0], file);
        await File.WriteAllLinesAsync(register, Enumerable.Range(0, Clients).Select(i =>
            $"client{i} {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(TokenOf(i))))} - - digits"));
        await using RunningServer server = await RunningServer.StartAsync(
            file, "--clients", register, "--max-connections", "300", "--connections-per-address", "300");
        int files = server.OpenFiles;
        long atFirst = server.Memory;

        var clock = Stopwatch.StartNew();
        using var vanish = new SemaphoreSlim(0);
        Task[] asking = [.. Enumerable.Range(0, Clients).Select(i => Task.Run(() => AskAsync(i)))];
        var peaks = new long[Time.Minutes + 1]; // of each minute
        for (int second = 1; clock.Elapsed < Time; second++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            vanish.Release();
            if (second is 100 or 200)
            {
                File.Copy(samples[second / 100 % 2], file, overwrite: true);
                File.SetLastWriteTimeUtc(file, DateTime.UtcNow);
                server.Tell("HUP");
            }

            ref long peak = ref peaks[(int)clock.Elapsed.TotalMinutes];
            peak = Math.Max(peak, server.Memory);
        }

        await Task.WhenAll(asking).WaitAsync(Eventually.Patience);
        double[] seconds = [.. _seconds.Order()];
        double median = seconds[seconds.Length / 2], slow = seconds[seconds.Length * 99 / 100];
        string memory = $"{atFirst >> 20} MiB at first, at most {string.Join(", ", peaks.Select(peak => peak >> 20))} "
            + "in each minute";
        output.WriteLine(
            $"{seconds.Length} answers, median {median:F2} s, 99 % within {slow:F2} s; memory {memory}");
        Assert.Equal(0, _wrong);
        Assert.True(seconds.Length > Clients, "Hardly anybody was answered.");
        Assert.True(slow <= 5 * median, $"Of a hundred queries one took {slow:F2} s, the median is {median:F2} s.");

        // It grows until what is free has been used once by everybody, then stays. Whatever is lost with each client or
        // model shows when all are gone.
        long late = peaks[^2], before = peaks[..^2].Max();
        Assert.True(late < (before * 5 / 4) + (32 << 20), memory);
        await server.LogsAsync("digits: the file has changed", times: 2);
        await Eventually.IsTrueAsync(() => server.OpenFiles <= files + 20, "Connections are still open.");
        long left = 0;
        await Eventually.IsTrueAsync(
            () => (left = server.Memory) < atFirst + (128 << 20), $"Nobody is there, and memory stays: {memory}.");
        output.WriteLine($"{left >> 20} MiB when all had gone");
        Assert.DoesNotContain("   at ", server.Log, StringComparison.Ordinal);
        Assert.Equal(0, await server.EndAsync("TERM"));

        async Task AskAsync(int number)
        {
            var random = new Random(number);
            while (clock.Elapsed < Time)
            {
                await using var client = new PopcornClient(OptionsOf(server, number));
                while (clock.Elapsed < Time)
                {
                    int image = random.Next(images.Length);
                    using var gone = new CancellationTokenSource();
                    if (vanish.Wait(0))
                    {
                        gone.CancelAfter(random.Next(500)); // in the middle of whatever it does then
                    }

                    long start = Stopwatch.GetTimestamp();
                    try
                    {
                        InferenceResult result = await client.InferAsync(
                            images[image], cancellationToken: gone.Token);
                        _seconds.Enqueue(Stopwatch.GetElapsedTime(start).TotalSeconds);
                        if (!expected.Any(model => model[image].SequenceEqual(result.Logits)))
                        {
                            Interlocked.Increment(ref _wrong);
                        }
                    }
                    catch (OperationCanceledException) when (gone.IsCancellationRequested)
                    {
                        break;
                    }
                }
            }
        }
    }

    private static string TokenOf(int client) => $"token-of-{client}";

    private PopcornClientOptions OptionsOf(RunningServer server, int client) => new()
    {
        Server = new Uri(server.Url),
        Model = "digits",
        Key = _key,
        Connection = new ConnectionOptions
        {
            Headers = new Dictionary<string, string> { ["Authorization"] = $"Bearer {TokenOf(client)}" },
            Timeout = Eventually.Patience,
        },
        Session = new ClientOptions { OpenTimeout = Eventually.Patience },
    };
}
