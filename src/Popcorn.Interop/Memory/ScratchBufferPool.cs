using Microsoft.Extensions.ObjectPool;

namespace Popcorn.Interop.Memory;

/// <summary>Scratch memory shared by all programs: as many buffers as programs ever ran at once.</summary>
internal static class ScratchBufferPool
{
    private static readonly ObjectPool<ScratchBuffer> Pool = new DefaultObjectPoolProvider().Create<ScratchBuffer>();

    internal static ScratchBuffer Rent() => Pool.Get();

    internal static void Return(ScratchBuffer buffer) => Pool.Return(buffer);
}
