using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Linear;

/// <summary>
/// Shared subset products ("four Russians"): weights in two's complement, plane by plane. Channels of a position are
/// cut into blocks; the products of those subsets of a block that any plane of any row asks for are made once for each
/// position of the input, and serve all output channels and all windows that see the position. A plane of a row is then
/// one product for each block; planes are joined by squarings, the sign plane goes to the negative part. Pays for few
/// bits, dense weights and many outputs.
/// </summary>
/// <remarks>
/// With many positions a program computes rows at one position, and its tiles are the positions. With few, all rows run
/// one and the same program whose tiles are the rows: each picks its own table entries. A plane that is equal in all
/// rows (of ±1 weights the lowest is) is then summed once, beforehand.
/// </remarks>
internal sealed record TableStrategy : LinearStrategy
{
    /// <summary>Wider weights are never cheaper this way than in buckets.</summary>
    private const int MostWeightBits = 5;

    private const int MostChannels = 6;

    private readonly int _blockChannels;
    private readonly int _planes;
    private readonly SubsetTable _table;
    private readonly int[][] _sharedPlanes; // by group

    private TableStrategy(LinearLayer layer, Shape input, int blockChannels, int planes, bool negative)
        : base(layer, input, negative ? NegativeWeights.InvertOutputs : NegativeWeights.None, 0)
    {
        _blockChannels = blockChannels;
        _planes = planes;
        _table = new SubsetTable(input.Channels, blockChannels);
        _sharedPlanes = [.. Enumerable.Range(0, layer.Groups).Select(g => RowsAreTiles ? SharedPlanes(g) : [])];
        RowProducts = CountProducts();
    }

    /// <inheritdoc/>
    public override int Extras => FirstSharedSum(Layer.Groups) - Input.Size;

    /// <inheritdoc/>
    public override bool RowsAreTiles => Layer.Output.Area < CompiledPart.SideBySide;

    /// <inheritdoc/>
    protected override string Method => $"tables{_blockChannels}";

    private int ChannelsPerGroup => Input.Channels / Layer.Groups;

    private int RowsPerGroup => Layer.Output.Channels / Layer.Groups;


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
    public override IEnumerable<CompiledPart> CompileTables()
    {
        IEnumerable<CompiledPart> sums =
            Enumerable.Range(0, Layer.Groups).Where(g => _sharedPlanes[g].Length > 0).Select(CompileSharedSums);
        return _table.Compile(Input).Concat(sums);
    }

    /// <inheritdoc/>
    public override CompiledPart CompileRows(int firstRow, int rows) =>
        RowsAreTiles ? CompileRowsAsTiles(firstRow, rows) : CompileRowsAtPositions(firstRow, rows);

