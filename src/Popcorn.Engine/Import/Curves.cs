namespace Popcorn.Engine.Import;

/// <summary>
/// Functions of a single value that a network writes as several element-wise nodes, such as x·sigmoid(x): they are
/// followed back to the value that all of them start from, and become one <see cref="FloatCurve"/>.
/// </summary>
internal static class Curves
{
    /// <summary>Element-wise nodes that are followed back at most; activations are written with a dozen.</summary>
    private const int MostNodes = 64;

    /// <summary>Functions that one may call at most: what is used twice is computed twice.</summary>
    private const int MostEffort = 1 << 10;

    /// <summary>A function of each element.</summary>
    public static Signal Of(OperatorCall call, Signal x, Func<double, double> function) =>
        x.Same(new FloatCurve(call.Name, call.Node.Operator, x.Node, function));

    /// <summary>A function of two values, where both are functions of one; else null.</summary>
    public static Signal? Combine(OperatorCall call, Func<double, double, double> function, Signal a, Signal b) =>
        a.Layout.IsSameAs(b.Layout) && Common([a.Node, b.Node]) is (var root, [var f, var g], int effort)
            ? a.Same(new FloatCurve(call.Name, call.Node.Operator, root, x => function(f(x), g(x)), effort))
            : null;

    /// <summary>A selection, by a decision about a value, of functions of it or constants; else null.</summary>
    public static Signal? Select(OperatorCall call, Signal condition, GraphValue yes, GraphValue no)
    {
        GraphValue[] values = [condition, yes, no];
        Signal[] signals = [.. values.OfType<Signal>()];
        bool fits = Array.TrueForAll(values, v => v is Signal or Constant { Values.Length: 1 })
            && Array.TrueForAll(signals, s => s.Layout.IsSameAs(condition.Layout));
        if (!fits || Common([.. signals.Select(s => s.Node)]) is not (var root, var functions, int effort))
        {
            return null;
        }

        var rest = new Queue<Func<double, double>>(functions);
        Func<double, double>[] all = Array.ConvertAll<GraphValue, Func<double, double>>(values, value =>
            value is Constant constant ? _ => constant.Values[0] : rest.Dequeue());
        ElementType type = signals.Length > 1 ? signals[^1].Type : condition.Type;
        var curve = new FloatCurve(
            call.Name, call.Node.Operator, root, x => all[0](x) != 0 ? all[1](x) : all[2](x), effort);
        return condition.Same(curve) with { Type = type };
    }

    /// <summary>The nearest node that all of the nodes given are functions of, and the functions.</summary>
    private static (FloatNode Root, Func<double, double>[] Functions, int Effort)? Common(FloatNode[] nodes)
    {
        foreach (FloatNode root in Ancestors(nodes[0]))
        {
            var known = new Dictionary<FloatNode, Composed?> { [root] = new(x => x, 1) };
            Composed?[] all = Array.ConvertAll(nodes, node => Function(node, known));
            int effort = all.Sum(f => f?.Effort ?? MostEffort);
            if (effort < MostEffort)
            {
                return (root, Array.ConvertAll(all, f => f!.Call), effort);
            }
        }

        return null;
    }

    /// <summary>A node and what it is an element-wise function of, the nearest first.</summary>
    private static List<FloatNode> Ancestors(FloatNode node)
    {
        List<FloatNode> found = [node];
        for (int i = 0; i < found.Count && found.Count < MostNodes; i++)
        {
            if (found[i].IsElementwise)
            {
                found.AddRange(found[i].Sources.Where(s => !found.Contains(s)));
            }
        }

        return found;
    }

    /// <summary>A node as a function of the one that is known to begin with; null where it is none.</summary>
    private static Composed? Function(FloatNode node, Dictionary<FloatNode, Composed?> known)
    {
        if (known.TryGetValue(node, out Composed? function) || known.Count > MostNodes)
        {
            return function;
        }

        known[node] = null;
        if (node.IsElementwise && Own(node) is { } own)
        {
            Composed?[] sources = [.. node.Sources.Select(s => Function(s, known))];
            int effort = (node as FloatCurve)?.Effort ?? 1;
            effort += sources.Sum(s => s?.Effort ?? MostEffort);
            if (effort < MostEffort)
            {
                Func<double, double> first = sources[0]!.Call, last = sources[^1]!.Call;
                known[node] = new Composed(
                    sources.Length == 1 ? x => own(first(x), 0) : x => own(first(x), last(x)), effort);
            }
        }

        return known[node];
    }

    /// <summary>What a node makes of its one or two sources; null where channels differ.</summary>
    private static Func<double, double, double>? Own(FloatNode node) => node switch
    {
        FloatAffine { IsUniform: true } affine => (x, _) => x * affine.Scale[0] + affine.Shift[0],
        FloatRelu => (x, _) => Math.Max(x, 0),
        FloatClip clip => (x, _) => Math.Clamp(x, clip.Low, clip.High),
        FloatMonotone monotone => (x, _) => monotone.Function.Function(x),
        FloatCurve curve => (x, _) => curve.Function(x),
        FloatSquare => (x, _) => x * x,
        FloatAdd => (x, y) => x + y,
        FloatSteps { IsUniform: true } steps => (x, _) => steps.Low
            + steps.Heights.Zip(steps.Cuts, (height, cut) => cut.IsPassedBy(x) ? height : 0).Sum(),
        _ => null,
    };

    /// <summary>A function, and how many functions of nodes it calls.</summary>
    private sealed record Composed(Func<double, double> Call, int Effort);
}
