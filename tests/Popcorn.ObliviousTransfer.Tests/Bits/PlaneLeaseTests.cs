using Popcorn.ObliviousTransfer.Bits;

namespace Popcorn.ObliviousTransfer.Tests.Bits;

public sealed class PlaneLeaseTests
{
    [Fact]
    public void Memory_is_wiped_before_it_goes_to_the_next()
    {
        // Lengths that nothing else has.
        foreach (int items in new[] { 7_777, 54_321 })
        {
            var first = new PlaneLease(3, items);
            BitPlanes planes = first.Planes;
            planes.Span.Fill(ulong.MaxValue);
            first.Dispose();
            Assert.False(planes.Span.ContainsAnyExcept(0ul));

            using var second = new PlaneLease(3, items);
            Assert.False(second.Planes.Span.ContainsAnyExcept(0ul));
            second.Planes.Span.Fill(1);
            first.Dispose(); // once more: nothing, though the memory may be the second's by now
            using var third = new PlaneLease(3, items);
            Assert.False(third.Planes.Span.ContainsAnyExcept(0ul));
            Assert.False(second.Planes.Span.ContainsAnyExcept(1ul));
        }
    }

    [Fact]
    public void Many_threads_never_share_memory()
    {
        Parallel.For(0, 64, number =>
        {
            for (int round = 0; round < 200; round++)
            {
                using var lease = new PlaneLease(1, 6_000 + (600 * (round % 3)));
                Assert.False(lease.Planes.Span.ContainsAnyExcept(0ul));
                lease.Planes.Span.Fill((ulong)number);
                Assert.False(lease.Planes.Span.ContainsAnyExcept((ulong)number));
            }
        });
    }

    [Fact]
    public void More_than_is_kept_is_dropped()
    {
        for (int i = 0; i < 5; i++)
        {
            using PlaneLease one = new(40, (1 << 19) + (512 * i)), other = new(600, 1 << 19);
            Assert.False(one.Planes.Span.ContainsAnyExcept(0ul));
            Assert.Equal(600, other.Planes.Count);
        }
    }

    [Fact]
    public void Planes_in_longer_memory_are_zeros_of_their_own_number()
    {
        for (int items = 200_000; items > 150_000; items -= 2_000)
        {
            using var lease = new PlaneLease(5, items);
            Assert.Equal((5, items), (lease.Planes.Count, lease.Planes.Items));
            Assert.Equal(5 * BitPlanes.WordsFor(items), lease.Planes.Span.Length);
            Assert.False(lease.Planes.Span.ContainsAnyExcept(0ul));
            lease.Planes.Span.Fill(ulong.MaxValue);
        }
    }
}
