using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary><c>pc_public_info</c> of <c>popcorn.h</c>, field for field.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativePublicKeyInfo
{
    internal int KeyBits;
    internal int ModulusBytes;
    internal int CiphertextBytes;
    internal int PlaintextWords;
    internal int Lanes;
    internal int Kernel;
    internal int OrderBits;
    internal int Reserved;
    internal long NumberBytes;
}
