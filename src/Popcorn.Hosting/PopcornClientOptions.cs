using Popcorn.Engine;
using Popcorn.Engine.Sessions;
using Popcorn.Interop;

namespace Popcorn.Hosting;

/// <summary>Which model of which service a <see cref="PopcornClient"/> asks, and how.</summary>
public sealed class PopcornClientOptions
{
    /// <summary>
    /// The service: <c>http://host:port</c>, <c>https</c>, <c>ws</c> or <c>wss</c>; with no path, or
    /// one that ends with a slash, <see cref="PopcornClient.DefaultPath"/> is below it.
    /// </summary>
    public Uri? Server { get; set; }

    /// <summary>Name of the model.</summary>
    public string Model { get; set; } = "";

    /// <summary>
    /// The client's key, which must outlive the client; null: one of 2048 bits that the client makes for itself.
    /// </summary>
    public PaillierPrivateKey? Key { get; set; }

    /// <summary>Sessions at the same time, at most; further queries wait for one of them.</summary>
    public int MaxSessions { get; set; } = 1;

    /// <summary>Queries of one image that each session keeps prepared, at most; 0: each is prepared as it is asked.
    /// </summary>
    public int PrepareAhead { get; set; }

    /// <summary>
    /// How often a query is asked again where it failed and nothing is wrong with it
    /// (<see cref="PopcornException.IsTransient"/>).
    /// </summary>
    public int Retries { get; set; } = 2;

    /// <summary>
    /// Time before the first retry; before each further one it is twice as long, and never shorter than the service
    /// asks for.
    /// </summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>What is to be tried again later than this is not: its error is thrown at once.</summary>
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Credentials, proxy, certificates.</summary>
    public ConnectionOptions Connection { get; set; } = new();

    /// <summary>Threads, limits, time-outs.</summary>
    public ClientOptions Session { get; set; } = new();

    internal void Validate()
    {
        Require(Server is not null, $"{nameof(Server)} must be set, such as to https://host.");
        _ = ServiceConnection.Endpoint(Server!);
        Require(Model.Length > 0, $"{nameof(Model)} must be set: {nameof(PopcornClient.ListModelsAsync)} lists them.");
        Require(MaxSessions > 0, $"{nameof(MaxSessions)} must be positive.");
        Require(PrepareAhead >= 0, $"{nameof(PrepareAhead)} must not be negative.");
        Require(Retries >= 0, $"{nameof(Retries)} must not be negative.");
        Require(RetryDelay >= TimeSpan.Zero, $"{nameof(RetryDelay)} must not be negative.");
        Require(MaxRetryDelay >= TimeSpan.Zero, $"{nameof(MaxRetryDelay)} must not be negative.");
        Require(Connection is not null, $"{nameof(Connection)} must not be null.");
        Require(Session is not null, $"{nameof(Session)} must not be null.");
        Connection!.Validate();
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new PopcornException($"A client of Popcorn: {message}");
        }
    }
}
