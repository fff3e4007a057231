namespace Popcorn.Interop.Tests;

public class SecretArrayTests
{
    [Fact]
    public void Arrays_hold_zeros_then_what_is_written()
    {
        using var array = new SecretArray<ulong>(5);
        Assert.Equal(new ulong[5], array.Span.ToArray());
        array[4] = 7;
        array.Span[0] = 3;
        Assert.Equal([3, 0, 0, 0, 7], array.Span.ToArray());
        Assert.Equal(5, array.Length);
        Assert.Throws<IndexOutOfRangeException>(() => array[5]);
        Assert.Throws<ArgumentOutOfRangeException>(() => new SecretArray<int>(-1));
    }

    [Fact]
    public void A_disposed_array_is_empty()
    {
        var array = new SecretArray<int>(3);
        array.Dispose();
        array.Dispose();
        Assert.Equal(0, array.Length);
        Assert.Throws<IndexOutOfRangeException>(() => array[0]);
        using var none = new SecretArray<int>(0);
        Assert.True(none.Span.IsEmpty);
    }

    /// <summary>Large ones have memory that others had, which must be zeros to its end.</summary>
    [Fact]
    public void Memory_is_wiped_before_it_goes_to_the_next()
    {
        for (int length = 40_000; length > 30_000; length -= 100)
        {
            using var array = new SecretArray<ulong>(length);
            Assert.False(array.Span.ContainsAnyExcept(0ul));
            array.Span.Fill(ulong.MaxValue);
        }

        Parallel.For(0, 64, number =>
        {
            for (int round = 0; round < 50; round++)
            {
                using var array = new SecretArray<ulong>(20_000 + (1_000 * (round % 3)));
                Assert.False(array.Span.ContainsAnyExcept(0ul));
                array.Span.Fill((ulong)number);
                Assert.False(array.Span.ContainsAnyExcept((ulong)number));
            }
        });
    }
}
