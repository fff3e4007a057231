using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Rewrites a floating-point graph into fewer nodes with the same value, exactly: element-wise scales and shifts (batch
/// norm, normalised inputs) join the linear layer before or behind them, ReLU joins the max-pool beside it, and nodes
/// that do nothing disappear. Only a node that nobody else reads is ever joined.
/// </summary>
internal static class Simplifier
{
    public static FloatNode Simplify(FloatNode output)
    {
        List<FloatNode> order = FloatGraph.InOrder(output);
        var readers = order.SelectMany(n => n.Sources).GroupBy(n => n).ToDictionary(g => g.Key, g => g.Count());
        var simple = new Dictionary<FloatNode, FloatNode>();
        // Nodes of the new graph with one reader: joining them with it repeats no work.
        var exclusive = new HashSet<FloatNode>();
        foreach (FloatNode node in order)
        {
            FloatNode[] sources = [.. node.Sources.Select(s => simple[s])];
            FloatNode result = Join(node.Reading(sources), exclusive.Contains);
            bool passesThrough = sources.Contains(result);
            simple[node] = result;
            if (readers.GetValueOrDefault(node) != 1)
            {
                exclusive.Remove(result);
            }
            else if (!passesThrough)
            {
                exclusive.Add(result);
            }
        }

        return simple[output];
    }

    private static FloatNode Join(FloatNode node, Predicate<FloatNode> mayJoin) => node switch
    {
        FloatAffine { Source: FloatLinear linear } affine when mayJoin(linear) && affine.IsPerChannel =>
            Behind(linear, affine),
        FloatAffine { Source: FloatAffine first } second when mayJoin(first) => Merge(first, second),
        FloatLinear { Source: FloatAffine affine } linear when mayJoin(affine) && CanTakeIn(linear, affine) =>
            Before(affine, linear),
        FloatRelu { Source: FloatRelu or FloatMaxPool { WithZero: true } } => node.Source,
        FloatRelu { Source: FloatMaxPool pool } when mayJoin(pool) =>
            new FloatMaxPool(pool.Name, pool.Source, pool.Window, withZero: true),
        FloatMaxPool { Window: { Taps: 1 } window } pool => OneTap(pool, window),
        FloatMaxPool { Source: FloatRelu relu } pool when mayJoin(relu) =>
            new FloatMaxPool(pool.Name, relu.Source, pool.Window, withZero: true),
        FloatAveragePool { Window: { Taps: 1 } window } pool when IsIdentity(pool, window) => pool.Source,
        _ => node,
    };

    /// <summary>A max-pool over single elements: nothing, or a subsampling, which is linear.</summary>
    private static FloatNode OneTap(FloatMaxPool pool, Window window) =>
        IsIdentity(pool, window) ? pool.Source : new FloatAveragePool(pool.Name, pool.Source, window);

    private static bool IsIdentity(FloatNode pool, Window window) =>
        window with { DilationY = 1, DilationX = 1 }
            == Window.Pointwise(pool.Source.Shape.Height, pool.Source.Shape.Width);

    /// <summary>scale·(Wx + b) + shift.</summary>
    private static FloatLinear Behind(FloatLinear linear, FloatAffine affine)
    {
        var weights = new double[linear.Weights.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] = linear.Weights[i] * affine.Scale[i / linear.Fan];
        }

        double[] bias = [.. linear.Bias.Select((b, o) => b * affine.Scale[o] + affine.Shift[o])];
        return new FloatLinear(linear.Name, linear.Source, linear.Window, linear.Groups, weights, bias);
    }

    /// <summary>
    /// A shift cannot move through padding, which is 0 behind it and would be −shift/scale before it. Scales and shifts
    /// of single elements can be told apart by a fully connected layer only.
    /// </summary>
    private static bool CanTakeIn(FloatLinear linear, FloatAffine affine)
    {
        Shape source = affine.Shape;
        bool isDense = linear.Groups == 1 && linear.Window == Window.Whole(source.Height, source.Width);
        return isDense || (affine.IsPerChannel
            && (Array.TrueForAll(affine.Shift, s => s == 0)
                || linear.Window.AlwaysWithin(source.Height, source.Width)));
    }

    /// <summary>W(scale·x + shift) + b.</summary>
    private static FloatLinear Before(FloatAffine affine, FloatLinear linear)
    {
        int area = affine.Shape.Area;
        var weights = new double[linear.Weights.Length];
        double[] bias = [.. linear.Bias];
        for (int i = 0; i < weights.Length; i++)
        {
            int output = i / linear.Fan;
            int within = i % linear.Fan;
            int channel = linear.InputChannelOf(output, within);
            int index = affine.IsPerChannel ? channel : channel * area + within % linear.Window.Taps;
            weights[i] = linear.Weights[i] * affine.Scale[index];
            bias[output] += linear.Weights[i] * affine.Shift[index];
        }

        return new FloatLinear(linear.Name, affine.Source, linear.Window, linear.Groups, weights, bias);
    }

    private static FloatAffine Merge(FloatAffine first, FloatAffine second)
    {
        int size = first.IsPerChannel && second.IsPerChannel ? first.Shape.Channels : first.Shape.Size;
        var scale = new double[size];
        var shift = new double[size];
        for (int i = 0; i < size; i++)
        {
            int a = i * first.Scale.Length / size;
            int b = i * second.Scale.Length / size;
            scale[i] = first.Scale[a] * second.Scale[b];
            shift[i] = first.Shift[a] * second.Scale[b] + second.Shift[b];
        }

        return new FloatAffine(second.Name, first.Source, scale, shift);
    }
}
