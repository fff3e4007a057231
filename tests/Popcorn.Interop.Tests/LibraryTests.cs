using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.Extensions.ObjectPool;

namespace Popcorn.Interop.Tests;

/// <summary>Loading, layouts and the handling of statuses and secrets.</summary>
public sealed class LibraryTests
{
    [Fact]
    public void The_library_loads_and_the_default_kernel_is_one_of_its_own()
    {
        PaillierLibrary.EnsureLoaded();
        Assert.Contains("gmp", PaillierLibrary.Kernels);
        Assert.Contains(PaillierLibrary.DefaultKernel, PaillierLibrary.Kernels);
        Assert.True(PaillierLibrary.GmpVersion >= new Version(6, 2));
        Assert.True(PaillierLibrary.MeasureReferencePowm(1) > TimeSpan.Zero);
    }

    [Fact]
    public void A_structure_of_another_layout_is_refused_by_name()
    {
        int[] layout = NativeInterfaceTests.ReadLayout();
        NativeLayout.Check(layout);
        for (int i = 0; i < layout.Length; i++)
        {
            int[] other = [.. layout];
            other[i] += 4;
            AssertRefused(other, "pc_");
        }

        AssertRefused(layout[..^1], "pc_view");
        AssertRefused([], "pc_info");
        AssertRefused([.. layout, 8], "structures");

        static void AssertRefused(int[] layout, string reason)
        {
            PaillierException exception = Assert.Throws<PaillierException>(() => NativeLayout.Check(layout));
            Assert.Equal(PaillierError.Unsupported, exception.Error);
            Assert.Contains(reason, exception.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', exception.Message);
        }
    }

    /// <summary>Padding may hold anything, so that a field would be found in it now and then.</summary>
    [Fact]
    public void No_structure_of_the_boundary_has_padding()
    {
        const BindingFlags All = BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public;
        Assert.All(NativeLayout.Types, structure => Assert.Equal(
            Marshal.SizeOf(structure), structure.GetFields(All).Sum(field => Marshal.SizeOf(field.FieldType))));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Memory_of_a_ciphertext_is_known_before_the_key(string kernel)
    {
        PaillierPublicKey key = TestKeys.Real(kernel).PublicKey;
        Assert.Equal(key.NumberBytes, PaillierLibrary.NumberBytes(key.Bits, kernel));
        Assert.InRange(key.NumberBytes, key.CiphertextBytes, 2 * key.CiphertextBytes);
        Assert.InRange(key.Lanes, 1, PaillierLibrary.MaxLanes);
        Assert.Equal(
            PaillierError.Range,
            Assert.Throws<PaillierException>(() => PaillierLibrary.NumberBytes(4097, kernel)).Error);
    }

    [Fact]
    public void Every_status_has_a_message_of_one_line_that_names_the_operation()
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
    public void Pooled_secrets_are_wiped_between_uses()
    {
        // Not of the pool that other tests use at the same time.
        ObjectPool<SecretArray<byte>> pool = SecretArrayPool.Create();
        SecretArray<byte> buffer = pool.Get();
        Span<byte> bytes = buffer.Take(100);
        bytes.Fill(0xAB);
        pool.Return(buffer);
        Assert.False(bytes.ContainsAnyExcept((byte)0));
    }
}
