using System.Collections;

namespace Popcorn.Engine.Planning;

/// <summary>
/// Places of numbers, in order: those of a first channel, and for every further one each of them moved on, so that a
/// network's millions of places take no more memory than a plane's.
/// </summary>
/// <param name="first">Places of the first channel.</param>
/// <param name="apart">For each, how far it is from a channel to the next.</param>
/// <param name="channels">How many channels.</param>
internal sealed class ChannelPlaces(int[] first, int[] apart, int channels) : IReadOnlyList<int>
{
    /// <inheritdoc/>
    public int Count { get; } = checked(first.Length * channels);

    /// <inheritdoc/>
    public int this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            (int channel, int place) = Math.DivRem(index, first.Length);
            return first[place] + (channel * apart[place]);
        }
    }

    /// <summary>Places side by side: channels of one number.</summary>
    public static ChannelPlaces Row(int begin, int count) => new([begin], [1], count);

    /// <summary>One place, again and again.</summary>
    public static ChannelPlaces Same(int place, int count) => new([place], [0], count);

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => Enumerable.Range(0, Count).Select(i => this[i]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Takes the numbers at some of the places.</summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="origin">Where place 0 is.</param>
    /// <param name="begin">The first of the places that count.</param>
    /// <param name="taken">Filled.</param>
    internal void Take(ReadOnlySpan<ulong> numbers, int origin, int begin, Span<ulong> taken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(begin + (long)taken.Length, Count, nameof(begin));
        if (apart is [1])
        {
            numbers.Slice(origin + first[0] + begin, taken.Length).CopyTo(taken);
            return;
        }

        (int channel, int place) = taken.IsEmpty ? default : Math.DivRem(begin, first.Length);
        for (int done = 0; done < taken.Length; channel++, place = 0)
        {
            int end = Math.Min(first.Length, place + taken.Length - done);
            for (; place < end; place++)
            {
                taken[done++] = numbers[origin + first[place] + (channel * apart[place])];
            }
        }
    }
}
