using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Shares;

/// <summary>
/// How a value is shared: client's and server's share add up to 2^g·x + e modulo 2^(K + g), where 0 ≤ e ≤ E &lt; 2^g.
/// </summary>
/// <param name="Ring">K: what all its readers need, so that |x| &lt; 2^(K−1).</param>
/// <param name="Guard">g, guard bits: 0 where the value is exact.</param>
/// <param name="Excess">E: the greatest e.</param>
internal readonly record struct SharedForm(int Ring, int Guard, int Excess)
{
    /// <summary>K + g.</summary>
    public int Bits => Ring + Guard;
}

/// <summary>
/// The forms of all values: docs/PROTOCOL.md derives them. A layer whose equation holds modulo 2^K of its result
/// (linear, square) reads what it reads in that ring; sums, concatenations, pools and maxima have no ring of their own
/// and hand that of their result, with its guard bits, on to what they read.
/// </summary>
internal sealed class Rings
{
    /// <summary>Bits of a share: carries and signs stay within a word.</summary>
    public const int MostBits = 62;

    private readonly PublicNetwork _network;
    private readonly IReadOnlyList<LayerTerms> _terms;
    private readonly List<int>[] _readers;
    private readonly bool[] _isNeverNegative;
    private readonly bool[] _isExact; // whether no e may arise in a value
    private readonly bool[] _makesExact; // of layers
    private readonly int[] _excess;
    private readonly int[] _guard; // of all values joined with one; what exact ones are lifted by when they are joined
    private readonly int[] _ring;

    /// <param name="network">The network, valid.</param>
    /// <param name="terms">What the server tells of its layers.</param>
    /// <exception cref="PopcornException">A value needs a wider ring than there is.</exception>
    public Rings(PublicNetwork network, IReadOnlyList<LayerTerms> terms)
    {
        _network = network;
        _terms = terms;
        int values = network.Layers.Count + 1;
        _readers = [.. Enumerable.Range(0, values).Select(_ => new List<int>())];
        for (int i = 0; i < network.Layers.Count; i++)
        {
            foreach (int input in network.Layers[i].Inputs.Distinct())
            {
                _readers[input].Add(i);
            }
        }

        _isNeverNegative = new bool[values];
        _isExact = new bool[values];
        _makesExact = [.. Enumerable.Range(0, network.Layers.Count).Select(MayMakeExact)];
        _excess = new int[values];
        _guard = new int[values];
        _ring = new int[values];
        FindSigns();
        FindExact();
        FindGuards();
        FindRings();
        for (int value = 0; value < values; value++)
        {
            Require(FormOf(value).Bits <= MostBits, value, FormOf(value).Bits);
        }
    }

    /// <summary>How a value is shared.</summary>
    public SharedForm FormOf(int value) =>
        new(_ring[value], _excess[value] > 0 ? _guard[value] : 0, _excess[value]);

    /// <summary>Whether a packed linear layer masks each slot apart, so that no e arises.</summary>
    public bool MasksExactly(int layer) => _isExact[layer + 1];

    /// <summary>
    /// Whether a packed linear layer takes e off what it reads, by a comparison of each number, before it multiplies:
    /// where it reads a sum of convolutions, which would all have to be masked exactly for it.
    /// </summary>
    public bool MakesExact(int layer) => _makesExact[layer];

    /// <summary>
    /// Whether a layer is left to the shift that alone reads it: a ReLU, a clip, and the comparison with zero at the
    /// end of a max-pool shift while they compare.
    /// </summary>
    public bool IsLeftToShift(int layer)
    {
        if (_network.Layers[layer].Kind is not (LayerKind.Relu or LayerKind.Clip or LayerKind.MaxPoolRelu)
            || _readers[layer + 1] is not [int reader] || layer == _network.Layers.Count - 1)
        {
            return false;
        }

        PublicLayer shift = _network.Layers[reader];
        return shift.Kind == LayerKind.Shift
            && (shift.SaturationBits == 0 || _network.Layers[layer].Kind != LayerKind.Clip);
    }

    /// <summary>Whether a layer compares itself.</summary>
    public bool Compares(int layer) => _network.Layers[layer].Kind switch
    {
        LayerKind.Linear => MakesExact(layer),
        LayerKind.Add or LayerKind.Concat => false,
        LayerKind.Relu or LayerKind.Clip => !IsLeftToShift(layer),
        LayerKind.MaxPool or LayerKind.MaxPoolRelu or LayerKind.Square or LayerKind.Sign or LayerKind.Shift
            or LayerKind.Rescale => true,
    };

    /// <summary>Whether a shift does what is left to it by a layer of some kind.</summary>
    public bool TakesOver(int layer, LayerKind kind)
    {
        int input = _network.Layers[layer].Input;
        return _network.Layers[layer].Kind == LayerKind.Shift && input > 0
            && _network.Layers[input - 1].Kind == kind && IsLeftToShift(input - 1);
    }

