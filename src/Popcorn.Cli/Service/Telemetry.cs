using System.Collections;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using Popcorn.Engine;
using Popcorn.Hosting;

namespace Popcorn.Cli.Service;

/// <summary>Metrics, traces and the log by OpenTelemetry's protocol, to where its variables say.</summary>
internal static class Telemetry
{
    private const string Prefix = "OTEL_";
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";
    private const string ServiceName = "OTEL_SERVICE_NAME";

    /// <summary>Where everything goes; null: nobody has asked for it, and nothing of OpenTelemetry is loaded.</summary>
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

    /// <summary>Makes an application tell it.</summary>
    public static void AddTelemetry(this WebApplicationBuilder builder, string endpoint)
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

        settings[Endpoint] = endpoint;
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddOpenTelemetry()
            .WithMetrics(metrics => metrics.AddMeter(PopcornMetrics.MeterName, "System.Runtime"))
            .WithTracing(traces => traces.AddSource(PopcornTraces.SourceName))
            .WithLogging(null, logs => logs.IncludeFormattedMessage = true)
            .UseOtlpExporter();
    }
}
