using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Popcorn.Interop;

/// <summary>What passing secrets through code leaves where nothing disposes it.</summary>
public static class SecretStack
{
    /// <summary>More than any call between two uses of this takes of its thread's stack.</summary>
    private const int Bytes = 1 << 14;

    /// <summary>Overwrites what earlier calls of the caller have left on the stack below it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Wipe()
    {
        Span<byte> below = stackalloc byte[Bytes];
        CryptographicOperations.ZeroMemory(below);
    }
}
