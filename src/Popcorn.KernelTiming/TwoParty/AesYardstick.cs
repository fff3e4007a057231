using System.Diagnostics;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>The yardstick of transfers: AES-128 of a block, one of many under one key.</summary>
internal sealed class AesYardstick : IDisposable
{
    /// <summary>Blocks that are timed at once.</summary>
    public const int Units = Times * Blocks;

    private const int Blocks = 1024; // the nearest cache holds them
    private const int Times = 16;

    private readonly Aes128 _aes = new(Vector128.Create(1ul, 2));
    private readonly Vector128<ulong>[] _blocks = new Vector128<ulong>[Blocks];

    /// <summary>Whether the processor's instructions are used.</summary>
    public static bool HasInstructions => Aes128.HasInstructions;

    /// <summary>For the timer.</summary>
    public Yardstick Create() => new(Units, Measure);

    /// <inheritdoc/>
    public void Dispose() => _aes.Dispose();

    private TimeSpan Measure()
    {
        long began = Stopwatch.GetTimestamp();
        for (int time = 0; time < Times; time++)
        {
            _aes.Encrypt(_blocks);
        }

        return Stopwatch.GetElapsedTime(began);
    }
}
