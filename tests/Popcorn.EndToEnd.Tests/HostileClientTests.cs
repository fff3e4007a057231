using System.Collections.Concurrent;
using System.Numerics;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Fuzz;
using Popcorn.Hosting;
using Popcorn.Interop;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.EndToEnd.Tests;

/// <summary>
/// Clients that break every rule, against a service on a real socket: after each of them it gives exact answers, and
/// nothing of theirs is left. With POPCORN_SLOW_TESTS=1 for many minutes.
/// </summary>
public sealed class HostileClientTests(ITestOutputHelper output, HostileClientTests.Party party)
    : IClassFixture<HostileClientTests.Party>
{
    private const int Seed = 1;

    private static int Messages => SharedData.SlowTests ? 100_000 : 3_000;

    private static int Resets => SharedData.SlowTests ? 1_000 : 100;

    /// <summary>A key, and what an honest client sends under it.</summary>
    public sealed class Party : IDisposable
    {
        public PaillierPrivateKey Key { get; } = PaillierPrivateKey.Generate();

        public void Dispose() => Key.Dispose();
    }

    [Fact]
    public async Task Mutated_messages_in_the_middle_of_sessions_end_these_sessions_only()
    {
        await using Service service = await Service.StartAsync();
        IReadOnlyList<byte[]> honest = await service.RecordAsync(party.Key);
        long sent = 0, sessions = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 4), new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (worker, _) =>
            {
                var random = new Random(Seed + worker);
                while (Interlocked.Read(ref sent) < Messages)
                {
                    IReadOnlyList<byte[]> messages = Mutations.MessagesOf(
                        Mutations.Sequence(Mutations.Joined(honest), Mutations.Joined(honest), random));
                    using RawSocket socket = await RawSocket.OpenAsync(service.Port);
                    try
                    {
                        foreach (byte[] message in messages.Where(m => m.Length <= 2 * WireLimits.MaxMessageBytes))
                        {
                            Interlocked.Increment(ref sent);
                            await socket.SendAsync(message);
                        }

                        await socket.SendFrameAsync([3, 232], opcode: 8);
                    }
                    catch (IOException)
                    {
                        // The server has left already.
                    }

                    await socket.ReadToEndAsync(Eventually.Patience);
                    if (Interlocked.Increment(ref sessions) % 200 == 0)
                    {
                        await service.AssertServesAsync(party.Key);
                    }
                }
            });
        await service.AssertNothingIsLeftAsync(party.Key);
        output.WriteLine($"{sent} messages in {sessions} sessions");
    }

    [Fact]
    public async Task Connections_reset_at_any_moment_leave_nothing()
    {
        await using Service service = await Service.StartAsync();
        IReadOnlyList<byte[]> honest = await service.RecordAsync(party.Key);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Resets), new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (i, _) =>
            {
                var random = new Random(i);
                using RawSocket socket = await RawSocket.OpenAsync(service.Port);
                int last = random.Next(honest.Count + 1);
                try
                {
                    for (int m = 0; m < last; m++)
                    {
                        await socket.SendAsync(honest[m]);
                    }

                    if (last < honest.Count)
                    {
                        byte[] frame = RawSocket.Frame(honest[last]);
                        await socket.SendBytesAsync(frame[..random.Next(frame.Length)]);
                    }

                    await Task.Delay(random.Next(60));
                }
                catch (IOException)
                {
                    // The server has left already.
                }

                socket.Reset();
            });
        await service.AssertNothingIsLeftAsync(party.Key);
    }

    [Fact]
    public async Task Broken_frames_end_their_own_connection_only()
    {
        await using Service service = await Service.StartAsync();
        var problems = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(
            RawBreaches.All, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (breach, _) =>
            {
                using RawSocket socket = await RawSocket.OpenAsync(service.Port);
                try
                {
                    await breach.Value(socket);
                }
                catch (IOException)
                {
                    // The server has left already.
                }

                if (!await socket.ReadToEndAsync(Eventually.Patience))
                {
                    problems.Enqueue($"After {breach.Key} the server keeps the connection.");
                }

                await service.AssertServesAsync(party.Key);
            });
        Assert.Empty(problems);
        await service.AssertNothingIsLeftAsync(party.Key);
    }

    [Fact]
    public async Task A_message_in_fragments_of_a_byte_is_a_message()
    {
        await using Service service = await Service.StartAsync();
        byte[] hello = (await service.RecordAsync(party.Key))[0];
        using RawSocket socket = await RawSocket.OpenAsync(service.Port);
        for (int i = 0; i < hello.Length; i++)
        {
            await socket.SendFrameAsync([hello[i]], opcode: i == 0 ? 2 : 0, isLast: i == hello.Length - 1);
        }

        Assert.Equal(Proto.Tag(2), (await socket.ReadFrameAsync())[0]); // Welcome
    }

    /// <summary>A service of the tiny network on a port of its own.</summary>
    private sealed class Service : IAsyncDisposable
    {
        private readonly WebApplication _host;
        private readonly ServedModel _model;

        private Service(WebApplication host, ServedModel model)
        {
            _host = host;
            _model = model;
            Url = new Uri(host.Urls.Single());
        }

        public int Port => Url.Port;

        private Uri Url { get; }

        public static async Task<Service> StartAsync()
        {
            var model = new ServedModel("tiny", TestFiles.TinyNetwork());
            WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Services.AddPopcorn(options =>
            {
                options.Models.Add(model);
                options.IdleTimeout = TimeSpan.FromSeconds(15);
            });
            WebApplication host = builder.Build();
            host.MapPopcorn();
            host.MapPopcornHealth();
            await host.StartAsync();
            return new Service(host, model);
        }

        /// <summary>The messages that an honest client of two queries sends.</summary>
        public async Task<IReadOnlyList<byte[]>> RecordAsync(PaillierPrivateKey key)
        {
            var sent = new ConcurrentQueue<byte[]>();
            var tape = new FrameFilter(await PopcornClient.ConnectAsync(Url), (frame, isOut) =>
            {
                if (isOut)
                {
                    sent.Enqueue(frame.ToByteArray());
                }
            });
            await using ClientSession session =
                await ClientSession.OpenAsync(tape, key, "tiny", new ClientOptions(), default);
            for (int query = 0; query < 2; query++)
            {
                await session.InferAsync(new int[36], null, default);
            }

            return [.. sent];
        }

        public async Task AssertServesAsync(PaillierPrivateKey key)
        {
            await using ClientSession session = await ClientSession.OpenAsync(
                await PopcornClient.ConnectAsync(Url), key, "tiny", new ClientOptions(), default);
            int[] image = [.. Enumerable.Range(0, 36).Select(i => i * 7)];
            BigInteger[] expected = new PlainEvaluator(TestFiles.TinyNetwork()).Run(image);
            Assert.Equal(expected, (await session.InferAsync(image, null, default)).Logits);
        }

        public async Task AssertNothingIsLeftAsync(PaillierPrivateKey key)
        {
            await AssertServesAsync(key);
            using var http = new HttpClient();
            await Eventually.IsTrueAsync(
                async () =>
                {
                    // Where sessions that end still count, it may say that it can take no more: 503.
                    using HttpResponseMessage health = await http.GetAsync(new Uri(Url, "/health"));
                    string text = await health.Content.ReadAsStringAsync();
                    return text.Contains("\"connections\":0,", StringComparison.Ordinal);
                },
                "A session has not ended.");
        }

        public async ValueTask DisposeAsync()
        {
            await _host.DisposeAsync();
            _model.Dispose();
        }
    }
}
