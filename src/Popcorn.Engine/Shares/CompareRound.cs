using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.ObliviousTransfer.Comparisons;
using Compared = Popcorn.ObliviousTransfer.Comparisons.Operation;

namespace Popcorn.Engine.Shares;

/// <summary>
/// One of the comparisons that make a layer. Its numbers stand on a board: for each image the elements of what the
/// layer reads, and behind them the results of its rounds.
/// </summary>
/// <param name="Comparison">What is computed of each item.</param>
/// <param name="Items">Items of an image.</param>
/// <param name="FirstResult">Where on the board the result of item 0 stands; the others follow.</param>
/// <param name="Players">The places of every operand, of all items.</param>
internal sealed record CompareRound(
    ComparisonPlan Comparison, int Items, int FirstResult, IReadOnlyList<ChannelPlaces> Players)
{
    /// <summary>
    /// Items that are compared by one message of each flow, at most: caches of a core hold the planes of so many, and
    /// large layers have several messages, so that one party works on one while the other works on the next.
    /// </summary>
    private const int MostItems = 1 << 14;

    /// <summary>What the server adds to its shares of all operands first.</summary>
    public ulong Addend { get; init; }

    /// <summary>Adds it.</summary>
    public void AddTo(Span<ulong> shares)
    {
        for (int i = 0; Addend != 0 && i < shares.Length; i++)
        {
            shares[i] += Addend;
        }
    }

    /// <summary>How items of all images are spread: no message is longer than an exchange takes.</summary>
    public Chunking Chunks(int images)
    {
        int bits = Comparison.OnlineBits.Concat(Comparison.PrepareBits).Max(flow => (int?)flow.Bits) ?? 1;
        int most = Plan.MaxPayloadBytes / bits * 8 / 64 * 64;
        return new Chunking(checked(images * Items), Math.Clamp(most, 64, MostItems));
    }
}

