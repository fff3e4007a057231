using System.Numerics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Popcorn.Engine;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;
using Popcorn.Interop;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A client that an application keeps, whatever its connections do.</summary>
public sealed class PopcornClientTests : IDisposable
{
    private static readonly IntegerNetwork Network =
        TestFiles.TinyNetwork() with { ClassNames = ["cat", "dog", "otter"] };

    private static readonly int[] Picture = [.. Enumerable.Range(0, 36).Select(i => i * 7)];

    private readonly PaillierPrivateKey _key = TestService.QuickKey();

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task Results_have_names_and_scores()
    {
        await using WebApplication host = await StartAsync();
        await using var client = new PopcornClient(OptionsFor(host));
        InferenceResult result = await client.InferAsync(Picture);
        BigInteger[] logits = new PlainEvaluator(Network).Run(Picture);
        Assert.Equal(logits, result.Logits);
        Assert.Equal(Network.ClassNames[result.Label], result.Name);
        Assert.Equal(3, result.Scores.Count);
        Assert.Equal(1, result.Scores.Sum(), 9);
        double expected = Math.Exp((double)(logits[0] - logits[1]) * Network.LogitScale);
        Assert.Equal(expected, result.Scores[0] / result.Scores[1], 9);

        PublicNetwork described = await client.DescribeAsync();
        Assert.Equal(Network.ClassNames, described.ClassNames);
        Assert.Equal(Network.LogitScale, described.LogitScale);
        ModelDescription listed = Assert.Single(await PopcornClient.ListModelsAsync(UrlOf(host)));
        Assert.Equal(Network.ClassNames, listed.ClassNames);
        Assert.Equal(Network.LogitScale, listed.LogitScale);
    }

    [Fact]
    public async Task A_picture_is_fitted()
    {
        await using WebApplication host = await StartAsync();
        await using var client = new PopcornClient(OptionsFor(host));
        byte[] pixels = [.. Picture.SelectMany(value => Enumerable.Repeat((byte)value, 3))];
        InferenceResult result = await client.InferAsync(Image.FromPixels(pixels, 3, 6, 6));
        Assert.Equal(new PlainEvaluator(Network).Run(Picture), result.Logits);
    }

