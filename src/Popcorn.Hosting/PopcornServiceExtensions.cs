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
    private const string ListName = "Popcorn models";

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
    /// Maps the WebSocket endpoint at <paramref name="pattern"/>, and beside it, in the same folder, <c>GET models</c>:
    /// the models served, their public facts. One connection is one session of any number of queries. Of several calls
    /// for one folder the first maps the list.
    /// </summary>
    /// <returns>All that is mapped, to add conventions to: what is required of a session is required of the list.
    /// </returns>
    /// <exception cref="PopcornException">There are no models, or two of the same name.</exception>
    public static IEndpointConventionBuilder MapPopcorn(
        this IEndpointRouteBuilder endpoints, string pattern = PopcornClient.DefaultPath)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        PopcornService service = endpoints.ServiceProvider.GetRequiredService<PopcornService>();
        ModelDescription[] models = [.. service.Models.Select(m => ModelDescription.Of(m.Name, m.Public))];
        string list = pattern[..(pattern.LastIndexOf('/') + 1)] + "models";
        bool isMapped = endpoints.DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Any(endpoint => endpoint.RoutePattern.RawText == list && endpoint.DisplayName == ListName);
        RouteGroupBuilder group = endpoints.MapGroup("");
        if (!isMapped)
        {
            group.MapGet(list, () => Results.Json(models, HostingJson.Default.ModelDescriptionArray))
                .WithDisplayName(ListName);
        }

        RequestDelegate session =
            endpoints.CreateApplicationBuilder().UseWebSockets().Use(_ => service.HandleAsync).Build();
        group.Map(pattern, session).WithDisplayName("Popcorn sessions");
        return group;
    }

    /// <summary>
    /// Maps <c>GET /health</c>, or another path: whether the service answers, and how busy it is. Apart from the
    /// sessions, because whoever watches a service is seldom a client of it.
    /// </summary>
    /// <returns>The endpoint, to add conventions to.</returns>
    public static IEndpointConventionBuilder MapPopcornHealth(
        this IEndpointRouteBuilder endpoints, string pattern = "/health")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        PopcornService service = endpoints.ServiceProvider.GetRequiredService<PopcornService>();
        return endpoints.MapGet(
            pattern, () => Results.Json(service.Health(), HostingJson.Default.HealthDescription))
            .WithDisplayName("Popcorn health");
    }
}
