using System.Buffers;

namespace Popcorn.Interop.Native;

/// <summary>
/// Keeps batches alive while their addresses are in native hands. An array of handles is beyond the marshaller: what it
/// does for one, by hand.
/// </summary>
internal ref struct HeldBatches(int capacity)
{
    private readonly BatchHandle[] _held = ArrayPool<BatchHandle>.Shared.Rent(capacity);
    private int _count;

    /// <summary>The address of a batch, valid until this is disposed.</summary>
    public nint Hold(BatchHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _held[_count++] = handle;
        return handle.DangerousGetHandle();
    }

    public readonly void Dispose()
    {
        foreach (BatchHandle handle in _held.AsSpan(0, _count))
        {
            handle.DangerousRelease();
        }

        ArrayPool<BatchHandle>.Shared.Return(_held, clearArray: true);
    }
}
