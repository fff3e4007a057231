using System.Collections;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Planning;

/// <summary>
/// A comparison: the winner is the greater of two players. <see cref="Tournament.Zero"/> stands for 0.
/// </summary>
internal readonly record struct Match(int Left, int Right);

/// <summary>
/// The comparisons that turn a value into its ReLU or its maxima over windows. Players 0 … inputs−1 are the elements
/// of the value; the winner of match j (counted over all rounds) is player inputs + j. All matches of a round are
/// independent; a window of t players needs ⌈log₂ t⌉ rounds, or those of its rows and then those of a column where
/// that takes fewer matches. ReLU is a match against zero, and where a network has
/// max-pool and ReLU, zero is one more player. Windows that overlap share the matches they have in common.
/// </summary>
internal sealed class Tournament
{
    /// <summary>The player 0.</summary>
    public const int Zero = -1;

    private readonly bool[] _betweenPlayers;

    /// <param name="rounds">The matches.</param>
    /// <param name="betweenPlayers">See <see cref="IsBetweenPlayers"/>.</param>
    /// <param name="winners">The winners of all windows.</param>
    private Tournament(IReadOnlyList<Matches> rounds, bool[] betweenPlayers, ChannelPlaces winners)
    {
        Rounds = rounds;
        _betweenPlayers = betweenPlayers;
        Winners = winners;
    }

    /// <summary>Matches of each round.</summary>
    public IReadOnlyList<Matches> Rounds { get; }

    /// <summary>Matches of all rounds.</summary>
    public int MatchCount => Rounds.Sum(round => round.Count);

    /// <summary>For each output element the player that wins its window.</summary>
    public ChannelPlaces Winners { get; }

    /// <summary>Whether any match of a round is not against zero.</summary>
    public bool IsBetweenPlayers(int round) => _betweenPlayers[round];

    /// <summary>Every element against zero.</summary>
    public static Tournament AgainstZero(int players) => new(
        [new Matches(ChannelPlaces.Row(0, players), ChannelPlaces.Same(Zero, players))],
        [false],
        ChannelPlaces.Row(players, players));

    /// <summary>The elements of each window against each other.</summary>
    /// <param name="window">The window; each sees an element.</param>
    /// <param name="input">Shape of what is seen; each channel has windows of its own.</param>
    /// <param name="withZero">Whether zero plays in every window.</param>
    public static Tournament OverWindows(Window window, Shape input, bool withZero)
    {
        // Rows of overlapping windows are shared as a whole; single matches seldom are.
        PlayedPlane whole = PlayPlane(window, input, withZero, rowsFirst: false);
        bool isLine = window.KernelHeight == 1 || window.KernelWidth == 1;
        PlayedPlane byRows = isLine ? whole : PlayPlane(window, input, withZero, rowsFirst: true);
        return ForChannels(byRows.Matches < whole.Matches ? byRows : whole, input.Channels, input.Area);
    }

    /// <summary>The tournament of a plane played in each of several channels.</summary>
    private static Tournament ForChannels(PlayedPlane plane, int channels, int area)
    {
        // Of each player of the plane, where it stands in the first channel, and how far apart two channels are.
        var places = new (int First, int Apart)[area + plane.Matches];
        int next = 0;
        for (; next < area; next++)
        {
            places[next] = (next, area);
        }

        foreach (List<Match> round in plane.Rounds)
        {
            int before = channels * next;
            for (int winner = 0; winner < round.Count; winner++)
            {
                places[next++] = (before + winner, round.Count);
            }
        }

        return new Tournament(
            [.. plane.Rounds.Select(round => new Matches(
                Of([.. round.Select(match => match.Left)]), Of([.. round.Select(match => match.Right)])))],
            [.. plane.Rounds.Select(round => round.Any(match => match.Right != Zero))],
            Of(plane.Winners));

        ChannelPlaces Of(int[] players)
        {
            (int First, int Apart)[] of = Array.ConvertAll(
                players, player => player == Zero ? (Zero, 0) : places[player]);
            return new ChannelPlaces(
                Array.ConvertAll(of, place => place.First), Array.ConvertAll(of, place => place.Apart), channels);
        }
    }

    private static PlayedPlane PlayPlane(Window window, Shape input, bool withZero, bool rowsFirst)
    {
        var rounds = new List<List<Match>>();
        int players = input.Area;
        Groups rows = RowsOf(window, input);
        if (rowsFirst)
        {
            players = Reduce(rows, rounds, players);
        }

        Groups windows = rows.Joined(window.KernelHeight, withZero);
        Reduce(windows, rounds, players);
        return new PlayedPlane(rounds, windows.Players);
    }

