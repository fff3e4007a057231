using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Walks over graphs.</summary>
internal static class FloatGraph
{
    /// <summary>All nodes that a node depends on, itself last, each after what it reads.</summary>
    public static List<FloatNode> InOrder(FloatNode output)
    {
        var order = new List<FloatNode>();
        var done = new HashSet<FloatNode>();
        var pending = new Stack<FloatNode>([output]);
        while (pending.TryPeek(out FloatNode? node))
        {
            bool ready = true;
            foreach (FloatNode source in node.Sources)
            {
                if (!done.Contains(source))
                {
                    pending.Push(source);
                    ready = false;
                }
            }

            if (ready)
            {
                pending.Pop();
                if (done.Add(node))
                {
                    order.Add(node);
                }
            }
        }

        return order;
    }

    /// <summary>The same graph with other nodes in the place of its own, each after what it reads.</summary>
    /// <param name="output">The graph.</param>
    /// <param name="replace">What stands for a node that reads what stands for its sources.</param>
    public static FloatNode Rewritten(FloatNode output, Func<FloatNode, FloatNode> replace)
    {
        var rewritten = new Dictionary<FloatNode, FloatNode>();
        foreach (FloatNode node in InOrder(output))
        {
            rewritten[node] = replace(node.Reading([.. node.Sources.Select(s => rewritten[s])]));
        }

        return rewritten[output];
    }

    /// <summary>The shape of a graph's input.</summary>
    /// <exception cref="PopcornException">It is used in several shapes.</exception>
    public static Shape InputOf(IEnumerable<FloatNode> graph)
    {
        Shape[] shapes = [.. graph.OfType<FloatInput>().Select(input => input.Shape).Distinct()];
        return shapes.Length == 1 ? shapes[0] : throw new PopcornException(
            $"This network cannot be imported: its input is used both as {shapes[0]} and in another shape. "
            + "Reshape it once, before the first layer.");
    }
}

/// <summary>Who reads which node of a graph.</summary>
internal sealed class FloatReaders(IEnumerable<FloatNode> graph)
{
    private readonly ILookup<FloatNode, FloatNode> _readers = graph
        .SelectMany(n => n.Sources.Distinct().Select(s => (Source: s, Reader: n)))
        .ToLookup(e => e.Source, e => e.Reader);

    public IReadOnlyList<FloatNode> Of(FloatNode node) => [.. _readers[node]];
}
