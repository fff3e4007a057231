using System.Runtime.InteropServices;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// The structures that cross the boundary, whose managed twins must have the sizes and offsets that
/// <c>pc_get_layout</c> tells.
/// </summary>
internal static class NativeLayout
{
    // In the order of popcorn.h. Each field holds its number, by which it is found: so none may have padding, which may
    // hold anything.
    private static readonly (string Name, Type Type, int[] Layout)[] Structures =
    [
        ("pc_info", typeof(NativeLibraryInfo), Of(5, new NativeLibraryInfo
        {
            AbiVersion = 1, GmpVersion = 2, KernelCount = 3, DefaultKernel = 4, MaxLanes = 5,
        })),
        ("pc_public_info", typeof(NativePublicKeyInfo), Of(8, new NativePublicKeyInfo
        {
            KeyBits = 1, ModulusBytes = 2, CiphertextBytes = 3, PlaintextWords = 4, Lanes = 5, Kernel = 6,
            OrderBits = 7, Reserved = 0, NumberBytes = 8,
        })),
        ("pc_term", typeof(Term), Of(4, new Term(1, 2, 3, 4))),
        ("pc_instruction", typeof(Instruction), Of(3, new Instruction(1, 2, 3))),
        ("pc_program_input", typeof(ProgramInput), Of(3, new ProgramInput(1, 2, 3))),
        ("pc_view", typeof(NativeView), Of(4, new NativeView { Batch = 1, Positions = 2, Stride = 3, Taps = 4 })),
    ];

    /// <summary>The structures that cross the boundary.</summary>
    internal static IEnumerable<Type> Types => Structures.Select(structure => structure.Type);

    /// <summary>Refuses a library that lays out its structures in another way.</summary>
    /// <param name="native">What <c>pc_get_layout</c> wrote.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Unsupported"/>, with the structure's name.
    /// </exception>
    internal static void Check(ReadOnlySpan<int> native)
    {
        foreach ((string name, _, int[] layout) in Structures)
        {
            if (!native.StartsWith(layout))
            {
                throw PaillierLibrary.DoesNotFit($"its {name} has another layout");
            }

            native = native[layout.Length..];
        }

        if (!native.IsEmpty)
        {
            throw PaillierLibrary.DoesNotFit("it has structures that are not known here");
        }
    }

    /// <summary>The layout of a structure: its size, then the offset of each field.</summary>
    private static int[] Of<T>(int fields, T numbered)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in numbered));
        int[] layout = new int[1 + fields];
        layout[0] = bytes.Length;
        for (int field = 1; field <= fields; field++)
        {
            layout[field] = bytes.IndexOf((byte)field);
        }

        return layout;
    }
}
