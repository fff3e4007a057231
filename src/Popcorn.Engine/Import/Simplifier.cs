using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Rewrites a floating-point graph into fewer nodes with the same value, exactly: element-wise scales and shifts (batch
/// norm, normalised inputs) join the linear layer before or behind them, ReLU joins the max-pool beside it, borders the
/// convolution behind them, comparisons move before whatever increasing function they look at, and nodes that do
/// nothing disappear. Only a node that nobody else reads is ever joined where that would repeat work.
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
        FloatAffine { Source: FloatAffine first } second when mayJoin(first) => Join(Merge(first, second), mayJoin),
        FloatAffine { IsIdentity: true } => node.Source,
        FloatAffine { Source: FloatSteps steps } affine when mayJoin(steps) && IsOneNumber(affine) =>
            Behind(steps, affine),
        FloatLinear { Source: FloatAffine affine } linear when mayJoin(affine) && CanTakeIn(linear, affine) =>
            Before(affine, linear),
        FloatLinear { Source: FloatLinear { IsBorder: true } border } linear when CanTakeIn(linear, border) =>
            Before(border, linear),
        FloatSteps steps => SimplifySteps(steps, mayJoin),
        // Increasing scales move behind what keeps the order: what quantizes and dequantizes again meets then.
        FloatClip { Source: FloatAffine { IsUniform: true } affine } clip when mayJoin(affine) && affine.Scale[0] > 0 =>
            Behind(clip, affine, mayJoin),
        FloatClip { Low: <= 0, Source: FloatRelu relu } clip when mayJoin(relu) =>
            Join(new FloatClip(clip.Name, relu.Source, 0, clip.High), mayJoin),
        FloatMaxPool { WithZero: false, Source: FloatAffine { IsPerChannel: true } affine } pool
            when mayJoin(affine) && Array.TrueForAll(affine.Scale, s => s > 0) =>
            new FloatAffine(affine.Name, Join(pool.Reading([affine.Source]), mayJoin), affine.Scale, affine.Shift),
        FloatConcat concat when concat.Sources.All(s => s is FloatAffine { IsPerChannel: true } && mayJoin(s)) =>
            Behind(concat, [.. concat.Sources.Cast<FloatAffine>()], mayJoin),
        FloatConcat concat when concat.Sources.All(s => s is FloatRelu && mayJoin(s)) =>
            new FloatRelu(concat.Name, new FloatConcat(concat.Name, [.. concat.Sources.Select(s => s.Source)])),
        FloatRelu { Source: FloatRelu or FloatMaxPool { WithZero: true } } => node.Source,
        FloatRelu { Source: FloatMaxPool pool } when mayJoin(pool) =>
            new FloatMaxPool(pool.Name, pool.Source, pool.Window, withZero: true),
        FloatMaxPool { Window: { Taps: 1 } window } when IsIdentity(node, window) => node.Source,
        // A maximum of single elements is a subsampling, which is linear.
        FloatMaxPool { Window: { Taps: 1 } window } => new FloatAveragePool(node.Name, node.Source, window),
        FloatMaxPool { Source: FloatRelu relu } pool when mayJoin(relu) =>
            new FloatMaxPool(pool.Name, relu.Source, pool.Window, withZero: true),
        FloatAveragePool { Window: { Taps: 1 } window } when IsIdentity(node, window) => node.Source,
        _ => node,
    };

    private static bool IsIdentity(FloatNode pool, Window window) =>
        window with { DilationY = 1, DilationX = 1 }
            == Window.Pointwise(pool.Source.Shape.Height, pool.Source.Shape.Width);

    /// <summary>scale·(Wx + b) + shift.</summary>
    private static FloatLinear Behind(FloatLinear linear, FloatAffine affine)
    {
        var weights = new double[linear.Weights.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] = linear.Weights[i] * affine.Scale[i / linear.WeightsPerOutput];
        }

        return linear.With(weights, [.. linear.Bias.Select((b, o) => b * affine.Scale[o] + affine.Shift[o])]);
    }

    /// <summary>
    /// Padding that is p behind the affine map is (p − shift)/scale before it. Scales and shifts of single elements can
    /// be told apart by a fully connected layer only.
    /// </summary>
    private static bool CanTakeIn(FloatLinear linear, FloatAffine affine)
    {
        Shape source = affine.Shape;
        bool isDense = linear.Groups == 1 && linear.Window == Window.Whole(source.Height, source.Width);
        return isDense || (affine.IsPerChannel
            && (linear.Window.AlwaysWithin(source.Height, source.Width)
                || Enumerable.Range(0, source.Channels).All(c => linear.PaddingOf(c) == affine.Shift[c]
                    || double.IsNormal(affine.Scale[c]))));
    }

    /// <summary>A convolution can look over a border itself, unless it has another one of its own.</summary>
    private static bool CanTakeIn(FloatLinear linear, FloatLinear border) =>
        linear.Window.AlwaysWithin(border.Shape.Height, border.Shape.Width)
        || Enumerable.Range(0, border.Shape.Channels).All(c => linear.PaddingOf(c) == border.PaddingOf(c));

    private static FloatLinear Before(FloatLinear border, FloatLinear linear)
    {
        Window window = linear.Window with
        {
            PadTop = linear.Window.PadTop + border.Window.PadTop,
            PadLeft = linear.Window.PadLeft + border.Window.PadLeft,
        };
        return window.IsValid
            ? new FloatLinear(linear.Name, border.Source, window, linear.Groups, linear.Weights, linear.Bias)
            {
                Padding = border.Padding,
                IsMove = linear.IsMove,
            }
            : linear;
    }

    private static FloatAffine Behind(FloatClip clip, FloatAffine affine, Predicate<FloatNode> mayJoin)
    {
        double scale = affine.Scale[0], shift = affine.Shift[0];
        var moved = new FloatClip(clip.Name, affine.Source, (clip.Low - shift) / scale, (clip.High - shift) / scale);
        return new FloatAffine(affine.Name, Join(moved, mayJoin), affine.Scale, affine.Shift);
    }

    private static FloatAffine Behind(FloatConcat concat, FloatAffine[] parts, Predicate<FloatNode> mayJoin) => new(
        concat.Name, Join(concat.Reading([.. parts.Select(p => p.Source)]), mayJoin),
        [.. parts.SelectMany(p => p.Scale)], [.. parts.SelectMany(p => p.Shift)]);

    private static bool IsOneNumber(FloatAffine affine) =>
        affine.Scale[0] != 0 && Array.TrueForAll(affine.Scale, s => s == affine.Scale[0])
        && Array.TrueForAll(affine.Shift, s => s == affine.Shift[0]);

    private static FloatSteps Behind(FloatSteps steps, FloatAffine affine) => new(
        steps.Name, steps.Source, steps.Cuts, steps.Low * affine.Scale[0] + affine.Shift[0],
        [.. steps.Heights.Select(h => h * affine.Scale[0])]);

    /// <summary>
    /// Moves comparisons before what they look at: they only ask whether an increasing function passes a threshold.
    /// This repeats no work, whoever else reads what is passed over, except for a max-pool: max(x) ≥ t where any x ≥ t,
    /// and max(x) ≤ t where all x ≤ t, which is a count of bits, and another comparison.
    /// </summary>
    private static FloatSteps SimplifySteps(FloatSteps steps, Predicate<FloatNode> mayJoin)
    {
        FloatNode source = steps.Source;
        Cut[] cuts = steps.Cuts;
        bool exclusive = true;
        while (true)
        {
            exclusive &= mayJoin(source);
            switch (source)
            {
                case FloatAffine { IsPerChannel: true } affine:
                    int each = steps.Heights.Length;
                    cuts = [.. cuts.Select((cut, i) => cut.Before(affine.Scale[i / each], affine.Shift[i / each]))];
                    break;
                case FloatRelu:
                    cuts = Array.ConvertAll(cuts, cut => cut.BeforeClip(0, double.PositiveInfinity));
                    break;
                case FloatClip clip:
                    cuts = Array.ConvertAll(cuts, cut => cut.BeforeClip(clip.Low, clip.High));
                    break;
                case FloatMonotone { Function: var f }:
                    cuts = Array.ConvertAll(cuts, cut => cut.Before(f.Low, f.High, false, f.Inverse));
                    break;
                case FloatMaxPool pool when exclusive && steps.Heights.Length == 1:
                    if (pool.WithZero)
                    {
                        cuts = Array.ConvertAll(cuts, cut => cut.BeforeClip(0, double.PositiveInfinity));
                    }

                    return Count(steps, cuts, pool, mayJoin);
                default:
                    return new FloatSteps(steps.Name, source, cuts, steps.Low, steps.Heights);
            }

            source = source.Source;
        }
    }

    private static FloatSteps Count(FloatSteps steps, Cut[] cuts, FloatMaxPool pool, Predicate<FloatNode> mayJoin)
    {
        int taps = pool.Window.Taps;
        int weights = CheckedSize.Product(cuts.Length, taps, steps.Name);
        var bits = new FloatSteps($"{steps.Name}/bits", pool.Source, cuts, 0, [1]);
        double[] ones = [.. Enumerable.Repeat(1.0, weights)];
        // Where all must pass, what lies outside the plane passes as well.
        double[] padding = [.. cuts.Select(cut => cut.Below ? 1.0 : 0.0)];
        var count = new FloatLinear(
            pool.Name, SimplifySteps(bits, mayJoin), pool.Window, cuts.Length, ones, new double[cuts.Length])
        {
            Padding = pool.Window.AlwaysWithin(pool.Source.Shape.Height, pool.Source.Shape.Width) ? [] : padding,
        };
        return new FloatSteps(
            steps.Name, count, [.. cuts.Select(cut => new Cut(cut.Below ? taps - 0.5 : 0.5, false))], steps.Low,
            steps.Heights);
    }

    /// <summary>W(scale·x + shift) + b.</summary>
    private static FloatLinear Before(FloatAffine affine, FloatLinear linear)
    {
        int area = affine.Shape.Area;
        var weights = new double[linear.Weights.Length];
        double[] bias = [.. linear.Bias];
        for (int i = 0; i < weights.Length; i++)
        {
            int output = i / linear.WeightsPerOutput;
            int within = i % linear.WeightsPerOutput;
            int channel = linear.InputChannelOf(output, within);
            int index = affine.IsPerChannel ? channel : channel * area + within % linear.Window.Taps;
            weights[i] = linear.Weights[i] * affine.Scale[index];
            bias[output] += linear.Weights[i] * affine.Shift[index];
        }

        bool isPadded = !linear.Window.AlwaysWithin(affine.Shape.Height, affine.Shape.Width);
        double[] padding = !isPadded ? [] : [.. Enumerable.Range(0, affine.Shape.Channels).Select(c =>
        {
            double difference = linear.PaddingOf(c) - affine.Shift[c];
            return difference == 0 ? 0 : difference / affine.Scale[c];
        })];
        return new FloatLinear(linear.Name, affine.Source, linear.Window, linear.Groups, weights, bias)
        {
            Padding = Array.TrueForAll(padding, p => p == 0) ? [] : padding,
            IsMove = linear.IsMove,
        };
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
