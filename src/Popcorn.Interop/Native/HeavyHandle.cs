using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary>
/// Owns native memory that is worth a collection. The collector sees a few bytes of it and would let what nobody has
/// disposed pile up; so it is asked to look each time that the memory of all such handles has doubled. It is not told
/// by <see cref="GC.AddMemoryPressure"/>, which stops the process for a full collection with every 20 MB, disposed in
/// time or not.
/// </summary>
internal abstract class HeavyHandle() : SafeHandle(0, ownsHandle: true)
{
    private const long LeastBytes = 256L << 20;
    private const int LogUnit = 16;

    private static readonly Lock Guard = new();
    private static long _total, _limit = LeastBytes;

    private ushort _units; // of 2^16 bytes: small enough for the room that a SafeHandle's own fields leave

    public override bool IsInvalid => handle == 0;

    private long Weight => (long)_units << LogUnit;

    /// <summary>Says how much memory it is, once.</summary>
    internal void Weigh(long bytes)
    {
        _units = (ushort)Math.Min(ushort.MaxValue, (bytes + (1 << LogUnit) - 1) >> LogUnit);
        bool isMuch;
        lock (Guard)
        {
            _total += Weight;
            isMuch = _total > _limit;
            if (isMuch)
            {
                _limit = 2 * _total;
            }
        }

        if (isMuch)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }
    }

    /// <summary>Gives the native memory back.</summary>
    protected abstract bool Free();

    protected sealed override bool ReleaseHandle()
    {
        lock (Guard)
        {
            _total -= Weight;
            _limit = Math.Max(LeastBytes, Math.Min(_limit, 4 * _total));
        }

        return Free();
    }
}
