namespace Popcorn.Interop.Tests;

/// <summary>Every kernel that this machine can run: each test of arithmetic is repeated for all of them.</summary>
public sealed class KernelData : TheoryData<string>
{
    public KernelData() => AddRange([.. PaillierLibrary.Kernels]);
}
