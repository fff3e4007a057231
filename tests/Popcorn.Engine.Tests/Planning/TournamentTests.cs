using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Tests.Planning;

public class TournamentTests
{
    public static TheoryData<int, int, int, int, int, bool> Windows => new()
    {
        { 6, 2, 2, 0, 3, false },
        { 6, 2, 2, 0, 3, true },
        { 7, 3, 2, 1, 4, true },   // padding and overlap
        { 7, 3, 2, 0, 4, false },  // ceil mode: the last window is cut
        { 5, 5, 1, 0, 1, true },
        { 4, 1, 1, 0, 4, false },  // nothing to compare
        { 4, 1, 1, 0, 4, true },   // ReLU by another name
        { 6, 3, 1, 1, 6, false },
    };

    [Theory]
    [MemberData(nameof(Windows))]
    public void Winners_are_the_maxima(int size, int kernel, int stride, int pad, int output, bool withZero)
    {
        var window = new Window(kernel, kernel, stride, stride, 1, 1, pad, pad, output, output);
        var input = new Shape(2, size, size);
        Tournament tournament = Tournament.OverWindows(window, input, withZero);

        var random = new Random(size * kernel);
        for (int round = 0; round < 20; round++)
        {
            int[] values = [.. Enumerable.Range(0, input.Size).Select(_ => random.Next(-5, 3))];
            Assert.Equal(NaiveMaxima(values, input, window, withZero), Play(tournament, values));
        }

        int players = kernel * kernel + (withZero ? 1 : 0);
        Assert.Equal((int)Math.Ceiling(Math.Log2(players)), tournament.Rounds.Count);
    }

    [Fact]
    public void Relu_is_one_match_against_zero()
    {
        Tournament tournament = Tournament.AgainstZero(12);
        IReadOnlyList<Match> only = Assert.Single(tournament.Rounds);
        Assert.Equal(12, only.Count);
        Assert.All(only, m => Assert.Equal(Tournament.Zero, m.Right));
        Assert.Equal([0, 3, 0], Play(tournament, [-1, 3, 0, -7, 1, 1, 1, 1, 1, 1, 1, 1])[..3]);
    }

    [Fact]
    public void Overlapping_windows_share_matches()
    {
        // Windows {0, 1, 2, 3} and {2, 3, 4, 5}.
        var window = new Window(1, 4, 1, 2, 1, 1, 0, 0, 1, 2);
        Tournament tournament = Tournament.OverWindows(window, new Shape(1, 1, 6), withZero: false);

        // Pairs (0,1), (2,3), (4,5): three matches where the windows alone would need four.
        Assert.Equal(3, tournament.Rounds[0].Count);
        Assert.Equal(2, tournament.Rounds[1].Count);
    }

    [Fact]
    public void Windows_that_overlap_in_both_directions_share_their_rows()
    {
        var window = new Window(3, 3, 2, 2, 1, 1, 0, 0, 3, 3);

        // Seven rows of three windows with two matches each, two more and one against zero for every window.
        Assert.Equal(
            (7 * 3 * 2) + (9 * 3), Tournament.OverWindows(window, new Shape(1, 7, 7), withZero: true).MatchCount);
    }

    [Fact]
    public void A_window_in_the_padding_alone_is_refused()
    {
        var window = new Window(1, 1, 2, 2, 1, 1, 1, 1, 2, 2);
        Assert.Throws<PopcornException>(() => Tournament.OverWindows(window, new Shape(1, 2, 2), withZero: false));
    }

    private static int[] Play(Tournament tournament, int[] values)
    {
        var players = new List<int>(values);
        foreach (IReadOnlyList<Match> round in tournament.Rounds)
        {
            // All matches of a round are independent: they only name players that exist before it.
            int before = players.Count;
            foreach (Match match in round)
            {
                Assert.True(match.Left < before && match.Right < before);
                players.Add(Math.Max(players[match.Left], match.Right == Tournament.Zero ? 0 : players[match.Right]));
            }
        }

        return [.. tournament.Winners.Select(w => players[w])];
    }

    private static int[] NaiveMaxima(int[] values, Shape input, Window window, bool withZero)
    {
        var output = new Shape(input.Channels, window.OutputHeight, window.OutputWidth);
        var result = new int[output.Size];
        for (int o = 0; o < result.Length; o++)
        {
            int channel = o / output.Area, y = o % output.Area / output.Width;
            int x = o % output.Width;
            int best = withZero ? 0 : int.MinValue;
            for (int ky = 0; ky < window.KernelHeight; ky++)
            {
                for (int kx = 0; kx < window.KernelWidth; kx++)
                {
                    int py = y * window.StrideY - window.PadTop + ky, px = x * window.StrideX - window.PadLeft + kx;
                    if (py >= 0 && px >= 0 && py < input.Height && px < input.Width)
                    {
                        best = Math.Max(best, values[input.Index(channel, py, px)]);
                    }
                }
            }

            result[o] = best;
        }

        return result;
    }
}
