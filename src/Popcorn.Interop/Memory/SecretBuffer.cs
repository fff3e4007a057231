using System.Security.Cryptography;

namespace Popcorn.Interop.Memory;

/// <summary>
/// Bytes that must not outlive their use: never moved (so that the collector leaves no copies) and wiped when disposed
/// or finalized.
/// </summary>
internal sealed class SecretBuffer : IDisposable
{
    private byte[] _bytes;

    internal SecretBuffer(int length) => _bytes = Allocate(length);

    ~SecretBuffer() => Wipe();

    /// <summary>The first <paramref name="length"/> bytes; growing forgets the contents.</summary>
    internal Span<byte> Take(int length)
    {
        if (_bytes.Length < length)
        {
            Wipe();
            _bytes = Allocate(length);
        }

        return _bytes.AsSpan(0, length);
    }

    /// <summary>All bytes of the buffer.</summary>
    internal Span<byte> Span => _bytes;

    internal void Wipe() => CryptographicOperations.ZeroMemory(_bytes);

    public void Dispose()
    {
        Wipe();
        _bytes = [];
        GC.SuppressFinalize(this);
    }

    private static byte[] Allocate(int length) => GC.AllocateArray<byte>(length, pinned: true);
}