    /// <summary>Adds rounds until one player of every group is left; returns the number of players there are then.
    /// </summary>
    private static int Reduce(Groups groups, List<List<Match>> rounds, int players)
    {
        while (groups.Pairs is > 0 and int pairs)
        {
            var matches = new List<Match>(pairs);
            var known = new Dictionary<Match, int>(pairs);
            groups.Pair(match => WinnerOf(match, matches, known, players));
            players += matches.Count;
            rounds.Add(matches);
        }

        return players;
    }

    private static int WinnerOf(Match match, List<Match> matches, Dictionary<Match, int> known, int players)
    {
        if (!known.TryGetValue(match, out int winner))
        {
            winner = players + matches.Count;
            known.Add(match, winner);
            matches.Add(match);
        }

        return winner;
    }

    /// <summary>The elements that each row of each window sees.</summary>
    private static Groups RowsOf(Window window, Shape input)
    {
        int outputs = window.OutputHeight * window.OutputWidth;
        var players = new int[outputs * window.Taps];
        var ends = new int[outputs * window.KernelHeight];
        int count = 0;
        for (int output = 0; output < outputs; output++)
        {
            int before = count;
            for (int tap = 0; tap < window.Taps; tap++)
            {
                int position = window.Position(output, tap, input);
                if (position >= 0)
                {
                    players[count++] = position;
                }

                ends[output * window.KernelHeight + tap / window.KernelWidth] = count;
            }

            if (count == before)
            {
                throw new PopcornException("A max-pool window lies in the padding alone; the model is malformed.");
            }
        }

        return new Groups(players, ends);
    }

    /// <summary>Players that stand side by side, group after group.</summary>
    /// <param name="players">The players; behind those of the last group anything.</param>
    /// <param name="ends">For each group the place behind its last player.</param>
    private sealed class Groups(int[] players, int[] ends)
    {
        /// <summary>The players of all groups.</summary>
        public int[] Players => players[..ends[^1]];

        /// <summary>How often two neighbours of a group meet.</summary>
        public int Pairs => Enumerable.Range(0, ends.Length).Sum(group => (ends[group] - StartOf(group)) / 2);

        /// <summary>As many groups as fit, each of some that stand side by side, and of zero where that is wanted.
        /// </summary>
        public Groups Joined(int groups, bool withZero)
        {
            var joined = new int[ends[^1] + ends.Length / groups];
            var newEnds = new int[ends.Length / groups];
            int count = 0;
            for (int i = 0; i < newEnds.Length; i++)
            {
                int start = StartOf(i * groups), length = ends[(i + 1) * groups - 1] - start;
                Array.Copy(players, start, joined, count, length);
                count += length;
                if (withZero)
                {
                    joined[count++] = Zero;
                }

                newEnds[i] = count;
            }

            return new Groups(joined, newEnds);
        }

        /// <summary>Puts the winner in the place of every two neighbours of a group.</summary>
        public void Pair(Func<Match, int> winnerOf)
        {
            int start = 0, count = 0;
            for (int group = 0; group < ends.Length; group++)
            {
                for (int i = start; i < ends[group]; i += 2)
                {
                    players[count++] = i + 1 == ends[group]
                        ? players[i]
                        : winnerOf(new Match(players[i], players[i + 1]));
                }

                start = ends[group];
                ends[group] = count;
            }
        }

        private int StartOf(int group) => group == 0 ? 0 : ends[group - 1];
    }

    /// <summary>A tournament of one channel.</summary>
    /// <param name="Rounds">Its matches.</param>
    /// <param name="Winners">The winners of its windows.</param>
    private sealed record PlayedPlane(List<List<Match>> Rounds, int[] Winners)
    {
        public int Matches => Rounds.Sum(round => round.Count);
    }
}

/// <summary>The matches of a round.</summary>
/// <param name="left">The one player of each.</param>
/// <param name="right">The other one.</param>
internal sealed class Matches(ChannelPlaces left, ChannelPlaces right) : IReadOnlyList<Match>
{
    /// <summary>The one player of each.</summary>
    public ChannelPlaces Left => left;

    /// <summary>The other one, or <see cref="Tournament.Zero"/>.</summary>
    public ChannelPlaces Right => right;

    /// <inheritdoc/>
    public int Count => left.Count;

    /// <inheritdoc/>
    public Match this[int index] => new(left[index], right[index]);

    /// <inheritdoc/>
    public IEnumerator<Match> GetEnumerator() => left.Zip(right, (l, r) => new Match(l, r)).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
