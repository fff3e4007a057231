using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// The players of a tournament, of all images at once: the input's elements, the winners of all matches in the order in
/// which they travelled, and at the end the trivial encryption of 0 that a fresh batch holds.
/// </summary>
internal sealed class TournamentPlayers : IDisposable
{
    private readonly Tournament _tournament;
    private readonly ServerContext _context;
    private readonly CiphertextBatch _players;
    private readonly int _images;
    private readonly int _ofImage;
    private readonly int[] _firstOfRound; // number of a round's first winner within an image
    private readonly SecretArray<int> _location; // where an image's player stands: its elements, then matches by round

    public TournamentPlayers(Tournament tournament, int images, CiphertextBatch input, ServerContext context)
    {
        int size = input.Count / images;
        _tournament = tournament;
        _context = context;
        _images = images;
        _ofImage = size + tournament.MatchCount;
        _firstOfRound = new int[tournament.Rounds.Count + 1];
        _firstOfRound[0] = size;
        for (int r = 0; r < tournament.Rounds.Count; r++)
        {
            _firstOfRound[r + 1] = _firstOfRound[r] + tournament.Rounds[r].Count;
        }

        _location = new SecretArray<int>(checked(images * _ofImage));
        for (int i = 0; i < input.Count; i++)
        {
            _location[i / size * _ofImage + i % size] = i;
        }

        _players = new CiphertextBatch(context.Key, images * _ofImage + 1);
        _players.Gather(input, Range(0, input.Count), 0);
    }

    private int Zero => _players.Count - 1;

    /// <summary>The players of a round's matches in the order of travel.</summary>
    /// <returns>New batches, which the caller disposes; no right players where all are zero.</returns>
    public (CiphertextBatch Left, CiphertextBatch? Right) Pair(int round, ReadOnlySpan<int> order)
    {
        Matches matches = _tournament.Rounds[round];
        using var left = new SecretArray<int>(order.Length);
        using var right = new SecretArray<int>(order.Length);
        for (int i = 0; i < order.Length; i++)
        {
            (int image, Match match) = (order[i] / matches.Count, matches[order[i] % matches.Count]);
            left[i] = Locate(image, match.Left);
            right[i] = Locate(image, match.Right);
        }

        CiphertextBatch leftPlayers = _context.Gather(_players, left.Span);
        return (leftPlayers, right.Span.ContainsAnyExcept(Zero) ? _context.Gather(_players, right.Span) : null);
    }

    /// <summary>Takes in the winners of a round, in the order of travel.</summary>
    public void Enter(int round, ReadOnlySpan<int> order, CiphertextBatch winners)
    {
        int count = _tournament.Rounds[round].Count;
        int next = _images * _firstOfRound[round];
        _players.Gather(winners, Range(0, order.Length), next);
        for (int i = 0; i < order.Length; i++)
        {
            _location[order[i] / count * _ofImage + _firstOfRound[round] + order[i] % count] = next + i;
        }
    }

    /// <summary>The layer's output: the winner of every window.</summary>
    public CiphertextBatch Winners()
    {
        ChannelPlaces winners = _tournament.Winners;
        using var places = new SecretArray<int>(checked(_images * winners.Count));
        for (int i = 0; i < places.Length; i++)
        {
            places[i] = Locate(i / winners.Count, winners[i % winners.Count]);
        }

        return _context.Gather(_players, places.Span);
    }

    public void Dispose()
    {
        _players.Dispose();
        _location.Dispose();
    }

    private int Locate(int image, int player) =>
        player == Tournament.Zero ? Zero : _location[image * _ofImage + player];

    private static int[] Range(int start, int count) => [.. Enumerable.Range(start, count)];
}
