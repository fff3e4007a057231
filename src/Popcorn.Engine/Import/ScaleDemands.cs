namespace Popcorn.Engine.Import;

/// <summary>
/// By which whole numbers the channels of which values shall be finer than they came out, so that the layers behind
/// them can round their weights without losing others: a channel whose integers are small beside its neighbours' has
/// the largest products of weight and scale, relative to which all weights of a row are rounded. Demands are made by
/// readers, and met by the layers that make the values when the network is quantized once more.
/// </summary>
internal sealed class ScaleDemands
{
    /// <summary>Finer by more than this, a value is multiplied where it is joined, not in its layer.</summary>
    private const double MostInWeights = 16;

    /// <summary>More than any channel may be refined by, where it is joined or added and where it is made.</summary>
    private const double MostJoined = 1L << 60, MostMade = 1 << 16;

    /// <summary>In place of a source: the factors are those of the node's own weights, or of a sum.</summary>
    private const int Own = -1;

    private readonly Dictionary<(FloatNode Node, int Source), double[]> _factors = [];

    /// <summary>What this pass demands: of several readers the one that demands most decides.</summary>
    private readonly Dictionary<(FloatNode Node, int Source), double[]> _pending = [];

    private bool _isClosed;

    /// <summary>Whether the last pass demanded nothing new; then all later ones are the same.</summary>
    public bool AreSettled { get; private set; }

    /// <summary>Before a network is quantized once more: takes up what was demanded.</summary>
    public void BeginPass()
    {
        foreach (((FloatNode Node, int Source) key, double[] pending) in _pending)
        {
            double[] factors = _factors.TryGetValue(key, out double[]? known) ? known : Ones(pending.Length);
            double most = key.Node is FloatLinear ? MostMade : MostJoined;
            _factors[key] = [.. factors.Zip(pending, (f, p) => p > 1 ? Math.Min(most, Math.Ceiling(f * p)) : f)];
        }

        _pending.Clear();
        AreSettled = true;
    }

    /// <summary>Takes no more demands.</summary>
    public void Settle()
    {
        BeginPass();
        _isClosed = true;
    }

    /// <summary>The factors that a layer's own weights, or those of a sum, take; null: none.</summary>
    public double[]? Of(FloatNode node) => _factors.GetValueOrDefault((node, Own));

    /// <summary>The factors for a value before it is joined; null: none.</summary>
    public double[]? Of(FloatConcat reader, int source) => _factors.GetValueOrDefault((reader, source));

    /// <summary>The factors of whatever makes a value; ones where nobody takes any.</summary>
    public double[] Made(FloatNode node) =>
        (MakerOf(node) is { } maker ? Of(maker) : null) ?? Ones(node.Shape.Channels);

    /// <summary>Whether it is a sum that makes a value.</summary>
    public static bool IsSum(FloatNode node) => MakerOf(node) is FloatAdd;

    /// <summary>Sets the factors of whatever makes a value.</summary>
    public void Assign(FloatNode node, double[] factors)
    {
        if (!_isClosed && MakerOf(node) is { } maker && !Made(node).AsSpan().SequenceEqual(factors))
        {
            _factors[(maker, Own)] = factors;
            AreSettled = false;
        }
    }

    /// <summary>Demands a node's channels finer by factors (1 and less: as they are).</summary>
    public void Raise(FloatNode node, double[] factors)
    {
        if (_isClosed || Array.TrueForAll(factors, f => f <= 1))
        {
            return;
        }

        switch (node)
        {
            case FloatLinear or FloatAdd:
                Grow((node, Own), factors);
                break;
            case FloatConcat concat:
                int first = 0;
                for (int i = 0; i < concat.Sources.Count; i++)
                {
                    FloatNode source = concat.Sources[i];
                    double[] part = factors[first..(first += source.Shape.Channels)];
                    if (part.Max() > MostInWeights || Of(concat, i) is not null || MakerOf(source) is null)
                    {
                        Grow((concat, i), part);
                    }
                    else
                    {
                        Raise(source, part);
                    }
                }

                break;
            case FloatRelu or FloatClip or FloatMaxPool or FloatAveragePool or FloatAffine { IsPerChannel: true }:
                Raise(node.Source, factors);
                break;
            case FloatSquare:
                Raise(node.Source, Array.ConvertAll(factors, f => Math.Sqrt(Math.Max(1, f))));
                break;
        }
    }

    /// <summary>The layer or sum behind a value, through nodes that only move or rectify it; null: none.</summary>
    private static FloatNode? MakerOf(FloatNode node) => node switch
    {
        FloatLinear or FloatAdd => node,
        FloatRelu or FloatClip or FloatMaxPool or FloatAveragePool or FloatAffine { IsPerChannel: true } =>
            MakerOf(node.Source),
        _ => null,
    };

    private static double[] Ones(int count) => [.. Enumerable.Repeat(1.0, count)];

    private void Grow((FloatNode Node, int Source) key, double[] factors)
    {
        _pending[key] = _pending.TryGetValue(key, out double[]? pending)
            ? [.. pending.Zip(factors, Math.Max)]
            : factors;
        AreSettled &= Array.TrueForAll(factors, f => f <= 1);
    }
}
