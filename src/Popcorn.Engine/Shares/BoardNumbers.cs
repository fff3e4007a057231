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
        int size = results.Length / images, places = rounds.Board - skipped;
        for (int output = 0; output < size; output++)
        {
            int place = rounds.Output(output) - skipped;
            for (int image = 0; image < images; image++)
            {
                results[(image * size) + output] = numbers[(image * places) + place];
            }
        }
    }

    /// <summary>The operands of some items: of all of them the first, then the second, and so on.</summary>
    public void Gather(ReadOnlySpan<ulong> numbers, int first, int count, Span<ulong> operands)
    {
        for (int operand = 0; operand < round.Comparison.Operation.Operands; operand++)
        {
            for (int i = 0; i < count; i++)
            {
                (int image, int item) = Math.DivRem(first + i, round.Items);
                operands[(operand * count) + i] = numbers[(image * board) + round.Player(operand, item)];
            }
        }
    }

    /// <summary>Puts down the results of some items.</summary>
    public void PutResults(ReadOnlySpan<ulong> results, int first, Span<ulong> numbers)
    {
        for (int i = 0; i < results.Length; i++)
        {
            (int image, int item) = Math.DivRem(first + i, round.Items);
            numbers[(image * board) + round.FirstResult + item] = results[i];
        }
    }

    /// <summary>Takes the results of some items.</summary>
    public void TakeResults(ReadOnlySpan<ulong> numbers, int first, Span<ulong> results)
    {
        for (int i = 0; i < results.Length; i++)
        {
            (int image, int item) = Math.DivRem(first + i, round.Items);
            results[i] = numbers[(image * board) + round.FirstResult + item];
        }
    }
}
