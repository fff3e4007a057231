using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Popcorn.Engine;

namespace Popcorn.Hosting;

/// <summary>Adds clients of Popcorn services to an application.</summary>
public static class PopcornClientExtensions
{
    /// <summary>Registers an <see cref="IPopcornClient"/>.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Names service and model; checked when the application starts.</param>
    public static IServiceCollection AddPopcornClient(
        this IServiceCollection services, Action<PopcornClientOptions> configure)
    {
        Configure(services, Options.DefaultName, configure);
        services.TryAddSingleton<IPopcornClient>(provider => Create(provider, Options.DefaultName));
        return services;
    }

    /// <summary>Registers one of several, which is asked for by its name: <c>[FromKeyedServices("digits")]</c>.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="name">Its name.</param>
    /// <param name="configure">Names service and model; checked when the application starts.</param>
    public static IServiceCollection AddPopcornClient(
        this IServiceCollection services, string name, Action<PopcornClientOptions> configure)
    {
        Configure(services, name, configure);
        services.TryAddKeyedSingleton<IPopcornClient>(name, (provider, _) => Create(provider, name));
        return services;
    }

    private static void Configure(IServiceCollection services, string name, Action<PopcornClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<PopcornClientOptions>(name).Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<PopcornClientOptions>, OptionsCheck>());
    }

    private static PopcornClient Create(IServiceProvider provider, string name) => new(
        provider.GetRequiredService<IOptionsMonitor<PopcornClientOptions>>().Get(name),
        provider.GetService<ILogger<PopcornClient>>(), provider.GetService<TimeProvider>());

    private sealed class OptionsCheck : IValidateOptions<PopcornClientOptions>
    {
        public ValidateOptionsResult Validate(string? name, PopcornClientOptions options)
        {
            try
            {
                options.Validate();
                return ValidateOptionsResult.Success;
            }
            catch (PopcornException e)
            {
                return ValidateOptionsResult.Fail(e.Message);
            }
        }
    }
}
