using System.Runtime.InteropServices;

namespace Popcorn.Interop;

/// <summary>
/// One term of <see cref="Evaluator.Combine"/>: a ciphertext raised to <c>Magnitude · 2^Shift</c>, which multiplies
/// its plaintext by that number. Has the layout of <c>pc_term</c>.
/// </summary>
/// <param name="Magnitude">The factor before shifting; a negative factor takes a negated batch.</param>
/// <param name="Batch">Index into the sources.</param>
/// <param name="Index">Index into that batch.</param>
/// <param name="Shift">Bits, 0 to 4096.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct Term(ulong Magnitude, int Batch, int Index, int Shift)
{
    // Explicit, because the native side wants it 0 and padding may hold anything.
    private readonly int _reserved = 0;
}
