using Popcorn.Engine.Import.Onnx;

namespace Popcorn.Engine.Import;

/// <summary>The nodes that an output depends on, in an order in which each comes after what it reads.</summary>
/// <param name="Nodes">The nodes.</param>
/// <param name="Names">All names that they read, and the output's.</param>
/// <param name="Cycle">A node that depends on itself, or null.</param>
internal sealed record NodeOrder(IReadOnlyList<NodeProto> Nodes, HashSet<string> Names, NodeProto? Cycle)
{
    public static NodeOrder Of(GraphProto graph, string output)
    {
        // Where several nodes compute one name, against the rules, the first counts.
        var makers = new Dictionary<string, NodeProto>();
        foreach (NodeProto node in graph.Node)
        {
            foreach (string name in node.Output.Where(name => name.Length > 0))
            {
                makers.TryAdd(name, node);
            }
        }

        var names = new HashSet<string> { output };
        var nodes = new List<NodeProto>();
        var state = new Dictionary<NodeProto, bool>(ReferenceEqualityComparer.Instance);
        var pending = new Stack<NodeProto>();
        PushMakerOf(output);
        while (pending.TryPeek(out NodeProto? node))
        {
            if (state.TryGetValue(node, out bool isDone))
            {
                pending.Pop();
                if (!isDone)
                {
                    state[node] = true;
                    nodes.Add(node);
                }

                continue;
            }

            state[node] = false;
            // The last that is pushed comes first, so that nodes keep the file's order where they can.
            foreach (string name in node.Input.Reverse().Where(name => name.Length > 0))
            {
                names.Add(name);
                if (PushMakerOf(name) is { } cycle)
                {
                    return new NodeOrder([], names, cycle);
                }
            }
        }

        return new NodeOrder(nodes, names, null);

        // Returns the node if it is being walked through: then it depends on itself.
        NodeProto? PushMakerOf(string name)
        {
            if (!makers.TryGetValue(name, out NodeProto? maker))
            {
                return null;
            }

            if (!state.TryGetValue(maker, out bool isDone))
            {
                pending.Push(maker);
                return null;
            }

            return isDone ? null : maker;
        }
    }
}
