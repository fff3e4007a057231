using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Shares;

/// <summary>A round's numbers on a board of all images.</summary>
/// <param name="round">The round.</param>
/// <param name="board">Places of an image.</param>
internal readonly struct BoardNumbers(CompareRound round, int board)
{
    /// <summary>Puts down numbers of all images, those of each from some place on.</summary>
    public static void Put(ReadOnlySpan<ulong> source, int images, Span<ulong> numbers, int place)
    {
        int size = source.Length / images, places = numbers.Length / images;
        for (int image = 0; image < images; image++)
        {
            source.Slice(image * size, size).CopyTo(numbers[((image * places) + place)..]);
        }
    }

    /// <summary>The results of a layer.</summary>
    /// <param name="numbers">The board, of all images.</param>
    /// <param name="rounds">The layer's.</param>
    /// <param name="images">How many images.</param>
    /// <param name="results">Filled.</param>
    /// <param name="skipped">How many places of each image are missing at its beginning.</param>
    public static void Select(
        ReadOnlySpan<ulong> numbers, LayerRounds rounds, int images, Span<ulong> results, int skipped = 0)
    {
        int size = results.Length / images;
        for (int image = 0; image < images; image++)
        {
            // Taken as if they were there: none of the places is among those that are missing.
            int begin = (image * (rounds.Board - skipped)) - skipped;
            rounds.Outputs.Take(numbers, begin, 0, results.Slice(image * size, size));
        }
    }

    /// <summary>The operands of some items: of all of them the first, then the second, and so on.</summary>
    public void Gather(ReadOnlySpan<ulong> numbers, int first, int count, Span<ulong> operands)
    {
        foreach (ChannelPlaces players in round.Players)
        {
            for (int done = 0; done < count;)
            {
                (int image, int item) = Math.DivRem(first + done, round.Items);
                int some = Math.Min(count - done, round.Items - item);
                players.Take(numbers, image * board, item, operands.Slice(done, some));
                done += some;
            }

            operands = operands[count..];
        }
    }

    /// <summary>Puts down the results of some items.</summary>
    public void PutResults(ReadOnlySpan<ulong> results, int first, Span<ulong> numbers)
    {
        while (!results.IsEmpty)
        {
            (int place, int some) = ResultsFrom(first, results.Length);
            results[..some].CopyTo(numbers[place..]);
            results = results[some..];
            first += some;
        }
    }

    /// <summary>Takes the results of some items.</summary>
    public void TakeResults(ReadOnlySpan<ulong> numbers, int first, Span<ulong> results)
    {
        while (!results.IsEmpty)
        {
            (int place, int some) = ResultsFrom(first, results.Length);
            numbers.Slice(place, some).CopyTo(results);
            results = results[some..];
            first += some;
        }
    }

    /// <summary>Where the result of an item stands, and how many of the next ones stand behind it.</summary>
    private (int Place, int Count) ResultsFrom(int first, int count)
    {
        (int image, int item) = Math.DivRem(first, round.Items);
        return ((image * board) + round.FirstResult + item, Math.Min(count, round.Items - item));
    }
}
