using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Popcorn.Engine;
using Popcorn.Engine.Families;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>The spans of a service, as somebody sees them who listens.</summary>
public sealed class TraceTests : IDisposable
{
    private readonly PaillierPrivateKey _key = TestService.QuickKey();

    public static TheoryData<string> Families => [.. FamilyRegistry.All.Select(family => family.Name)];

    public void Dispose() => _key.Dispose();

    [Theory]
    [MemberData(nameof(Families))]
    public async Task A_session_holds_its_queries_and_these_their_steps(string name)
    {
        Family family = FamilyRegistry.All.Single(family => family.Name == name);
        string model = $"traced-{name}";
        ConcurrentBag<Activity> spans = [];
        using ActivityListener listener = Listen(spans);
        using var served = new ServedModel(model, TestFiles.TinyNetwork(), [family]);
        await using TestService service = await TestService.StartAsync(options => options.Models.Add(served));
        InferenceResult result;
        bool prepares;
        await using (ClientSession session = await ClientSession.OpenAsync(
            await service.ConnectAsync(), _key, model, new ClientOptions(), default))
        {
            await session.PrepareAsync();
            await session.InferAsync(new int[36], null, default);
            result = (await session.InferAsync([new int[36], new int[36]], null, default))[0];
            prepares = result.Use.Prepare is not null;
        }

        await service.SessionsEndedAsync();
        Activity[] mine = Of(model);
        Activity whole = Assert.Single(mine, span => span.OperationName == "popcorn.session");
        Assert.Equal(ActivityStatusCode.Unset, whole.Status);
        Assert.Null(whole.ParentId);
        Activity[] queries = [.. mine.Where(span => span.OperationName == "popcorn.query").OrderBy(Start)];
        Activity[] prepared = [.. mine.Where(span => span.OperationName == "popcorn.prepare").OrderBy(Start)];
        Assert.Equal(prepares ? 2 : 0, prepared.Length);
        Assert.Equal([1, 2], queries.Select(span => span.GetTagItem("popcorn.images")));
        Assert.All(queries.Concat(prepared), span =>
        {
            Assert.Equal(whole.SpanId, span.ParentSpanId);
            Assert.Equal(name, span.GetTagItem("popcorn.family"));
            Assert.True((long)span.GetTagItem("popcorn.bytes.received")! > 0);
            string[] steps =
            [
                .. span.Events.Where(step => step.Name == "popcorn.step")
                    .Select(step => $"{step.Tags.Single(tag => tag.Key == "popcorn.step").Value}"),
            ];
            Assert.NotEmpty(steps);
            Assert.Equal(steps.Distinct(), steps);
        });
        Assert.Equal(
            prepared.Select(span => span.SpanId),
            queries.SelectMany(span => span.Links).Select(link => link.Context.SpanId));

        Activity[] Of(string model) => [.. spans.Where(span => (string?)span.GetTagItem("popcorn.model") == model)];

        static DateTime Start(Activity span) => span.StartTimeUtc;
    }

    [Fact]
    public async Task A_failure_is_told_by_its_kind_alone()
    {
        const string Model = "failing";
        ConcurrentBag<Activity> spans = [];
        using ActivityListener listener = Listen(spans);
        using var served = new ServedModel(Model, TestFiles.TinyNetwork());
        int asked = 0;
        await using TestService service = await TestService.StartAsync(options =>
        {
            options.Models.Add(served);
            options.MayUse = (_, _) => ++asked == 1;
        });
        ClientSession session = await ClientSession.OpenAsync(
            await service.ConnectAsync(), _key, Model, new ClientOptions(), default);
        await using (session)
        {
            PopcornException e = await Assert.ThrowsAsync<PopcornException>(
                () => session.InferAsync(new int[36], null, default));
            Assert.Equal(PopcornError.Forbidden, e.Error);
        }

        await service.SessionsEndedAsync();
        Activity[] mine = [.. spans.Where(span => (string?)span.GetTagItem("popcorn.model") == Model)];
        Assert.Equal(2, mine.Length);
        Assert.All(mine, span =>
        {
            Assert.Equal(ActivityStatusCode.Error, span.Status);
            Assert.Equal("Forbidden", span.StatusDescription);
            Assert.Equal("Forbidden", span.GetTagItem("popcorn.error"));
            Assert.Empty(span.Events);
        });
    }

    [Fact]
    public async Task A_session_belongs_to_the_trace_of_its_client()
    {
        const string Model = "remote";
        ConcurrentBag<Activity> spans = [];
        using ActivityListener listener = Listen(spans);
        using var served = new ServedModel(Model, TestFiles.TinyNetwork());
        await using WebApplication host = TestService.Build(served, inProcess: false);
        host.Urls.Add("http://127.0.0.1:0");
        host.MapPopcorn();
        await host.StartAsync();
        using var client = new Activity("client") { ActivityTraceFlags = ActivityTraceFlags.Recorded };
        client.Start();
        var options = new PopcornClientOptions { Server = new Uri(host.Urls.Single()), Model = Model, Key = _key };
        await using (var connected = new PopcornClient(options))
        {
            await connected.InferAsync(new int[36]);
        }

        await Eventually.IsTrueAsync(() => spans.Any(IsSession), "The session has no span.");
        Activity session = spans.Single(IsSession);
        Assert.Equal(client.TraceId, session.TraceId);
        Assert.True(session.HasRemoteParent);

        static bool IsSession(Activity span) =>
            span.OperationName == "popcorn.session" && (string?)span.GetTagItem("popcorn.model") == Model;
    }

    private static ActivityListener Listen(ConcurrentBag<Activity> spans)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == PopcornTraces.SourceName,

            // As a collector's sampler does by default: what a parent nobody records is not, is not recorded either.
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent == default || options.Parent.TraceFlags == ActivityTraceFlags.Recorded
                    ? ActivitySamplingResult.AllDataAndRecorded
                    : ActivitySamplingResult.None,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
