using Microsoft.Extensions.ObjectPool;

namespace Popcorn.Interop.Memory;

/// <summary>Buffers for encryption randomness and plaintexts, wiped between uses.</summary>
internal static class SecretBufferPool
{
    private static readonly ObjectPool<SecretBuffer> Pool = new DefaultObjectPoolProvider().Create(new Policy());

    internal static SecretBuffer Rent() => Pool.Get();

    internal static void Return(SecretBuffer buffer) => Pool.Return(buffer);

    private sealed class Policy : PooledObjectPolicy<SecretBuffer>
    {
        public override SecretBuffer Create() => new(0);

        public override bool Return(SecretBuffer buffer)
        {
            buffer.Wipe();
            return true;
        }
    }
}