    private CompiledPart CompileRowsAtPositions(int firstRow, int rows)
    {
        var inputs = new List<(int Entry, int Tap)>();
        var known = new Dictionary<(int, int), int>();
        for (int row = firstRow; row < firstRow + rows; row++)
        {
            ForEachFactor(row, (_, entry, tap, _) =>
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
            for (int i = 0; i < inputs.Count; i++)
            {
                inputIndex[tile * inputs.Count + i] = ValueAt(inputs[i].Entry, inputs[i].Tap, tile);
            }
        }

        return CompiledPart.From(builder, results, area, inputIndex, OutputIndex(firstRow, rows, results.Count));
    }

    private CompiledPart CompileRowsAsTiles(int firstRow, int rows)
    {
        // Inputs of the one program: for each plane that is not shared what stands in each block of each tap, and the
        // sums of the shared planes.
        int group = firstRow / RowsPerGroup;
        int[] shared = _sharedPlanes[group];
        int blocks = (ChannelsPerGroup + _blockChannels - 1) / _blockChannels;
        int factors = Layer.Window.Taps * blocks;
        var builder = new ProductBuilder(_planes * factors + shared.Length, countOnly: false);
        var sums = new int[_planes];
        Array.Fill(sums, ProductBuilder.None);
        for (int factor = 0; factor < factors; factor++)
        {
            for (int plane = 0; plane < _planes; plane++)
            {
                if (!shared.Contains(plane))
                {
                    sums[plane] = builder.Multiply(sums[plane], plane * factors + factor);
                }
            }
        }

        for (int i = 0; i < shared.Length; i++)
        {
            sums[shared[i]] = _planes * factors + i;
        }

        var results = new List<int>();
        JoinPlanes(sums, builder, results);

        int area = Layer.Output.Area;
        int inputs = _planes * factors + shared.Length;
        int firstShared = FirstSharedSum(group);
        var inputIndex = new int[rows * area * inputs];
        var outputIndex = new int[rows * area * results.Count];
        Array.Fill(inputIndex, -1);
        for (int row = 0; row < rows; row++)
        {
            for (int position = 0; position < area; position++)
            {
                int tile = row * area + position;
                ForEachFactor(firstRow + row, (plane, entry, tap, block) =>
                    inputIndex[tile * inputs + plane * factors + tap * blocks + block] =
                        ValueAt(entry, tap, position));
                for (int i = 0; i < shared.Length; i++)
                {
                    inputIndex[tile * inputs + _planes * factors + i] = firstShared + i * area + position;
                }

                for (int o = 0; o < results.Count; o++)
                {
                    outputIndex[tile * results.Count + o] =
                        o * Layer.Output.Size + (firstRow + row) * area + position;
                }
            }
        }

        return CompiledPart.From(builder, results, rows * area, inputIndex, outputIndex);
    }

    /// <summary>Sums of the planes that all rows of a group share, from the inputs themselves.</summary>
    private CompiledPart CompileSharedSums(int group)
    {
        int row = group * RowsPerGroup;
        int taps = Layer.Window.Taps;
        var builder = new ProductBuilder(ChannelsPerGroup * taps, countOnly: false);
        var results = new List<int>();
        foreach (int plane in _sharedPlanes[group])
        {
            results.Add(builder.Sum([.. Enumerable.Range(0, ChannelsPerGroup * taps)
                .Where(slot => (WeightsOf(Layer, row)[slot] >> plane & 1) != 0)]));
        }

        int area = Layer.Output.Area;
        int firstShared = FirstSharedSum(group);
        var inputIndex = new int[area * ChannelsPerGroup * taps];
        var outputIndex = new int[area * results.Count];
        for (int position = 0; position < area; position++)
        {
            for (int slot = 0; slot < ChannelsPerGroup * taps; slot++)
            {
                (int channel, int tap) = Math.DivRem(slot, taps);
                inputIndex[position * ChannelsPerGroup * taps + slot] =
                    ValueAt(group * ChannelsPerGroup + channel, tap, position);
            }

            for (int i = 0; i < results.Count; i++)
            {
                outputIndex[position * results.Count + i] = firstShared + i * area + position;
            }
        }

        return CompiledPart.From(builder, results, area, inputIndex, outputIndex);
    }

    /// <summary>Planes that are the same in all rows of a group, and not empty.</summary>
    private int[] SharedPlanes(int group)
    {
        int first = group * RowsPerGroup;
        return [.. Enumerable.Range(0, _planes).Where(plane =>
        {
            ReadOnlySpan<int> pattern = WeightsOf(Layer, first);
            bool any = false;
            for (int slot = 0; slot < pattern.Length; slot++)
            {
                int bit = pattern[slot] >> plane & 1;
                any |= bit != 0;
                for (int row = first + 1; row < first + RowsPerGroup; row++)
                {
                    if ((Layer.Weights[row * Layer.Fan + slot] >> plane & 1) != bit)
                    {
                        return false;
                    }
                }
            }

            return any;
        })];
    }

    /// <summary>Where a group's shared sums begin: after inputs, tables and the sums of earlier groups.</summary>
    private int FirstSharedSum(int group) =>
        Input.Size + _table.Count * Input.Area
        + _sharedPlanes.Take(group).Sum(planes => planes.Length) * Layer.Output.Area;

    /// <summary>The value of a table entry for a tap at an output position, −1 where the tap sees padding.</summary>
    private int ValueAt(int entry, int tap, int position)
    {
        int at = Layer.Window.Position(position, tap, Input);
        return at < 0 ? -1 : entry * Input.Area + at;
    }

    /// <summary>All rows of each group with what they share, and the tables that they need.</summary>
    private long CountProducts()
    {
        long products = 0;
        var results = new List<int>();
        for (int first = 0; first < Layer.Output.Channels; first += RowsPerGroup)
        {
            int inputs = (1 << MostChannels) * Input.Channels;
            var counter = new ProductBuilder(inputs * Layer.Window.Taps, countOnly: true);
            for (int row = first; row < first + RowsPerGroup; row++)
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
        ForEachFactor(row, (plane, entry, tap, _) =>
            sums[plane] = builder.Multiply(sums[plane], inputOf(entry, tap)));
        JoinPlanes(sums, builder, results);
    }

    private void JoinPlanes(int[] sums, ProductBuilder builder, List<int> results)
    {
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

    /// <summary>Calls back with every plane, table entry, tap and block that a row multiplies together.</summary>
    private void ForEachFactor(int row, Action<int, int, int, int> use)
    {
        int taps = Layer.Window.Taps;
        int firstChannel = row / RowsPerGroup * ChannelsPerGroup;
        int[] shared = _sharedPlanes[row / RowsPerGroup];
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

                    if (subset != 0 && !shared.Contains(plane))
                    {
                        use(plane, _table.EntryOf(firstChannel + first, subset), tap, first / _blockChannels);
                    }
                }
            }
        }
    }
}
