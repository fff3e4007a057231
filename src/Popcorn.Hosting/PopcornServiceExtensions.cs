using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Popcorn.Engine;

namespace Popcorn.Hosting;

/// <summary>Adds Popcorn to an ASP.NET Core application.</summary>
public static class PopcornServiceExtensions
{
    /// <summary>Registers the service; <paramref name="configure"/> names the models and the limits.</summary>
    public static IServiceCollection AddPopcorn(this IServiceCollection services, Action<PopcornOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddRouting();
        services.AddMetrics();
        services.AddOptions<PopcornOptions>().Configure(configure);
        services.TryAddSingleton<PopcornMetrics>();
        services.TryAddSingleton<PopcornService>();
        return services;
    }

    /// <summary>
    /// Maps the WebSocket endpoint at <paramref name="pattern"/>, <c>GET /models</c> (the models served, their public
    /// facts) and <c>GET /health</c>. One connection is one session of any number of queries.
    /// </summary>
    /// <returns>The WebSocket endpoint, to add conventions to.</returns>
    /// <exception cref="PopcornException">There are no models, or two of the same name.</exception>
    public static IEndpointConventionBuilder MapPopcorn(
        this IEndpointRouteBuilder endpoints, string pattern = PopcornClient.DefaultPath)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        PopcornService service = endpoints.ServiceProvider.GetRequiredService<PopcornService>();
        ModelDescription[] models = [.. service.Models.Select(m => ModelDescription.Of(m.Name, m.Public))];
        endpoints.MapGet("/models", () => Results.Json(models, HostingJson.Default.ModelDescriptionArray));
        endpoints.MapGet("/health", () => Results.Json(service.Health(), HostingJson.Default.HealthDescription));

        RequestDelegate session =
            endpoints.CreateApplicationBuilder().UseWebSockets().Use(_ => service.HandleAsync).Build();
        return endpoints.Map(pattern, session).WithDisplayName("Popcorn sessions");
    }
}
