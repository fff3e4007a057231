using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Tests.Planning;

public class ChannelPlacesTests
{
    [Fact]
    public void Any_stretch_is_taken_as_place_by_place()
    {
        var random = new Random(1);
        for (int run = 0; run < 200; run++)
        {
            int ofChannel = random.Next(1, 6), channels = random.Next(0, 5), origin = random.Next(-3, 4);
            int[] first = [.. Enumerable.Range(0, ofChannel).Select(_ => random.Next(3, 20))];
            int[] apart = [.. Enumerable.Range(0, ofChannel).Select(_ => random.Next(0, 9))];
            var places = new ChannelPlaces(first, apart, channels);
            ulong[] numbers = [.. Enumerable.Range(0, 64).Select(i => (ulong)i)];
            int begin = random.Next(places.Count + 1), count = random.Next(places.Count - begin + 1);
            var taken = new ulong[count];
            places.Take(numbers, origin, begin, taken);
            Assert.Equal(places.Skip(begin).Take(count).Select(place => (ulong)(origin + place)), taken);
        }
    }

    [Fact]
    public void A_row_is_side_by_side()
    {
        ChannelPlaces row = ChannelPlaces.Row(3, 4);
        Assert.Equal([3, 4, 5, 6], row);
        var taken = new ulong[2];
        row.Take([0, 10, 20, 30, 40, 50, 60], -1, 1, taken);
        Assert.Equal([30, 40], taken);
    }

    [Fact]
    public void Places_beyond_the_last_are_refused()
    {
        ChannelPlaces row = ChannelPlaces.Row(0, 3);
        Assert.Throws<ArgumentOutOfRangeException>(() => row[3]);
        Assert.Throws<ArgumentOutOfRangeException>(() => row[-1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => row.Take(new ulong[8], 0, 2, new ulong[2]));
    }

    [Fact]
    public void One_place_may_come_again() =>
        Assert.Equal([Tournament.Zero, Tournament.Zero], ChannelPlaces.Same(Tournament.Zero, 2));
}
