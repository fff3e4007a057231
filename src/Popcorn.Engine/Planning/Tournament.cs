using System.Collections;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Planning;

/// <summary>
/// A comparison: the winner is the greater of two players. <see cref="Tournament.Zero"/> stands for 0.
/// </summary>
public readonly record struct Match(int Left, int Right);

/// <summary>
/// The comparisons that turn a value into its ReLU or its maxima over windows. Players 0 … inputs−1 are the elements
/// of the value; the winner of match j (counted over all rounds) is player inputs + j. All matches of a round are
/// independent; a window of t players needs ⌈log₂ t⌉ rounds, or those of its rows and then those of a column where
/// that takes fewer matches. ReLU is a match against zero, and where a network has
/// max-pool and ReLU, zero is one more player. Windows that overlap share the matches they have in common.
/// </summary>
public sealed class Tournament
{
    /// <summary>The player 0.</summary>
    public const int Zero = -1;

    private readonly bool[] _betweenPlayers;

    /// <param name="rounds">The matches.</param>
    /// <param name="betweenPlayers">See <see cref="IsBetweenPlayers"/>.</param>
    /// <param name="winners">The winners of all windows.</param>
    private Tournament(
        IReadOnlyList<IReadOnlyList<Match>> rounds, bool[] betweenPlayers, IReadOnlyList<int> winners)
    {
        Rounds = rounds;
        _betweenPlayers = betweenPlayers;
        Winners = winners;
    }

    /// <summary>Matches of each round.</summary>
    public IReadOnlyList<IReadOnlyList<Match>> Rounds { get; }

    /// <summary>Matches of all rounds.</summary>
    public int Matches => Rounds.Sum(round => round.Count);

    /// <summary>For each output element the player that wins its window.</summary>
    public IReadOnlyList<int> Winners { get; }

    /// <summary>Whether any match of a round is not against zero.</summary>
    public bool IsBetweenPlayers(int round) => _betweenPlayers[round];

    /// <summary>Every element against zero.</summary>
    public static Tournament AgainstZero(int players) => new(
        [new Derived<Match>(players, i => new Match(i, Zero))],
        [false],
        new Derived<int>(players, i => players + i));

    /// <summary>The elements of each window against each other.</summary>
    /// <param name="window">The window; each sees an element.</param>
    /// <param name="input">Shape of what is seen; each channel has windows of its own.</param>
    /// <param name="withZero">Whether zero plays in every window.</param>
    public static Tournament OverWindows(Window window, Shape input, bool withZero)
    {
        // Rows of overlapping windows are shared as a whole; single matches seldom are.
        Tournament whole = PlayPlane(window, input, withZero, rowsFirst: false);
        Tournament byRows = PlayPlane(window, input, withZero, rowsFirst: true);
        return (byRows.Matches < whole.Matches ? byRows : whole).ForChannels(input.Channels, input.Area);
    }

    /// <summary>The tournament of a plane played in each of several channels.</summary>
    private Tournament ForChannels(int channels, int area)
    {
        // Of each player of the plane, where it stands in the first channel, and how far apart two channels are.
        var places = new (int First, int Apart)[area + Matches];
        int next = 0;
        for (; next < area; next++)
        {
            places[next] = (next, area);
        }

        foreach (IReadOnlyList<Match> round in Rounds)
        {
            int before = channels * next;
            for (int winner = 0; winner < round.Count; winner++)
            {
                places[next++] = (before + winner, round.Count);
            }
        }

        return new Tournament(
            [.. Rounds.Select(round => new Derived<Match>(channels * round.Count, i =>
            {
                (int channel, int match) = Math.DivRem(i, round.Count);
                return new Match(Place(round[match].Left, channel), Place(round[match].Right, channel));
            }))],
            _betweenPlayers,
            new Derived<int>(channels * Winners.Count, i => Place(Winners[i % Winners.Count], i / Winners.Count)));

        int Place(int player, int channel) =>
            player == Zero ? Zero : places[player].First + channel * places[player].Apart;
    }

    private static Tournament PlayPlane(Window window, Shape input, bool withZero, bool rowsFirst)
    {
        var rounds = new List<IReadOnlyList<Match>>();
        int players = input.Area;
        int outputs = window.OutputHeight * window.OutputWidth;
        List<int>[][] rows = [.. Enumerable.Range(0, outputs).Select(output => PlayersOf(window, input, output))];
        if (rowsFirst)
        {
            players = Reduce([.. rows.SelectMany(row => row)], rounds, players);
        }

        List<int>[] windows = Array.ConvertAll(rows, w => w.SelectMany(row => row).ToList());
        if (withZero)
        {
            Array.ForEach(windows, w => w.Add(Zero));
        }

        Reduce(windows, rounds, players);
        bool[] betweenPlayers = [.. rounds.Select(round => round.Any(match => match.Right != Zero))];
        return new Tournament(rounds, betweenPlayers, Array.ConvertAll(windows, w => w[0]));
    }

    /// <summary>Adds rounds until one player of every group is left; returns the number of players there are then.
    /// </summary>
    private static int Reduce(List<int>[] groups, List<IReadOnlyList<Match>> rounds, int players)
    {
        while (Array.Exists(groups, group => group.Count > 1))
        {
            var matches = new List<Match>();
            var known = new Dictionary<Match, int>();
            foreach (List<int> group in groups)
            {
                int winners = 0;
                for (int i = 0; i < group.Count; i += 2)
                {
                    group[winners++] = i + 1 == group.Count
                        ? group[i]
                        : WinnerOf(new Match(group[i], group[i + 1]), matches, known, players);
                }

                group.RemoveRange(winners, group.Count - winners);
            }

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

    /// <summary>The elements that a window sees, row by row.</summary>
    private static List<int>[] PlayersOf(Window window, Shape input, int output)
    {
        List<int>[] rows = [.. Enumerable.Range(0, window.KernelHeight).Select(_ => new List<int>())];
        for (int tap = 0; tap < window.Taps; tap++)
        {
            int position = window.Position(output, tap, input);
            if (position >= 0)
            {
                rows[tap / window.KernelWidth].Add(position);
            }
        }

        return Array.Exists(rows, row => row.Count > 0)
            ? rows
            : throw new PopcornException("A max-pool window lies in the padding alone; the model is malformed.");
    }

    /// <summary>A list that follows from a rule: both parties plan networks of millions of matches.</summary>
    private sealed class Derived<T>(int count, Func<int, T> item) : IReadOnlyList<T>
    {
        public int Count => count;

        public T this[int index] => item(index);

        public IEnumerator<T> GetEnumerator() => Enumerable.Range(0, count).Select(item).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