/// <summary>All comparisons of a layer.</summary>
/// <param name="Rounds">In order.</param>
/// <param name="Source">Places of an image on the board for what the layer reads, the first.</param>
/// <param name="Board">Places of an image on the board.</param>
/// <param name="Outputs">The places of the elements of the layer's result.</param>
/// <param name="IsChosen">Whether these are results of rounds only, so that the client chooses its shares.</param>
internal sealed record LayerRounds(
    IReadOnlyList<CompareRound> Rounds, int Source, int Board, ChannelPlaces Outputs, bool IsChosen)
{
    /// <summary>What a layer compares.</summary>
    /// <param name="network">The network.</param>
    /// <param name="rings">Its forms.</param>
    /// <param name="layer">A layer that compares.</param>
    public static LayerRounds Of(PublicNetwork network, Rings rings, int layer)
    {
        PublicLayer description = network.Layers[layer];
        Shape input = network.ShapeOf(description.Input);
        SharedForm read = rings.FormOf(description.Input), made = rings.FormOf(layer + 1);
        int bits = rings.ComparedBits(layer) + read.Guard, guard = read.Guard;
        return description.Kind switch
        {
            LayerKind.Relu => Each(new Relu(bits, guard, made.Ring)),
            LayerKind.Sign => Each(new Sign(bits, made.Ring)),
            LayerKind.Clip => Each(new Clip(bits, guard, made.Ring, description.BoundBits + guard)),
            LayerKind.Square => Each(new Square(made.Ring)),
            LayerKind.Rescale => Each(
                new SignedShift(bits, guard + description.Shift, made.Ring),
                addend: 1ul << (guard + description.Shift - 1)), // to the nearest: half a step more, and then down
            LayerKind.Shift when rings.TakesOver(layer, LayerKind.Clip) => Each(new Clip(
                bits, guard + description.Shift, made.Ring, network.BoundBitsOf(description.Input) + guard)),
            LayerKind.Shift when rings.ShiftIsRelu(layer) => Each(new Relu(
                bits, guard + description.Shift, made.Ring,
                description.SaturationBits > 0 ? description.SaturationBits : null)),
            LayerKind.Shift => Each(new SignedShift(bits, guard + description.Shift, made.Ring)),
            LayerKind.MaxPool or LayerKind.MaxPoolRelu => rings.IsOr(layer)
                ? Or(description, input, made.Ring)
                : Tournament(description, input, bits, rings.EndsWithZero(layer) ? null : made.Bits, read, made.Ring),
            LayerKind.Linear when rings.MakesExact(layer) => Each(new SignedShift(bits, guard, made.Ring)),
            LayerKind.Linear or LayerKind.Add or LayerKind.Concat =>
                throw new InvalidOperationException($"A layer of kind {description.Kind} compares nothing."),
        };

        LayerRounds Each(Compared operation, ulong addend = 0) => new(
            [
                new CompareRound(
                    ComparisonPlan.Of(operation), input.Size, input.Size, [ChannelPlaces.Row(0, input.Size)])
                {
                    Addend = addend,
                },
            ],
            input.Size, 2 * input.Size, ChannelPlaces.Row(input.Size, input.Size), IsChosen: true);
    }

    /// <summary>Bits: that one of a window is 1. A window at the border sees one of its elements again.</summary>
    private static LayerRounds Or(PublicLayer layer, Shape input, int ring)
    {
        Window window = layer.Window!.Value;
        var seen = new int[window.Taps][];
        for (int tap = 0; tap < window.Taps; tap++)
        {
            seen[tap] = new int[layer.Output.Area];
        }

        for (int output = 0; output < layer.Output.Area; output++)
        {
            int[] positions = [.. Enumerable.Range(0, window.Taps)
                .Select(tap => window.Position(output, tap, input)).Where(position => position >= 0)];
            for (int tap = 0; tap < window.Taps; tap++)
            {
                seen[tap][output] = positions[tap % positions.Length];
            }
        }

        var apart = new int[layer.Output.Area];
        Array.Fill(apart, input.Area);
        var round = new CompareRound(
            ComparisonPlan.Of(new AnyOf(window.Taps, ring)), layer.Output.Size, input.Size,
            [.. seen.Select(positions => new ChannelPlaces(positions, apart, input.Channels))]);
        return new LayerRounds(
            [round], input.Size, input.Size + layer.Output.Size,
            ChannelPlaces.Row(input.Size, layer.Output.Size), IsChosen: true);
    }

    /// <param name="layer">A max-pool.</param>
    /// <param name="input">Shape of what it reads.</param>
    /// <param name="bits">Bits that are compared.</param>
    /// <param name="resultBits">Those of the maxima; null: zero plays last, against the winners.</param>
    /// <param name="read">How the input is shared.</param>
    /// <param name="ring">K of the result.</param>
    private static LayerRounds Tournament(
        PublicLayer layer, Shape input, int bits, int? resultBits, SharedForm read, int ring)
    {
        Tournament tournament = Planning.Tournament.OverWindows(layer.Window!.Value, input, withZero: false);
        // Winners play again: their ring is no smaller than what is compared.
        ComparisonPlan maximum = ComparisonPlan.Of(new Maximum(bits, Math.Max(bits, resultBits ?? 0)));
        var rounds = new List<CompareRound>();
        int board = input.Size;
        foreach (Matches matches in tournament.Rounds)
        {
            rounds.Add(new CompareRound(maximum, matches.Count, board, [matches.Left, matches.Right]));
            board += matches.Count;
        }

        if (resultBits is not null)
        {
            return new LayerRounds(
                rounds, input.Size, board, tournament.Winners,
                tournament.Winners.All(place => place >= input.Size));
        }

        int first = board;
        rounds.Add(new CompareRound(
            ComparisonPlan.Of(new Relu(bits, read.Guard, ring)), layer.Output.Size, first, [tournament.Winners]));
        return new LayerRounds(
            rounds, input.Size, first + layer.Output.Size, ChannelPlaces.Row(first, layer.Output.Size),
            IsChosen: true);
    }
}
