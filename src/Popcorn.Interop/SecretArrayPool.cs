using Microsoft.Extensions.ObjectPool;

namespace Popcorn.Interop;

/// <summary>Memory for encryption randomness and plaintexts, wiped between uses.</summary>
internal static class SecretArrayPool
{
    private static readonly ObjectPool<SecretArray<byte>> Pool = Create();

    internal static SecretArray<byte> Rent() => Pool.Get();

    internal static void Return(SecretArray<byte> array) => Pool.Return(array);

    /// <summary>A pool like the one that all share.</summary>
    internal static ObjectPool<SecretArray<byte>> Create() => new DefaultObjectPoolProvider().Create(new Policy());

    private sealed class Policy : PooledObjectPolicy<SecretArray<byte>>
    {
        public override SecretArray<byte> Create() => new(0);

        public override bool Return(SecretArray<byte> array)
        {
            array.Wipe();
            return true;
        }
    }
}
