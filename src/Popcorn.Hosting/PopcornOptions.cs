using Popcorn.Engine;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;

namespace Popcorn.Hosting;

/// <summary>What a Popcorn service serves, and its limits.</summary>
public sealed class PopcornOptions
{
    /// <summary>The models served. Names must differ; at least one.</summary>
    public IList<ServedModel> Models { get; } = [];

    /// <summary>Connections at the same time; further ones are answered with 503.</summary>
    public int MaxConnections { get; set; } = 64;

    /// <summary>How long a client may say or take nothing before its session ends.</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Interval of pings on a quiet connection; a client silent for twice as long is gone.</summary>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest message accepted, in bytes; at most <see cref="WireLimits.MaxMessageBytes"/>.</summary>
    public int MaxMessageBytes { get; set; } = WireLimits.MaxMessageBytes;

    /// <summary>How long sessions may finish their work when the host stops.</summary>
    public TimeSpan ShutdownGrace { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Threads that one session computes with; 0: all cores.</summary>
    public int DegreeOfParallelism { get; set; }

    /// <summary>Smallest key accepted from a client, in bits of its modulus.</summary>
    public int MinimumKeyBits { get; set; } = 2048;

    /// <summary>
    /// Memory that the ciphertexts of a query with several images may take, in bytes; a single image is always taken.
    /// </summary>
    public long QueryMemoryBytes { get; set; } = new ServerOptions().QueryMemoryBytes;

    internal void Validate()
    {
        Require(Models.Count > 0, "A Popcorn service needs at least one model.");
        Require(MaxConnections > 0, $"{nameof(MaxConnections)} must be positive.");
        Require(
            MaxMessageBytes is > 0 and <= WireLimits.MaxMessageBytes,
            $"{nameof(MaxMessageBytes)} must be from 1 to {WireLimits.MaxMessageBytes}.");
        Require(IdleTimeout > TimeSpan.Zero, $"{nameof(IdleTimeout)} must be positive.");
        Require(KeepAliveInterval > TimeSpan.Zero, $"{nameof(KeepAliveInterval)} must be positive.");
        Require(ShutdownGrace >= TimeSpan.Zero, $"{nameof(ShutdownGrace)} must not be negative.");
        Require(QueryMemoryBytes >= 0, $"{nameof(QueryMemoryBytes)} must not be negative.");
        Require(DegreeOfParallelism >= 0, $"{nameof(DegreeOfParallelism)} must not be negative.");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new PopcornException(message);
        }
    }
}
