using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Linear;

/// <summary>
/// Shared subset products ("four Russians"): weights in two's complement, plane by plane. The channels of a position are
/// cut into blocks; the products of those subsets of a block that any plane of any row asks for are made once for each
/// position of the input, and serve all output channels and all windows that see the position. A plane of a row is then
/// one product for each block; planes are joined by squarings, the sign plane goes to the negative part. Pays for few
/// bits, dense weights and many outputs.
/// </summary>
internal sealed record TableStrategy : LinearStrategy
{
    /// <summary>Wider weights are never cheaper this way than in buckets.</summary>
    private const int MostWeightBits = 5;

    private const int MostChannels = 6;

    private readonly int _blockChannels;
    private readonly int _planes;
    private readonly SubsetTable _table;

    private TableStrategy(LinearLayer layer, Shape input, int blockChannels, int planes, bool negative)
        : base(layer, input, negative ? NegativeWeights.InvertOutputs : NegativeWeights.None, 0)
    {
        _blockChannels = blockChannels;
        _planes = planes;
        _table = new SubsetTable(input.Channels, blockChannels);
        RowProducts = CountProducts();
    }

    /// <inheritdoc/>
    public override int Extras => _table.Count * Input.Area;

    /// <inheritdoc/>
    protected override string Method => $"tables{_blockChannels}";

    private int ChannelsPerGroup => Input.Channels / Layer.Groups;

    /// <summary>The strategies that may pay: one for each size of a block.</summary>
    public static IEnumerable<TableStrategy> For(LinearLayer layer, Shape input)
    {
        int largest = layer.Weights.Max(), least = layer.Weights.Min();
        bool negative = least < 0;
        int magnitude = BitOperations.Log2((uint)Math.Max(1, Math.Max(largest, -(long)least - 1))) + 1;
        int planes = negative ? magnitude + 1 : magnitude;
        int channels = Math.Min(MostChannels, input.Channels / layer.Groups);
        if (planes > MostWeightBits || layer.Output.Channels / layer.Groups < 2)
        {
            yield break;
        }

        for (int size = 2; size <= channels; size++)
        {
            yield return new TableStrategy(layer, input, size, planes, negative);
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<CompiledPart> CompileTables() => _table.Compile(Input);

    /// <inheritdoc/>
    public override CompiledPart CompileRows(int firstRow, int rows)
    {
        var inputs = new List<(int Entry, int Tap)>();
        var known = new Dictionary<(int, int), int>();
        for (int row = firstRow; row < firstRow + rows; row++)
        {
            ForEachFactor(row, (_, entry, tap) =>
            {
                if (known.TryAdd((entry, tap), inputs.Count))
                {
                    inputs.Add((entry, tap));
                }
            });
        }

        var builder = new ProductBuilder(inputs.Count, countOnly: false);
        var results = new List<int>();
        for (int row = firstRow; row < firstRow + rows; row++)
        {
            WriteRow(row, builder, (entry, tap) => known[(entry, tap)], results);
        }

        int area = Layer.Output.Area;
        var inputIndex = new int[area * inputs.Count];
        for (int tile = 0; tile < area; tile++)
        {
            (int y, int x) = Math.DivRem(tile, Layer.Output.Width);
            for (int i = 0; i < inputs.Count; i++)
            {
                (int tapY, int tapX) = Math.DivRem(inputs[i].Tap, Layer.Window.KernelWidth);
                int at = Layer.Window.Position(y, x, tapY, tapX, Input.Height, Input.Width);
                inputIndex[tile * inputs.Count + i] = at < 0 ? -1 : inputs[i].Entry * Input.Area + at;
            }
        }

        return CompiledPart.From(builder, results, area, inputIndex, OutputIndex(firstRow, rows, results.Count));
    }

    /// <summary>All rows as one program for each group, and the tables that they need.</summary>
    private long CountProducts()
    {
        int rowsPerGroup = Layer.Output.Channels / Layer.Groups;
        long products = 0;
        var results = new List<int>();
        for (int first = 0; first < Layer.Output.Channels; first += rowsPerGroup)
        {
            int inputs = (1 << MostChannels) * Input.Channels;
            var counter = new ProductBuilder(inputs * Layer.Window.Taps, countOnly: true);
            for (int row = first; row < first + rowsPerGroup; row++)
            {
                WriteRow(row, counter, (entry, tap) => entry * Layer.Window.Taps + tap, results);
            }

            products += (long)counter.Count * Layer.Output.Area;
        }

        return products + (long)_table.Count * Input.Area;
    }

    /// <summary>The positive part of a row and, where weights may be negative, its negative part.</summary>
    private void WriteRow(int row, ProductBuilder builder, Func<int, int, int> inputOf, List<int> results)
    {
        var sums = new int[_planes];
        Array.Fill(sums, ProductBuilder.None);
        ForEachFactor(row, (plane, entry, tap) =>
            sums[plane] = builder.Multiply(sums[plane], inputOf(entry, tap)));
        bool negative = Negatives == NegativeWeights.InvertOutputs;
        int positive = ProductBuilder.None;
        for (int plane = negative ? _planes - 2 : _planes - 1; plane >= 0; plane--)
        {
            positive = builder.Multiply(builder.Multiply(positive, positive), sums[plane]);
        }

        results.Add(positive);
        if (negative)
        {
            int part = sums[_planes - 1];
            for (int i = 0; i < _planes - 1; i++)
            {
                part = builder.Multiply(part, part);
            }

            results.Add(part);
        }
    }

    /// <summary>Calls back with every plane, table entry and tap that a row multiplies together.</summary>
    private void ForEachFactor(int row, Action<int, int, int> use)
    {
        int taps = Layer.Window.Taps;
        int firstChannel = row / (Layer.Output.Channels / Layer.Groups) * ChannelsPerGroup;
        ReadOnlySpan<int> weights = WeightsOf(Layer, row);
        for (int tap = 0; tap < taps; tap++)
        {
            for (int first = 0; first < ChannelsPerGroup; first += _blockChannels)
            {
                int size = Math.Min(_blockChannels, ChannelsPerGroup - first);
                for (int plane = 0; plane < _planes; plane++)
                {
                    int subset = 0;
                    for (int i = 0; i < size; i++)
                    {
                        subset |= (weights[(first + i) * taps + tap] >> plane & 1) << i;
                    }

                    if (subset != 0)
                    {
                        use(plane, _table.EntryOf(firstChannel + first, subset), tap);
                    }
                }
            }
        }
    }
}
