using System.Runtime.InteropServices;

namespace Popcorn.Interop;

/// <summary>
/// One input of a <see cref="ProductProgram"/>: an entry of one of the <see cref="ProgramView"/>s that a run is given,
/// at one of the positions that a tile sees there. Has the layout of <c>pc_program_input</c>.
/// </summary>
/// <param name="Source">Index of the view, below <see cref="ProductProgram.MaxSources"/>.</param>
/// <param name="Entry">Entry within the view.</param>
/// <param name="Tap">Which of the tile's positions.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct ProgramInput(int Source, int Entry, int Tap);
