namespace Popcorn.Engine.Planning;

/// <summary>What the rounds of a plan cost, in operations and bytes; a function of the plan alone.</summary>
/// <param name="Products">Products modulo n² on the server.</param>
/// <param name="Rerandomisations">Re-randomisations on the server.</param>
/// <param name="ServerImports">Ciphertexts that the server takes in.</param>
/// <param name="Encryptions">Encryptions on the client.</param>
/// <param name="Decryptions">Decryptions on the client.</param>
/// <param name="BytesUp">Bytes from client to server.</param>
/// <param name="BytesDown">Bytes from server to client.</param>
public sealed record StepCost(
    double Products, long Rerandomisations, long ServerImports, long Encryptions, long Decryptions, long BytesUp,
    long BytesDown)
{
    /// <summary>Framing of one chunk message.</summary>
    private const int FrameBytes = 16;

    /// <summary>Nothing at all.</summary>
    public static StepCost None { get; } = new(0, 0, 0, 0, 0, 0, 0);

    /// <summary>Sum of two costs.</summary>
    public static StepCost operator +(StepCost a, StepCost b) => new(
        a.Products + b.Products,
        a.Rerandomisations + b.Rerandomisations,
        a.ServerImports + b.ServerImports,
        a.Encryptions + b.Encryptions,
        a.Decryptions + b.Decryptions,
        a.BytesUp + b.BytesUp,
        a.BytesDown + b.BytesDown);

    /// <summary>Cost of a step; a linear step's products are the compiler's to tell.</summary>
    public static StepCost Of(PlanStep step, int keyBits)
    {
        int ciphertextBytes = 2 * ((keyBits + 7) / 8);
        switch (step)
        {
            case InputStep input:
                return None with
                {
                    ServerImports = input.Items,
                    Encryptions = input.Items,
                    BytesUp = Bytes(input.Items, input.Chunks),
                };
            case RoundStep round:
                long packed = round.Layout.Ciphertexts(round.Items);
                long replies = (long)round.Items * round.RepliesPerItem;
                return new StepCost(
                    ProductsOf(round), packed, replies, replies, packed, Bytes(replies, round.Chunks),
                    Bytes(packed, round.Chunks));
            case OutputStep output:
                long logits = output.Layout.Ciphertexts(output.Items);
                return None with
                {
                    Products = (double)output.Items * (output.Layout.SignedBits + 1),
                    Rerandomisations = logits,
                    Decryptions = logits,
                    BytesDown = Bytes(logits, output.Chunks),
                };
            default:
                return None;
        }

        long Bytes(long ciphertexts, int messages) => ciphertexts * ciphertextBytes + messages * (long)FrameBytes;
    }

    /// <summary>
    /// Expected products of a round: batch inversions (three each), packing (the squarings of a ciphertext are shared
    /// by its items, so an item pays for its own bits), the carriers' random factors, and removing masks.
    /// </summary>
    private static double ProductsOf(RoundStep round)
    {
        SlotLayout layout = round.Layout;
        double pack = layout.ItemBits + (layout.SignedBits > 0 ? WindowedPower(Plan.CarrierBits / 2.0) : 0)
            + (layout.MaskedBits > 0 ? 1 : 0);
        if (round.Kind == RoundKind.Rescale)
        {
            return round.Items * pack;
        }

        double answer = round.Kind switch
        {
            RoundKind.Sign => 3 + 0.4,
            RoundKind.Compare => 3 + 1.5 + layout.MaskedBits + WindowedPower(layout.MaskedBits),
            _ => 1.4 + layout.MaskedBits + WindowedPower(layout.MaskedBits),
        };
        return round.Items * (3 + pack + answer);
    }

    /// <summary>
    /// Products, squarings apart, of a random exponent of some bits: a small table and one for each
    /// window.
    /// </summary>
    private static double WindowedPower(double bits) => Enumerable.Range(1, 8)
        .Min(w => (1 << (w - 1)) - 1 + (w > 1 ? 1 : 0) + bits / (w + 1));
}
