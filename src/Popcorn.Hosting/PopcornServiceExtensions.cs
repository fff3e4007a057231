using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Popcorn.Engine;
using Popcorn.Engine.Sessions;

namespace Popcorn.Hosting;

/// <summary>Adds Popcorn to an ASP.NET Core application.</summary>
public static class PopcornServiceExtensions
{
    /// <summary>
    /// The lists of models that are mapped, by where: what is mapped cannot be asked, because looking at an endpoint
    /// ends what may be added to it.
    /// </summary>
    private static readonly ConditionalWeakTable<ICollection<EndpointDataSource>, HashSet<string>> Lists = [];

    /// <summary>
    /// Registers the service; <paramref name="configure"/> names limits and the models to begin with. The application's
    /// <see cref="ServedModels"/> takes further ones, and replaces and removes them, while the service runs.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Sets the options.</param>
    public static IServiceCollection AddPopcorn(
        this IServiceCollection services, Action<PopcornOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddRouting();
        services.AddMetrics();
        services.AddOptions<PopcornOptions>().Configure(options => configure?.Invoke(options));
        services.TryAddSingleton<PopcornMetrics>();
        services.TryAddSingleton(
            provider => new ServedModels(provider.GetRequiredService<IOptions<PopcornOptions>>().Value.Models));
        services.TryAddSingleton<PopcornService>();
        services.AddHostedService<WarmUp>();
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
        string list = pattern[..(pattern.LastIndexOf('/') + 1)] + "models";
        RouteGroupBuilder group = endpoints.MapGroup("");
        if (Lists.GetOrCreateValue(endpoints.DataSources).Add(list))
        {
            group.MapGet(
                    list,
                    (HttpContext context) => Results.Json(
                        service.DescribeFor(context), HostingJson.Default.ModelDescriptionArray))
                .WithDisplayName("Popcorn models");
        }

        RequestDelegate session =
            endpoints.CreateApplicationBuilder().UseWebSockets().Use(_ => service.HandleAsync).Build();
        group.Map(pattern, session).WithDisplayName("Popcorn sessions");
        return group;
    }

    /// <summary>
    /// Maps <c>GET /health</c>, or another path: how busy the service is, and by its status, 200 or 503, whether it
    /// takes sessions well: not without a model, not until the self-test has passed, not while the host stops. Below it
    /// <c>live</c> answers 200 for as long as the host answers at all. Apart from the sessions, because whoever watches
    /// a service is seldom a client of it.
    /// </summary>
    /// <returns>The endpoints, to add conventions to.</returns>
    public static IEndpointConventionBuilder MapPopcornHealth(
        this IEndpointRouteBuilder endpoints, string pattern = "/health")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        PopcornService service = endpoints.ServiceProvider.GetRequiredService<PopcornService>();
        RouteGroupBuilder group = endpoints.MapGroup("");
        group.MapGet(pattern, () => Results.Json(
            service.Health(), HostingJson.Default.HealthDescription,
            statusCode: service.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable))
            .WithDisplayName("Popcorn health");
        group.MapGet(pattern + "/live", () => Results.Text("live\n")).WithDisplayName("Popcorn is alive");
        return group;
    }
}
