using System.Collections.Concurrent;
using Microsoft.Extensions.ObjectPool;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// Recycles the memory of a key's batches, so that layers that repeat the same sizes allocate nothing. Thread-safe.
/// </summary>
public sealed class CiphertextBatchPool : IDisposable
{
    private readonly ConcurrentDictionary<int, ObjectPool<BatchHandle>> _bySize = new();
    private readonly PaillierPublicKey _key;
    private readonly DefaultObjectPoolProvider _provider;
    private volatile bool _disposed;

    /// <summary>Makes an empty pool.</summary>
    /// <param name="key">The key of all its batches; it must outlive the pool.</param>
    /// <param name="maximumRetained">Unused batches kept of each size.</param>
    public CiphertextBatchPool(PaillierPublicKey key, int maximumRetained = 8)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maximumRetained);
        _key = key;
        _provider = new DefaultObjectPoolProvider { MaximumRetained = maximumRetained };
    }

    /// <summary>A batch whose disposal gives its memory back to this pool.</summary>
    /// <param name="count">Ciphertexts, 1 to 2²⁴.</param>
    /// <returns>A batch that holds arbitrary ciphertexts of this key until they are written.</returns>
    /// <exception cref="PaillierException">See <see cref="CiphertextBatch(PaillierPublicKey, int)"/>.</exception>
    public CiphertextBatch Rent(int count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new CiphertextBatch(_key, count, PoolOf(count).Get(), this);
    }

    /// <summary>Releases the unused batches; those still rented are released when they are disposed.</summary>
    public void Dispose()
    {
        _disposed = true;
        foreach (ObjectPool<BatchHandle> pool in _bySize.Values)
        {
            (pool as IDisposable)?.Dispose();
        }
    }

    internal void Return(BatchHandle handle, int count) => PoolOf(count).Return(handle);

    private ObjectPool<BatchHandle> PoolOf(int count) =>
        _bySize.GetOrAdd(count, static (size, pool) => pool._provider.Create(new Policy(pool._key, size)), this);

    private sealed class Policy(PaillierPublicKey key, int count) : PooledObjectPolicy<BatchHandle>
    {
        public override BatchHandle Create() => CiphertextBatch.Allocate(key, count);

        public override bool Return(BatchHandle handle) => true;
    }
}
