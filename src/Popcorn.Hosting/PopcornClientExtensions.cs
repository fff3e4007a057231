using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;

namespace Popcorn.Hosting;

/// <summary>Adds clients of Popcorn services to an application, and shorter calls to clients.</summary>
public static class PopcornClientExtensions
{
    /// <summary>
    /// Registers an <see cref="IPopcornClient"/>. Where the application gives handlers to the <c>HttpClient</c> without
    /// a name, or to all, connections go through these, unless the options name others.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Names service and model; checked when the application starts.</param>
    public static IServiceCollection AddPopcornClient(
        this IServiceCollection services, Action<PopcornClientOptions> configure)
    {
        Configure(services, Options.DefaultName, configure);
        services.TryAddSingleton<IPopcornClient>(provider => Create(provider, Options.DefaultName));
        return services;
    }

    /// <summary>One inference of a picture, without word of its progress.</summary>
    /// <param name="client">By which.</param>
    /// <param name="image">Of any size: it is fitted to what the model takes.</param>
    /// <param name="cancellationToken">Gives up, on both sides.</param>
    /// <exception cref="PopcornException">As of the call with progress.</exception>
    public static Task<InferenceResult> InferAsync(
        this IPopcornClient client, Image image, CancellationToken cancellationToken) =>
        client.InferAsync(image, progress: null, cancellationToken);

    /// <summary>One inference, without word of its progress.</summary>
    /// <param name="client">By which.</param>
    /// <param name="input">The input's integers, channel by channel, row by row.</param>
    /// <param name="cancellationToken">Gives up, on both sides.</param>
    /// <exception cref="PopcornException">As of the call with progress.</exception>
    public static Task<InferenceResult> InferAsync(
        this IPopcornClient client, ReadOnlyMemory<int> input, CancellationToken cancellationToken) =>
        client.InferAsync(input, progress: null, cancellationToken);

    /// <summary>One inference of a tensor of floats: <see cref="InputDescription.Quantize"/>.</summary>
    /// <param name="client">The client.</param>
    /// <param name="values">
    /// Real numbers, channel by channel, row by row: what the network was trained on, but before the means were
    /// subtracted and the deviations divided by that the import was told of.
    /// </param>
    /// <param name="cancellationToken">Gives up, on both sides.</param>
    /// <exception cref="PopcornException">As for an input.</exception>
    public static async Task<InferenceResult> InferAsync(
        this IPopcornClient client, ReadOnlyMemory<float> values, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        PublicNetwork network = await client.DescribeAsync(cancellationToken).ConfigureAwait(false);
        return await client.InferAsync(network.Input.Quantize(values.Span), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Registers one of several, which is asked for by its name: <c>[FromKeyedServices("digits")]</c>. Where the
    /// application gives handlers to the <c>HttpClient</c> of that name (<c>AddHttpClient("digits")</c>), or to all,
    /// connections go through these, unless the options name others.
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
        services.AddOptions<PopcornClientOptions>(name).Configure(configure)
            .PostConfigure<IServiceProvider>((options, provider) => TakeHandlers(options, provider, name))
            .ValidateOnStart();
        services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IValidateOptions<PopcornClientOptions>, OptionsCheck>());
    }

    /// <summary>
    /// Goes through the application's handlers, where it has configured any: the factory's own ones are none that
    /// anybody asked for, and know nothing of the exceptions of <see cref="SystemProxy"/>.
    /// </summary>
    private static void TakeHandlers(PopcornClientOptions options, IServiceProvider provider, string name)
    {
        if (options.Connection is { Handler: null, HandlerFactory: null }
            && provider.GetService<IHttpMessageHandlerFactory>() is IHttpMessageHandlerFactory factory
            && provider.GetRequiredService<IOptionsMonitor<HttpClientFactoryOptions>>().Get(name)
                .HttpMessageHandlerBuilderActions.Count > 0)
        {
            options.Connection = options.Connection with { HandlerFactory = () => factory.CreateHandler(name) };
        }
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