    /// <summary>Whether a max-pool is over bits, so that it is their OR.</summary>
    public bool IsOr(int layer) => BoundBitsOf(_network.Layers[layer].Input) == 1
        && _isNeverNegative[_network.Layers[layer].Input] && _excess[_network.Layers[layer].Input] == 0;

    /// <summary>Whether a max-pool's result is a comparison's, with a share that the client chose.</summary>
    public bool EndsWithZero(int layer) =>
        _network.Layers[layer].Kind == LayerKind.MaxPoolRelu && !IsLeftToShift(layer);

    /// <summary>k of the comparisons of a layer, guard bits not counted.</summary>
    public int ComparedBits(int layer)
    {
        PublicLayer description = _network.Layers[layer];
        int value = description.Input, bits = BoundBitsOf(value);
        return description.Kind switch
        {
            LayerKind.Relu or LayerKind.Sign => bits + 1,
            LayerKind.Clip => bits + 2, // |x − C|, and C is no greater than what x is bounded by
            LayerKind.Shift when TakesOver(layer, LayerKind.Clip) => bits + 2,
            LayerKind.Shift when ShiftIsRelu(layer) => bits + 1,
            LayerKind.Shift => Math.Max(bits, description.Shift) + 2, // |x| < 2^(k−2), t ≤ k − 2
            LayerKind.Rescale => Math.Max(bits, description.Shift) + 3, // half a step more: LayerRounds
            LayerKind.MaxPool or LayerKind.MaxPoolRelu => IsOr(layer) ? 1 : bits + (_isNeverNegative[value] ? 1 : 2),
            LayerKind.Square => _ring[layer + 1],
            LayerKind.Linear when MakesExact(layer) => bits + 2, // as a shift
            LayerKind.Linear or LayerKind.Add or LayerKind.Concat =>
                throw new InvalidOperationException($"A layer of kind {description.Kind} compares nothing."),
        };
    }

    /// <summary>Whether a shift is a ReLU as well: it saturates, or takes one over.</summary>
    public bool ShiftIsRelu(int layer) => _network.Layers[layer].SaturationBits > 0
        || TakesOver(layer, LayerKind.Relu) || TakesOver(layer, LayerKind.MaxPoolRelu);

    /// <summary>
    /// Whether every number that a linear layer reads has a share of its own, which is what a random sum's bound
    /// wants.
    /// </summary>
    public bool HasFreshInputs(int layer)
    {
        var sources = new List<int>();
        return MakesExact(layer)
            || (IsFresh(_network.Layers[layer].Input) && sources.Distinct().Count() == sources.Count);

        bool IsFresh(int value)
        {
            sources.Add(value);
            if (value == 0)
            {
                return true;
            }

            PublicLayer maker = _network.Layers[value - 1];
            return maker.Kind switch
            {
                LayerKind.Relu or LayerKind.Sign or LayerKind.Clip or LayerKind.Shift or LayerKind.Rescale
                    or LayerKind.Square => true,
                LayerKind.MaxPoolRelu => EndsWithZero(value - 1) || IsOr(value - 1),
                LayerKind.MaxPool => IsOr(value - 1),
                LayerKind.Concat => maker.Inputs.All(IsFresh),
                LayerKind.Linear => _terms[value - 1] is PackedTerms,
                LayerKind.Add => false,
            };
        }
    }

    /// <summary>Whether a layer has no ring of its own.</summary>
    public bool IsLocal(int layer) => _network.Layers[layer].Kind switch
    {
        LayerKind.Add or LayerKind.Concat => true,
        LayerKind.Linear => _terms[layer] is PoolTerms,
        LayerKind.MaxPool or LayerKind.MaxPoolRelu => !IsOr(layer) && !EndsWithZero(layer),
        LayerKind.Relu or LayerKind.Clip => IsLeftToShift(layer),
        LayerKind.Sign or LayerKind.Shift or LayerKind.Rescale or LayerKind.Square => false,
    };

    /// <summary>The bound of what stands in a value: where a ReLU is left to a shift, of what it would compare.
    /// </summary>
    private int BoundBitsOf(int value) => value > 0 && IsLeftToShift(value - 1)
        ? BoundBitsOf(_network.Layers[value - 1].Input)
        : _network.BoundBitsOf(value);

    private void FindSigns()
    {
        _isNeverNegative[0] = _network.IsNeverNegative(0);
        for (int i = 0; i < _network.Layers.Count; i++)
        {
            PublicLayer layer = _network.Layers[i];
            bool joins = layer.Kind is LayerKind.Concat or LayerKind.MaxPool || IsLeftToShift(i);
            _isNeverNegative[i + 1] = joins
                ? layer.Inputs.All(input => _isNeverNegative[input])
                : layer.IsNeverNegative;
        }
    }

