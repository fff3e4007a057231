using System.Net;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;

namespace Popcorn.Cli.Service;

/// <summary>The web application that <c>popcorn serve</c> runs.</summary>
internal static class InferenceHost
{
    /// <summary>For what is left to do after the last query.</summary>
    public static readonly TimeSpan EndGrace = TimeSpan.FromSeconds(5);

    private const string HealthPath = "/health";

    /// <summary>Builds it.</summary>
    /// <param name="address">Where it listens.</param>
    /// <param name="tls">Its certificate; null: it speaks plain HTTP.</param>
    /// <param name="tokens">By what clients are known that may connect; null: anybody may.</param>
    /// <param name="models">The models.</param>
    /// <param name="limits">The limits.</param>
    /// <param name="log">How it writes its log.</param>
    /// <param name="telemetry">Whom it tells what it does.</param>
    public static WebApplication Build(
        IPEndPoint address, ServerCertificate? tls, ITokens? tokens, ServedModels models,
        PopcornOptions limits, LogOptions log, Telemetry telemetry)
    {
        // The empty builder: no settings file or environment variable of some other application gets a say.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;

            // Whoever connects and asks for nothing, or for half a line, goes as soon as one who does not shake hands.
            kestrel.Limits.RequestHeadersTimeout = limits.HandshakeTimeout;
            kestrel.Limits.KeepAliveTimeout = limits.HandshakeTimeout;
            kestrel.Listen(address, connection =>
            {
                if (tls is not null)
                {
                    connection.UseHttps(new TlsHandshakeCallbackOptions
                    {
                        OnConnection = _ => ValueTask.FromResult(tls.Options),
                        HandshakeTimeout = limits.HandshakeTimeout,
                    });
                }
            });
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = limits.ShutdownGrace + EndGrace);
        builder.Services.AddRoutingCore();
        if (tokens is not null)
        {
            limits.MayUse = Admission.MayUse;
            limits.Allowance = Admission.AllowanceOf;
            limits.QueryLimiter = PartitionedRateLimiter.Create<PopcornQuery, string>(Admission.LimitOf);
        }

        builder.Services.AddSingleton(models);
        builder.Services.AddSingleton(Options.Create(limits));
        builder.Services.AddPopcorn();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<RefusedRequests>();
        builder.Services.AddSingleton<IdleMemory>();
        log.AddTo(builder.Logging);
        telemetry.AddTo(builder);
        WebApplication app = builder.Build();
        if (tokens is not null)
        {
            // Before anything else but for probes, which show no token.
            var admission = new Admission(tokens, app.Services.GetRequiredService<RefusedRequests>());
            app.UseWhen(
                context => !context.Request.Path.StartsWithSegments(HealthPath),
                inner => inner.Use(next => context => admission.AuthenticateAsync(context, next)));
        }

        IdleMemory memory = app.Services.GetRequiredService<IdleMemory>();
        app.Use(next => context => memory.CountAsync(context, next));
        app.UseRouting();
        app.MapPopcorn();
        app.MapPopcornHealth(HealthPath);
        telemetry.MapTo(app);
        return app;
    }
}
