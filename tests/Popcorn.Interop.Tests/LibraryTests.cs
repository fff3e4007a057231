using Popcorn.Interop.Memory;
using Popcorn.Interop.Native;

namespace Popcorn.Interop.Tests;

/// <summary>Loading, layouts and the handling of statuses and secrets.</summary>
public sealed class LibraryTests
{
    [Fact]
    public void TheLibraryLoadsAndTheDefaultKernelIsOneOfItsOwn()
    {
        PaillierLibrary.EnsureLoaded();
        Assert.Contains("gmp", PaillierLibrary.Kernels);
        Assert.Contains(PaillierLibrary.DefaultKernel, PaillierLibrary.Kernels);
        Assert.True(PaillierLibrary.GmpVersion >= new Version(6, 2));
        Assert.True(PaillierLibrary.MeasureReferencePowm(1) > TimeSpan.Zero);
    }

    [Fact]
    public unsafe void StructuresHaveTheLayoutOfTheHeader()
    {
        Assert.Equal((24, 12), (sizeof(Term), sizeof(Instruction)));
        Assert.Equal((32, 40), (sizeof(NativeLibraryInfo), sizeof(NativePublicKeyInfo)));
        var term = new Term(0x1122334455667788, 3, 4, 5);
        int* words = (int*)&term;
        Assert.Equal([0x55667788, 0x11223344, 3, 4, 5, 0], new ReadOnlySpan<int>(words, 6));
    }

    [Fact]
    public void EveryStatusHasAMessageOfOneLineThatNamesTheOperation()
    {
        NativeStatus.Check(0, "nothing");
        foreach (PaillierError error in Enum.GetValues<PaillierError>())
        {
            PaillierException exception =
                Assert.Throws<PaillierException>(() => NativeStatus.Check((int)error, "unit test"));
            Assert.Equal(error, exception.Error);
            Assert.StartsWith("unit test: ", exception.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', exception.Message);
            Assert.DoesNotContain("unknown", exception.Message, StringComparison.Ordinal);
        }

        Assert.Contains(
            "12345",
            Assert.Throws<PaillierException>(() => NativeStatus.Check(12345, "unit test")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void SecretBuffersAreWipedBetweenUsesAndWhenDisposed()
    {
        SecretBuffer buffer = SecretBufferPool.Rent();
        Span<byte> bytes = buffer.Take(100);
        bytes.Fill(0xAB);
        SecretBufferPool.Return(buffer);
        Assert.False(bytes.ContainsAnyExcept((byte)0));

        var disposed = new SecretBuffer(10);
        Span<byte> secret = disposed.Span;
        secret.Fill(1);
        disposed.Dispose();
        Assert.False(secret.ContainsAnyExcept((byte)0));
    }
}
