using System.Collections;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using Popcorn.Engine;
using Popcorn.Hosting;

namespace Popcorn.Cli.Service;

/// <summary>Whom a service tells what it does.</summary>
/// <param name="Collector">
/// Gets metrics, traces and the log by OpenTelemetry's protocol, as its variables say; null: nobody.
/// </param>
/// <param name="IsScraped">Whether Prometheus may come for metrics.</param>
internal sealed record Telemetry(string? Collector, bool IsScraped)
{
    /// <summary>Where Prometheus finds metrics.</summary>
    public const string MetricsPath = "/metrics";

    private const string Prefix = "OTEL_";
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";
    private const string ServiceName = "OTEL_SERVICE_NAME";

    /// <summary>Where everything goes; null: nobody has asked for it.</summary>
    /// <param name="url">What the command's line says; it comes before the variable.</param>
    /// <exception cref="PopcornException">That is no URL.</exception>
    public static string? EndpointOr(string? url)
    {
        (string name, string? value) = url is null
            ? (Endpoint, Environment.GetEnvironmentVariable(Endpoint)) : ("--otlp", url);
        return string.IsNullOrEmpty(value) ? null
            : Uri.TryCreate(value, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" ? value
            : throw new PopcornException($"{name} {value}: write http://HOST:PORT of an OpenTelemetry collector.");
    }

    /// <summary>Makes an application tell it. Where nobody has asked, nothing of OpenTelemetry is loaded.</summary>
    public void AddTo(WebApplicationBuilder builder)
    {
        if (Collector is not null || IsScraped)
        {
            AddAllTo(builder);
        }
    }

    /// <summary>Has a built application answer Prometheus.</summary>
    public void MapTo(WebApplication app)
    {
        if (IsScraped)
        {
            MapMetrics(app);
        }
    }

    // Methods of their own: what one names is loaded when it is compiled.
    private static void MapMetrics(WebApplication app) => app.MapPrometheusScrapingEndpoint(MetricsPath);

    private void AddAllTo(WebApplicationBuilder builder)
    {
        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry().WithMetrics(metrics =>
        {
            metrics.AddMeter(PopcornMetrics.MeterName, "System.Runtime");
            if (IsScraped)
            {
                metrics.AddPrometheusExporter();
            }
        });
        if (Collector is not null)
        {
            builder.Configuration.AddInMemoryCollection(SettingsFor(Collector));
            telemetry
                .WithTracing(traces => traces.AddSource(PopcornTraces.SourceName))
                .WithLogging(null, logs => logs.IncludeFormattedMessage = true)
                .UseOtlpExporter();
        }
    }

    private static Dictionary<string, string?> SettingsFor(string collector)
    {
        // Of the environment OpenTelemetry's variables alone get a say.
        Dictionary<string, string?> settings = new()
        {
            [Protocol] = "http/protobuf", // what OpenTelemetry asks for, and this library does not do
            [ServiceName] = "popcorn",
        };
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            if (variable is { Key: string name, Value: string { Length: > 0 } value }
                && name.StartsWith(Prefix, StringComparison.Ordinal))
            {
                settings[name] = value;
            }
        }

        settings[Endpoint] = collector;
        return settings;
    }
}