    /// <summary>What a product reads, and what leaves the network, must be exact; back through local layers.</summary>
    private void FindExact()
    {
        for (int i = _network.Layers.Count - 1; i >= 0; i--)
        {
            if (_readers[i + 1].Count == 0)
            {
                Mark(i + 1);
            }

            if (Multiplies(_network.Layers[i].Kind) || (_terms[i] is PackedTerms && !MakesExact(i)))
            {
                Mark(_network.Layers[i].Input);
            }
        }

        void Mark(int value)
        {
            if (value == 0 || _isExact[value])
            {
                return;
            }

            _isExact[value] = true;
            if (MayBeLocal(value - 1))
            {
                foreach (int input in _network.Layers[value - 1].Inputs)
                {
                    Mark(input);
                }
            }
        }
    }

    private bool MayMakeExact(int layer)
    {
        return _terms[layer] is PackedTerms && Sums(_network.Layers[layer].Input, isSum: false);

        bool Sums(int value, bool isSum)
        {
            if (value == 0)
            {
                return false;
            }

            PublicLayer maker = _network.Layers[value - 1];
            return _terms[value - 1] is PackedTerms
                ? isSum && maker.Window!.Value.Taps > 1
                : MayBeLocal(value - 1)
                    && maker.Inputs.Any(input => Sums(input, isSum || maker.Kind == LayerKind.Add));
        }
    }

    /// <summary>Local, or a maximum: whether that is an OR is known only when it is known what is exact.</summary>
    private bool MayBeLocal(int layer) => _network.Layers[layer].Kind switch
    {
        LayerKind.Add or LayerKind.Concat => true,
        LayerKind.Linear => _terms[layer] is PoolTerms,
        LayerKind.MaxPool or LayerKind.MaxPoolRelu => !EndsWithZero(layer),
        LayerKind.Relu or LayerKind.Clip => IsLeftToShift(layer),
        LayerKind.Sign or LayerKind.Shift or LayerKind.Rescale or LayerKind.Square => false,
    };

    /// <summary>Whether its values are multiplied with each other.</summary>
    private static bool Multiplies(LayerKind kind) => kind switch
    {
        LayerKind.Square => true,
        LayerKind.Linear or LayerKind.Relu or LayerKind.MaxPool or LayerKind.MaxPoolRelu or LayerKind.Sign
            or LayerKind.Add or LayerKind.Concat or LayerKind.Clip or LayerKind.Rescale or LayerKind.Shift => false,
    };

    private void FindGuards()
    {
        int[] group = [.. Enumerable.Range(0, _excess.Length)];
        for (int i = 0; i < _network.Layers.Count; i++)
        {
            _makesExact[i] &= _excess[_network.Layers[i].Input] > 0; // other readers may have made it exact
            long excess = ExcessOf(i);
            Require(excess < 1L << 30, i + 1, MostBits + 1);
            _excess[i + 1] = (int)excess;
            if (IsLocal(i))
            {
                foreach (int input in _network.Layers[i].Inputs)
                {
                    group[Find(input)] = Find(i + 1);
                }
            }
        }

        var most = new int[_excess.Length];
        for (int value = 0; value < most.Length; value++)
        {
            most[Find(value)] = Math.Max(most[Find(value)], _excess[value]);
        }

        for (int value = 0; value < most.Length; value++)
        {
            _guard[value] = 32 - BitOperations.LeadingZeroCount((uint)most[Find(value)]);
        }

        int Find(int value)
        {
            while (group[value] != value)
            {
                value = group[value];
            }

            return value;
        }
    }

    private long ExcessOf(int i)
    {
        PublicLayer layer = _network.Layers[i];
        return _terms[i] switch
        {
            PackedTerms => _isExact[i + 1] ? 0 : 1,
            PoolTerms => (long)layer.Window!.Value.Taps * _excess[layer.Input],
            SumTerms sum => sum.First.Zip(sum.Second, (f, s) => Math.Abs((long)f) * _excess[layer.Input]
                + Math.Abs((long)s) * _excess[layer.OtherInputs[0]]).Max(),
            _ => IsLocal(i) ? layer.Inputs.Max(input => _excess[input]) : 0,
        };
    }

    private void FindRings()
    {
        for (int value = 0; value < _ring.Length; value++)
        {
            _ring[value] = BoundBitsOf(value) + 1;
        }

        for (int i = _network.Layers.Count - 1; i >= 0; i--)
        {
            PublicLayer layer = _network.Layers[i];
            bool needsResult = IsLocal(i) || (_terms[i] is PackedTerms && !MakesExact(i)) || Multiplies(layer.Kind);
            foreach (int input in layer.Inputs)
            {
                int needed = Math.Max(needsResult ? _ring[i + 1] : 0, Compares(i) ? ComparedBits(i) : 0);
                _ring[input] = Math.Max(_ring[input], needed);
            }
        }
    }

    private void Require(bool condition, int value, int bits)
    {
        if (!condition)
        {
            string name = value == 0 ? "The input" : $"Layer {value} ({_network.Layers[value - 1].KindName})";
            throw new PopcornException(
                $"{name} needs shares of {bits} bits and there are {MostBits}: import the network with "
                + "--activation-bits 8, or use another family.");
        }
    }
}
