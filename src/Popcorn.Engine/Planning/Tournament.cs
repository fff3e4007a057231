using Popcorn.Engine.Model;

namespace Popcorn.Engine.Planning;

/// <summary>
/// A comparison: the winner is the greater of two players. <see cref="Tournament.Zero"/> stands for
/// 0.
/// </summary>
public readonly record struct Match(int Left, int Right);

/// <summary>
/// The comparisons that turn a value into its ReLU or its maxima over windows. Players 0 … inputs−1 are the elements
/// of the value; the winner of match j (counted over all rounds) is player inputs + j. All matches of a round are
/// independent; a window of t players needs ⌈log₂ t⌉ rounds. ReLU is a match against zero, and where a network has
/// max-pool and ReLU, zero is one more player. Windows that overlap share the matches they have in common.
/// </summary>
public sealed class Tournament
{
    /// <summary>The player 0.</summary>
    public const int Zero = -1;

    private Tournament(IReadOnlyList<IReadOnlyList<Match>> rounds, int[] winners)
    {
        Rounds = rounds;
        Winners = winners;
    }

    /// <summary>Matches of each round.</summary>
    public IReadOnlyList<IReadOnlyList<Match>> Rounds { get; }

    /// <summary>For each output element the player that wins its window.</summary>
    public IReadOnlyList<int> Winners { get; }

    /// <summary>The tournament of a layer of a public network.</summary>
    /// <exception cref="PopcornException">A window without zero sees nothing at all.</exception>
    public static Tournament For(PublicLayer layer, Shape input)
    {
        if (layer.Kind == LayerKind.Relu)
        {
            var matches = new Match[input.Size];
            for (int i = 0; i < matches.Length; i++)
            {
                matches[i] = new Match(i, Zero);
            }

            return new Tournament([matches], [.. Enumerable.Range(input.Size, input.Size)]);
        }

        var windows = new List<int>[layer.Output.Size];
        for (int output = 0; output < windows.Length; output++)
        {
            windows[output] = PlayersOf(layer, input, output);
        }

        var rounds = new List<IReadOnlyList<Match>>();
        int players = input.Size;
        while (Array.Exists(windows, w => w.Count > 1))
        {
            var matches = new List<Match>();
            var known = new Dictionary<Match, int>();
            foreach (List<int> window in windows)
            {
                int winners = 0;
                for (int i = 0; i < window.Count; i += 2)
                {
                    window[winners++] = i + 1 == window.Count
                        ? window[i]
                        : WinnerOf(new Match(window[i], window[i + 1]), matches, known, players);
                }

                window.RemoveRange(winners, window.Count - winners);
            }

            players += matches.Count;
            rounds.Add(matches);
        }

        return new Tournament(rounds, Array.ConvertAll(windows, w => w[0]));
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

    private static List<int> PlayersOf(PublicLayer layer, Shape input, int output)
    {
        Window window = layer.Window!.Value;
        int channel = output / layer.Output.Area;
        var players = new List<int>(window.Taps + 1);
        for (int tap = 0; tap < window.Taps; tap++)
        {
            int position = window.Position(output % layer.Output.Area, tap, input);
            if (position >= 0)
            {
                players.Add(channel * input.Area + position);
            }
        }

        if (players.Count == 0)
        {
            throw new PopcornException("A max-pool window lies in the padding alone; the model is malformed.");
        }

        if (layer.Kind == LayerKind.MaxPoolRelu)
        {
            players.Add(Zero);
        }

        return players;
    }
}
