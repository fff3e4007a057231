using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Popcorn.Engine.Sessions;

namespace Popcorn.Hosting;

/// <summary>Runs the self-test beside the start of a host, which takes sessions when it has passed.</summary>
internal sealed partial class WarmUp(
    PopcornService service, IOptions<PopcornOptions> options, ILogger<WarmUp> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.WarmUp)
        {
            return;
        }

        try
        {
            await Task.Run(() => SelfTest.RunAsync(stoppingToken), stoppingToken).ConfigureAwait(false);
            service.IsWarm = true;
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops before it was ready.
        }
        catch (Exception e)
        {
            LogFailed(e.Message);
        }
    }

    [LoggerMessage(LogLevel.Critical, "the self-test failed, so this service will not be ready: {Reason}")]
    private partial void LogFailed(string reason);
}
