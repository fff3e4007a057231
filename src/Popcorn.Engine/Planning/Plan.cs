using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Popcorn.Engine.Model;
using Popcorn.Engine.Wire;

namespace Popcorn.Engine.Planning;

/// <summary>
/// Everything about an inference that both parties must agree on: its steps, slot layouts, rounds and message sizes.
/// A function of the public network and the key size alone, so each party makes its own and they compare hashes.
/// </summary>
public sealed class Plan
{
    /// <summary>
    /// Greatest bit length of the sign carrier's factor τ (T of the protocol); 64 keeps τ in one
    /// word.
    /// </summary>
    public const int CarrierBits = 64;

    /// <summary>Bits by which a mask is longer than what it hides: statistical distance 2^−40.</summary>
    public const int MaskBits = 40;

    /// <summary>Largest bound that any plan may name; beyond the plaintexts of the largest key.</summary>
    public const int MaxBoundBits = 4096;

    /// <summary>
    /// Packed ciphertexts in one chunk of a round unless a server has it otherwise: two groups of eight lanes, one for each
    /// of two cores.
    /// </summary>
    public const int DefaultChunkCiphertexts = 16;

    private readonly Tournament?[] _tournaments;

    private Plan(
        PublicNetwork network, int keyBits, int images, int chunkCiphertexts, IReadOnlyList<PlanStep> steps,
        Tournament?[] tournaments)
    {
        _tournaments = tournaments;
        Network = network;
        KeyBits = keyBits;
        Images = images;
        ChunkCiphertexts = chunkCiphertexts;
        Steps = steps;
        Text = Describe();
        Hash = SHA256.HashData(Encoding.UTF8.GetBytes(Text));
    }

    /// <summary>The public network that this plan is for.</summary>
    public PublicNetwork Network { get; }

    /// <summary>Bits of the Paillier modulus.</summary>
    public int KeyBits { get; }

    /// <summary>Images of a query; items of a step are those of the first image, then those of the second …</summary>
    public int Images { get; }

    /// <summary>Packed ciphertexts in one chunk of a round, at most: longer ones have fewer messages, and more memory.</summary>
    public int ChunkCiphertexts { get; }

    /// <summary>The steps, in order.</summary>
    public IReadOnlyList<PlanStep> Steps { get; }

    /// <summary>The plan in words, one step a line; what the hash is taken of.</summary>
    public string Text { get; }

    /// <summary>SHA-256 of <see cref="Text"/>.</summary>
    public ReadOnlyMemory<byte> Hash { get; }

    /// <summary>Round trips of one inference: every round, and the input that is answered by the logits.</summary>
    public int Rounds => Steps.Count(s => s is RoundStep) + 1;

    /// <summary>The comparisons of a layer that compares, for one image, else null.</summary>
    public Tournament? TournamentOf(int layer) => _tournaments[layer];

    /// <summary>Ciphertexts that the client returns for each item of a round.</summary>
    public static int RepliesPerItem(RoundKind kind) => kind switch
    {
        RoundKind.Compare => 2,
        RoundKind.Clip => 4,
        _ => 1,
    };

    /// <summary>Makes the plan of a network for a key size.</summary>
    /// <param name="network">The network.</param>
    /// <param name="keyBits">Bits of the modulus.</param>
    /// <param name="images">Images that one query classifies.</param>
    /// <param name="chunkCiphertexts">See <see cref="ChunkCiphertexts"/>.</param>
    /// <exception cref="PopcornException">
    /// A value outgrows the plaintexts of such a key, or a step would have too many items.
    /// </exception>
    public static Plan Create(
        PublicNetwork network, int keyBits, int images = 1, int chunkCiphertexts = DefaultChunkCiphertexts)
    {
        network.Validate();
        if (chunkCiphertexts is < 1 or > WireLimits.MaxChunkCiphertexts)
        {
            throw new PopcornException(
                $"A chunk holds 1 to {WireLimits.MaxChunkCiphertexts} packed ciphertexts, not {chunkCiphertexts}.");
        }

        int largest = network.Layers.Max(layer => layer.Output.Size);
        if (images < 1 || images > Shape.MaxSize / Math.Max(largest, network.Input.Shape.Size))
        {
            throw new PopcornException($"{images} images are not what one query can hold; send fewer at once.");
        }

        var tournaments = new Tournament?[network.Layers.Count];
        var steps = new List<PlanStep>
        {
            new InputStep(0, images * network.Input.Shape.Size, WireLimits.MaxChunkCiphertexts),
        };
        for (int i = 0; i < network.Layers.Count; i++)
        {
            AddLayer(network, keyBits, images, chunkCiphertexts, i, steps, tournaments);
        }

        int last = network.Layers.Count - 1;
        PublicLayer output = network.Layers[last];
        SlotLayout layout = FitOrRefuse(output.BoundBits + 1, 0, keyBits, last, output);
        int perChunk = layout.ItemsPerCiphertext * WireLimits.MaxChunkCiphertexts;
        steps.Add(new OutputStep(steps.Count, last, images * output.Output.Size, perChunk, layout));
        return new Plan(network, keyBits, images, chunkCiphertexts, steps, tournaments);
    }

