using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Linear;

/// <summary>
/// Products of subsets of neighbouring channels at one position, numbered as they are asked for. Entries 0 …
/// channels−1 are the channels themselves and cost nothing; every other entry is one product of two earlier ones.
/// </summary>
internal sealed class SubsetTable(int channels, int blockChannels)
{
    private readonly Dictionary<(int First, int Subset), int> _entries = [];
    private readonly List<(int First, int Left, int Right)> _products = [];

    /// <summary>Entries that are not channels: as many products for each position.</summary>
    public int Count => _products.Count;

    /// <summary>The entry for a subset (bit i: channel first + i), which is added if it is new.</summary>
    public int EntryOf(int first, int subset)
    {
        if (BitOperations.IsPow2(subset))
        {
            return first + BitOperations.Log2((uint)subset);
        }

        if (!_entries.TryGetValue((first, subset), out int entry))
        {
            int top = 1 << BitOperations.Log2((uint)subset);
            int rest = EntryOf(first, subset & ~top);
            _products.Add((first, rest, EntryOf(first, top)));
            entry = channels + _products.Count - 1;
            _entries.Add((first, subset), entry);
        }

        return entry;
    }

    /// <summary>
    /// Programs that fill the table at every position of an input: entry e at position p is value e·area + p. Blocks
    /// are independent, and where there are few positions many share a program, so that kernels have work side by side.
    /// </summary>
    public IEnumerable<CompiledPart> Compile(Shape input)
    {
        int blocksPerProgram = input.Area < CompiledPart.SideBySide ? CompiledPart.SideBySide : 1;
        int channelsPerProgram = blocksPerProgram * blockChannels;
        foreach (IGrouping<int, int> program in Enumerable.Range(0, _products.Count)
            .GroupBy(i => _products[i].First / channelsPerProgram))
        {
            var values = new Dictionary<int, int>();
            var sources = new List<int>();
            foreach (int product in program)
            {
                AddSource(_products[product].Left);
                AddSource(_products[product].Right);
            }

            var builder = new ProductBuilder(sources.Count, countOnly: false);
            var results = new List<int>();
            foreach (int product in program)
            {
                (_, int left, int right) = _products[product];
                int value = builder.Multiply(values[left], values[right]);
                values.Add(channels + product, value);
                results.Add(value);
            }

            yield return CompiledPart.From(
                builder, results, input.Area, Index(sources, input.Area),
                Index([.. program.Select(p => channels + p)], input.Area));

            void AddSource(int entry)
            {
                if (entry < channels && values.TryAdd(entry, sources.Count))
                {
                    sources.Add(entry);
                }
            }
        }
    }

    private static int[] Index(List<int> entries, int area)
    {
        var index = new int[area * entries.Count];
        for (int position = 0; position < area; position++)
        {
            for (int i = 0; i < entries.Count; i++)
            {
                index[position * entries.Count + i] = entries[i] * area + position;
            }
        }

        return index;
    }
}
