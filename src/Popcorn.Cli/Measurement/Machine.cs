using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;
using Popcorn.Interop;

namespace Popcorn.Cli.Measurement;

/// <summary>What measured times depend on: the processor's model, and GMP, which is their reference.</summary>
internal static class Machine
{
    private const int VendorLeaf = 0;
    private const int ModelLeaf = 1;
    private const int BrandLeaf = unchecked((int)0x8000_0002);

    /// <summary>Key of this machine, or null where the processor does not tell its model.</summary>
    public static string? Key =>
        X86Base.IsSupported ? $"{Vendor} family {Family} model {Model}, GMP {PaillierLibrary.GmpVersion}" : null;

    /// <summary>The name that the processor gives itself, for people.</summary>
    public static string Name => X86Base.IsSupported ? Brand : RuntimeInformation.ProcessArchitecture.ToString();

    private static string Vendor
    {
        get
        {
            (_, int b, int c, int d) = X86Base.CpuId(VendorLeaf, 0);
            return Text(b, d, c);
        }
    }

    private static int Family
    {
        get
        {
            int signature = X86Base.CpuId(ModelLeaf, 0).Eax;
            int family = signature >> 8 & 0xF;
            return family == 0xF ? family + (signature >> 20 & 0xFF) : family;
        }
    }

    private static int Model
    {
        get
        {
            int signature = X86Base.CpuId(ModelLeaf, 0).Eax;
            int model = signature >> 4 & 0xF;
            return Family is 6 or >= 0xF ? model | (signature >> 12 & 0xF0) : model;
        }
    }

    private static string Brand
    {
        get
        {
            var registers = new List<int>();
            for (int leaf = BrandLeaf; leaf < BrandLeaf + 3; leaf++)
            {
                (int a, int b, int c, int d) = X86Base.CpuId(leaf, 0);
                registers.AddRange([a, b, c, d]);
            }

            return Text([.. registers]).TrimEnd('\0').Trim();
        }
    }

    private static string Text(params int[] registers) =>
        Encoding.ASCII.GetString(MemoryMarshal.AsBytes(registers.AsSpan()));
}
