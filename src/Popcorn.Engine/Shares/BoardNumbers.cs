namespace Popcorn.Engine.Shares;

/// <summary>A round's numbers on a board of all images.</summary>
/// <param name="round">The round.</param>
/// <param name="board">Places of an image.</param>
internal readonly struct BoardNumbers(CompareRound round, int board)
{
    /// <summary>Puts down what a layer reads: for each image its elements first.</summary>
    public static void PutSource(ReadOnlySpan<ulong> source, int images, Span<ulong> numbers)
    {
        int size = source.Length / images, places = numbers.Length / images;
        for (int image = 0; image < images; image++)
        {
            source.Slice(image * size, size).CopyTo(numbers[(image * places)..]);
        }
    }

    /// <summary>The results of a layer.</summary>
    public static void Select(ReadOnlySpan<ulong> numbers, LayerRounds rounds, int images, Span<ulong> results)
    {
        int size = results.Length / images;
        for (int output = 0; output < size; output++)
        {
            int place = rounds.Output(output);
            for (int image = 0; image < images; image++)
            {
                results[(image * size) + output] = numbers[(image * rounds.Board) + place];
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
