using System.Runtime.InteropServices;

namespace Popcorn.Interop;

/// <summary>
/// One product of a <see cref="ProductProgram"/>: <c>r[Target] = r[Left] · r[Right]</c>, a sum of plaintexts. Has the
/// layout of <c>pc_instruction</c>.
/// </summary>
/// <param name="Target">A temporary register.</param>
/// <param name="Left">An input or a temporary that was written before.</param>
/// <param name="Right">Likewise; equal to <paramref name="Left"/> it makes a square.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct Instruction(int Target, int Left, int Right);
