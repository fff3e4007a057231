using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>What <c>popcorn serve</c> tells an OpenTelemetry collector.</summary>
public sealed class TelemetryTests : IDisposable
{
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("--otlp")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT")]
    [InlineData("POPCORN_SERVE_OTLP")]
    public async Task A_collector_gets_metrics_traces_and_the_log(string way)
    {
        await using Collector collector = await Collector.StartAsync();
        var variables = new Dictionary<string, string?>
        {
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "200",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
            ["OTEL_BLRP_SCHEDULE_DELAY"] = "200",
            ["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment=of-a-test",
            [way] = collector.Url,
        };
        string[] option = way.StartsWith('-') ? [way, collector.Url] : [];
        await using RunningServer server = await RunningServer.StartInAsync(
            variables, [_files.Model("tiny.popcorn"), "--listen", "http://127.0.0.1:0", "--no-forecast", .. option]);
        await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "tiny", "--image", _files.Images(1, labels: false));
        await collector.HasAsync("/v1/metrics", "popcorn.queries");
        await collector.HasAsync("/v1/metrics", "popcorn.query.duration");
        await collector.HasAsync("/v1/metrics", "popcorn.memory.reserved");
        await collector.HasAsync("/v1/traces", "popcorn.session");
        await collector.HasAsync("/v1/traces", "popcorn.query");
        await collector.HasAsync("/v1/traces", "popcorn.step");
        await collector.HasAsync("/v1/logs", "query done in");
        foreach (string path in (string[])["/v1/metrics", "/v1/traces", "/v1/logs"])
        {
            await collector.HasAsync(path, "of-a-test");
            await collector.HasAsync(path, "popcorn");
        }
    }

    [Fact]
    public async Task Prometheus_reads_metrics_where_it_is_let_to()
    {
        await using RunningServer server = await RunningServer.StartAsync(_files.Model("tiny.popcorn"), "--metrics");
        await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "tiny", "--image", _files.Images(1, labels: false));
        using var http = new HttpClient();
        string metrics = await http.GetStringAsync(new Uri(server.Url + "/metrics"));
        Assert.Matches("(?m)^popcorn_queries_total\\{.*popcorn_model=\"tiny\".*\\} 1( |$)", metrics);
        Assert.Contains("popcorn_query_duration_seconds_bucket", metrics, StringComparison.Ordinal);

        string clients = _files["clients.txt"];
        CommandRun token = await CommandRun.Of("token", "prometheus", "--clients", clients);
        await using RunningServer guarded = await RunningServer.StartAsync(
            _files["tiny.popcorn"], "--metrics", "--clients", clients);
        using HttpResponseMessage refused = await http.GetAsync(new Uri(guarded.Url + "/metrics"));
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, refused.StatusCode);
        http.DefaultRequestHeaders.Authorization = new("Bearer", token.Out.Trim());
        await http.GetStringAsync(new Uri(guarded.Url + "/metrics"));
        await using RunningServer without = await RunningServer.StartAsync(_files["tiny.popcorn"]);
        using HttpResponseMessage nothing = await http.GetAsync(new Uri(without.Url + "/metrics"));
        Assert.Equal(System.Net.HttpStatusCode.NotFound, nothing.StatusCode);
    }

    [Fact]
    public async Task A_collector_that_is_not_there_is_nobodys_loss()
    {
        await using RunningServer server = await RunningServer.StartAsync(
            _files.Model("tiny.popcorn"), "--otlp", "http://127.0.0.1:1");
        await CommandRun.Json(
            "infer", "--server", server.Url, "--model", "tiny", "--image", _files.Images(1, labels: false));
        await CommandRun.Fails(
            1, "--otlp localhost:4318: write http://HOST:PORT", "serve", _files["tiny.popcorn"], "--otlp",
            "localhost:4318");
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(0, await server.EndAsync("TERM"));
        }
    }

    [Fact]
    public async Task Without_a_collector_nothing_of_OpenTelemetry_is_loaded()
    {
        // Compiled ahead of time it is all one file.
        if (!OperatingSystem.IsLinux() || CommandRun.Executable == OtherSystem.Command
            || CommandRun.Installed is not null)
        {
            return;
        }

        Assert.True(await IsLoadedAsync("--otlp", "http://127.0.0.1:1"));
        Assert.False(await IsLoadedAsync());

        async Task<bool> IsLoadedAsync(params string[] options)
        {
            await using RunningServer server =
                await RunningServer.StartAsync([_files.Model("tiny.popcorn"), .. options]);
            string maps = await File.ReadAllTextAsync($"/proc/{server.Id}/maps");
            return maps.Contains("OpenTelemetry", StringComparison.Ordinal);
        }
    }

    /// <summary>Keeps what it gets.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly ConcurrentBag<(string Path, byte[] Body)> _received = [];
        private readonly WebApplication _host;

        private Collector(WebApplication host) => _host = host;

        public string Url => _host.Urls.Single();

        public static async Task<Collector> StartAsync()
        {
            WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            var collector = new Collector(builder.Build());
            collector._host.Urls.Add("http://127.0.0.1:0");
            collector._host.Run(async context =>
            {
                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body);
                Assert.Equal("application/x-protobuf", context.Request.ContentType);
                collector._received.Add((context.Request.Path, body.ToArray()));
            });
            await collector._host.StartAsync();
            return collector;
        }

        /// <summary>Waits for these words: in protobuf they stand as they are.</summary>
        public Task HasAsync(string path, string words) => Eventually.IsTrueAsync(
            () => _received.Any(each => each.Path == path
                && each.Body.AsSpan().IndexOf(Encoding.ASCII.GetBytes(words)) >= 0),
            $"No '{words}' has come to {path}.");

        public ValueTask DisposeAsync() => _host.DisposeAsync();
    }
}