    /// <summary>
    /// Slots of a round on values |x| &lt; 2^b, that is |x| ≤ B = 2^b − 1. The carrier |τ(2x+1) + ρ| is below
    /// 2^T·(2B+2) = 2^(T+b+1), and one bit more holds its sign. The mask is uniform below 2^(b+1+40), so x + B + r is
    /// below 2^(b+42). A clip compares x, and x less a cap of at most 2^b.
    /// </summary>
    internal static (int SignedBits, int MaskedBits, int SignedFields) FieldsOf(RoundKind kind, int boundBits)
    {
        int carrier = CarrierBits + boundBits + 2;
        int masked = MaskRandomBits(boundBits) + 1;
        return kind switch
        {
            RoundKind.Compare => (carrier, masked, 1),
            RoundKind.Clip => (carrier + 1, masked, 2),
            RoundKind.Sign => (carrier, 0, 1),
            _ => (0, masked, 1),
        };
    }

    /// <summary>Random bits of a mask for values |x| &lt; 2^b.</summary>
    internal static int MaskRandomBits(int boundBits) => boundBits + 1 + MaskBits;

    private static void AddLayer(
        PublicNetwork network, int keyBits, int images, int chunkCiphertexts, int i, List<PlanStep> steps,
        Tournament?[] tournaments)
    {
        PublicLayer layer = network.Layers[i];
        Shape input = network.ShapeOf(layer.Input);
        int bits = network.BoundBitsOf(layer.Input);
        string name = $"{layer.Name} {i + 1}";
        switch (layer.Kind)
        {
            case LayerKind.Linear or LayerKind.Add or LayerKind.Concat:
                FitOrRefuse(layer.BoundBits + 1, 0, keyBits, i, layer);
                steps.Add(new LocalStep(steps.Count, i, name));
                break;
            case LayerKind.Clip:
                AddRound(RoundKind.Clip, 0, input.Size, bits);
                break;
            case LayerKind.Rescale:
                AddRound(RoundKind.Rescale, 0, input.Size, bits);
                break;
            case LayerKind.Sign:
                AddRound(RoundKind.Sign, 0, input.Size, bits);
                break;
            case LayerKind.Square:
                AddRound(RoundKind.Square, 0, input.Size, bits);
                break;
            default:
                Tournament tournament = Tournament.For(layer, input);
                if (tournament.Rounds.Count == 0)
                {
                    steps.Add(new LocalStep(steps.Count, i, name));
                }

                for (int r = 0; r < tournament.Rounds.Count; r++)
                {
                    IReadOnlyList<Match> matches = tournament.Rounds[r];
                    bool differences = matches.Any(m => m.Right != Tournament.Zero);
                    AddRound(RoundKind.Compare, r, matches.Count, differences ? bits + 1 : bits);
                }

                // Players of all rounds stand in one batch.
                if (images * ((long)input.Size + tournament.Matches) >= Shape.MaxSize)
                {
                    throw new PopcornException($"Layer {i + 1} ({layer.Name}) is too large; use a smaller input, or fewer at once.");
                }

                tournaments[i] = tournament;

                break;
        }

        void AddRound(RoundKind kind, int round, int items, int boundBits)
        {
            (int signedBits, int maskedBits, int signedFields) = FieldsOf(kind, boundBits);
            if (kind == RoundKind.Square)
            {
                // The answer is z²: it must fit as well, or a client that cannot encrypt it would tell how large z is.
                FitOrRefuse(0, 2 * maskedBits, keyBits, i, layer);
            }

            SlotLayout layout = FitOrRefuse(signedBits, maskedBits, keyBits, i, layer, signedFields);
            int replies = WireLimits.MaxChunkCiphertexts / RepliesPerItem(kind);
            int packed = Math.Clamp(replies / layout.ItemsPerCiphertext, 1, chunkCiphertexts);
            int perChunk = packed * layout.ItemsPerCiphertext;
            steps.Add(new RoundStep(
                steps.Count, i, name, kind, round, images * items, perChunk, boundBits, layout, layer.Shift));
        }
    }

    private static SlotLayout FitOrRefuse(
        int signedBits, int maskedBits, int keyBits, int index, PublicLayer layer, int signedFields = 1) =>
        SlotLayout.Fit(signedBits, maskedBits, keyBits, signedFields)
        ?? throw new PopcornException(
            $"Layer {index + 1} ({layer.Name}) needs {signedFields * signedBits + maskedBits}-bit slots and a {keyBits}-bit key holds "
            + $"{keyBits - 1}: use a larger key, or import the network with fewer weight bits.");

    private string Describe()
    {
        var text = new StringBuilder();
        InputDescription input = Network.Input;
        Line($"popcorn plan {WireLimits.Version} key {KeyBits} images {Images} carrier {CarrierBits} mask {MaskBits}");
        Line($"input {input.Shape} from {input.Minimum} to {input.Maximum} scale {input.Scale:R} {input.Order}");
        foreach (PublicLayer layer in Network.Layers)
        {
            string inputs = string.Join(' ', layer.Inputs);
            Line($"layer {layer.Kind} inputs {inputs} output {layer.Output} bits {layer.BoundBits} shift {layer.Shift}");
            if (layer.Window is Window window)
            {
                Line($"groups {layer.Groups} window {window}");
            }
        }

        foreach (PlanStep step in Steps)
        {
            switch (step)
            {
                case LocalStep:
                    Line($"local {step.Layer}");
                    break;
                case ExchangeStep exchange:
                    Line($"{step.Name} {step.Layer} items {exchange.Items} chunk {exchange.ItemsPerChunk}");
                    break;
            }

            if (step is RoundStep round)
            {
                Line($"{round.Kind} {round.Round} bits {round.BoundBits} {round.Layout}");
            }
            else if (step is OutputStep output)
            {
                Line($"{output.Layout}");
            }
        }

        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }
}