    [Fact]
    public async Task Queries_at_once_share_sessions()
    {
        int connections = 0;
        await using WebApplication host = await StartAsync(_ =>
        {
            Interlocked.Increment(ref connections);
            return null;
        });
        await using var client = new PopcornClient(OptionsFor(host, options => options.MaxSessions = 2));
        BigInteger[] expected = new PlainEvaluator(Network).Run(Picture);
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
            Assert.Equal(expected, (await client.InferAsync(Picture)).Logits)));
        Assert.InRange(connections, 1, 2);

        IReadOnlyList<InferenceResult> two = await client.InferAsync([Picture, new int[36]]);
        Assert.Equal(expected, two[0].Logits);
        Assert.InRange(connections, 1, 2);
    }

    [Fact]
    public async Task A_session_that_ended_is_replaced()
    {
        await using WebApplication host = await StartAsync(configure: options =>
            options.IdleTimeout = TimeSpan.FromSeconds(0.2));
        await using var client = new PopcornClient(OptionsFor(host, options => options.Retries = 0));
        for (int i = 0; i < 3; i++)
        {
            await client.InferAsync(Picture);
            await Task.Delay(TimeSpan.FromSeconds(0.5));
        }
    }

    [Fact]
    public async Task What_may_yet_go_well_is_tried_again_and_nothing_else()
    {
        int status = StatusCodes.Status503ServiceUnavailable, refusals = 2, connections = 0;
        await using WebApplication host = await StartAsync(_ =>
            Interlocked.Increment(ref connections) <= refusals ? status : null);
        await using (var client = new PopcornClient(OptionsFor(host)))
        {
            await client.InferAsync(Picture);
            Assert.Equal(3, connections);
        }

        refusals = 9;
        connections = 0;
        await using (var client = new PopcornClient(OptionsFor(host)))
        {
            PopcornException busy = await Assert.ThrowsAsync<PopcornException>(() => client.InferAsync(Picture));
            Assert.Equal(PopcornError.Busy, busy.Error);
            Assert.Equal(3, connections);
        }

        status = StatusCodes.Status401Unauthorized;
        connections = 0;
        await using (var client = new PopcornClient(OptionsFor(host)))
        {
            PopcornException unknown = await Assert.ThrowsAsync<PopcornException>(() => client.InferAsync(Picture));
            Assert.Equal(PopcornError.Unauthorized, unknown.Error);
            Assert.Equal(1, connections);
        }

        refusals = 0;
        await using (var client = new PopcornClient(OptionsFor(host, options => options.Model = "no such")))
        {
            PopcornException missing = await Assert.ThrowsAsync<PopcornException>(() => client.InferAsync(Picture));
            Assert.Equal(PopcornError.Refused, missing.Error);
            Assert.Equal(2, connections);
        }
    }

    [Fact]
    public async Task An_input_that_does_not_fit_costs_no_session()
    {
        int connections = 0;
        await using WebApplication host = await StartAsync(_ =>
        {
            connections++;
            return null;
        });
        await using var client = new PopcornClient(OptionsFor(host));
        for (int i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<PopcornException>(() => client.InferAsync(new int[35]));
            await client.InferAsync(Picture);
        }

        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task A_disposed_client_ends_its_queries()
    {
        await using WebApplication host = await StartAsync();
        var client = new PopcornClient(OptionsFor(host));
        await client.InferAsync(Picture);
        Task[] queries = [.. Enumerable.Range(0, 20).Select(_ => client.InferAsync(Picture))];
        await client.DisposeAsync();
        await client.DisposeAsync();
        Assert.All(queries, query => Assert.True(query.IsCompleted));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.InferAsync(Picture));
        await Record.ExceptionAsync(() => Task.WhenAll(queries));
    }

    [Fact]
    public async Task Applications_are_given_clients_and_told_of_bad_options_at_their_start()
    {
        await using WebApplication host = await StartAsync();
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        void Configure(PopcornClientOptions options) =>
            (options.Server, options.Model, options.Key) = (UrlOf(host), "tiny", _key);
        builder.Services.AddPopcornClient(Configure);
        builder.Services.AddPopcornClient("other", Configure);
        using (IHost application = builder.Build())
        {
            await application.StartAsync();
            IPopcornClient client = application.Services.GetRequiredService<IPopcornClient>();
            Assert.NotSame(client, application.Services.GetRequiredKeyedService<IPopcornClient>("other"));
            Assert.Equal(new PlainEvaluator(Network).Run(Picture), (await client.InferAsync(Picture)).Logits);
            await application.StopAsync();
            await ((IAsyncDisposable)application).DisposeAsync();
        }

        HostApplicationBuilder wrong = Host.CreateApplicationBuilder();
        wrong.Services.AddPopcornClient(options => options.Server = UrlOf(host));
        using IHost refused = wrong.Build();
        OptionsValidationException e =
            await Assert.ThrowsAsync<OptionsValidationException>(() => refused.StartAsync());
        Assert.Contains("Model must be set", e.Message, StringComparison.Ordinal);
    }

    private static Uri UrlOf(WebApplication host) => new(host.Urls.Single());

    private PopcornClientOptions OptionsFor(WebApplication host, Action<PopcornClientOptions>? configure = null)
    {
        var options = new PopcornClientOptions
        {
            Server = UrlOf(host),
            Model = "tiny",
            Key = _key,
            RetryDelay = TimeSpan.FromMilliseconds(10),
        };
        configure?.Invoke(options);
        return options;
    }

    /// <summary>A service on a port of its own.</summary>
    /// <param name="answer">The status that a connection is answered with instead; null: it is let in.</param>
    /// <param name="configure">Changes its options.</param>
    private static async Task<WebApplication> StartAsync(
        Func<HttpContext, int?>? answer = null, Action<PopcornOptions>? configure = null)
    {
        WebApplication host = TestService.Build(new ServedModel("tiny", Network), configure, inProcess: false);
        host.Urls.Add("http://127.0.0.1:0");
        host.UseRouting();
        host.Use((context, next) =>
        {
            if (context.Request.Path == PopcornClient.DefaultPath && answer?.Invoke(context) is int status)
            {
                context.Response.StatusCode = status;
                return Task.CompletedTask;
            }

            return next();
        });
        host.MapPopcorn();
        await host.StartAsync();
        return host;
    }
}
