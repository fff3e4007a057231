namespace Popcorn.Engine.Planning;

/// <summary>What the rounds of a plan cost, in operations and bytes; a function of the plan alone.</summary>
/// <param name="Products">Products modulo n² on the server, squares with them.</param>
/// <param name="Squares">How many of these are squares.</param>
/// <param name="Waits">
/// Products that lanes of a kernel sit out while others multiply by their random factors: they take time and no more.
/// </param>
/// <param name="Rerandomisations">Re-randomisations on the server.</param>
/// <param name="ServerImports">Ciphertexts that the server takes in.</param>
/// <param name="Encryptions">Encryptions on the client.</param>
/// <param name="Decryptions">Decryptions on the client.</param>
/// <param name="BytesUp">Bytes from client to server.</param>
/// <param name="BytesDown">Bytes from server to client.</param>
public sealed record StepCost(
    double Products, double Squares, double Waits, long Rerandomisations, long ServerImports, long Encryptions,
    long Decryptions, long BytesUp, long BytesDown)
{
    /// <summary>Framing of one chunk message.</summary>
    private const int FrameBytes = 16;

    /// <summary>Nothing at all.</summary>
    public static StepCost None { get; } = new(0, 0, 0, 0, 0, 0, 0, 0, 0);

    /// <summary>Sum of two costs.</summary>
    public static StepCost operator +(StepCost a, StepCost b) => new(
        a.Products + b.Products,
        a.Squares + b.Squares,
        a.Waits + b.Waits,
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
                return WorkOn(round) with
                {
                    Rerandomisations = packed,
                    ServerImports = replies,
                    Encryptions = replies,
                    Decryptions = packed,
                    BytesUp = Bytes(replies, round.Chunks),
                    BytesDown = Bytes(packed, round.Chunks),
                };
            case OutputStep output:
                long logits = output.Layout.Ciphertexts(output.Items);
                return None with
                {
                    Products = (double)output.Items * (output.Layout.SignedBits + 1),
                    Squares = (double)output.Items * output.Layout.SignedBits,
                    Rerandomisations = logits,
                    Decryptions = logits,
                    BytesDown = Bytes(logits, output.Chunks),
                };
            default:
                return None;
        }

        long Bytes(long ciphertexts, int messages) => ciphertexts * ciphertextBytes + messages * (long)FrameBytes;
    }

    /// <summary>The server's work, in seconds of one core.</summary>
    public double ServerSeconds(KernelTimes times) =>
        (Products - Squares + Waits) * times.Product
        + Squares * times.Square
        + Rerandomisations * (times.Rerandomise + times.Export)
        + ServerImports * times.Import;

    /// <summary>The client's work, in seconds of one core.</summary>
    public double ClientSeconds(KernelTimes times) =>
        Encryptions * (times.EncryptOwner + times.Export) + Decryptions * (times.Decrypt + times.Import);

    /// <summary>
    /// Expected products of a round: batch inversions (three each), packing (the squarings of a ciphertext are shared
    /// by its items, so an item pays for its own bits), the carriers' random factors, and removing masks.
    /// </summary>
    private static StepCost WorkOn(RoundStep round)
    {
        SlotLayout layout = round.Layout;
        double squares = layout.ItemBits;
        double products = layout.MaskedBits > 0 ? 1 : 0;
        double waits = 0;
        if (layout.SignedBits > 0)
        {
            // Their lengths are uniform in 1 … CarrierBits; the longest of the lanes tells how long it takes.
            double average = AlignedPower(Plan.CarrierBits, Plan.CarrierBits / 2.0);
            products += layout.SignedFields * average;
            waits += layout.SignedFields * (AlignedPower(Plan.CarrierBits, Plan.CarrierBits) - average);
        }

        if (round.Kind != RoundKind.Rescale)
        {
            products += 3 + round.Kind switch
            {
                RoundKind.Sign => 3 + 0.4,
                RoundKind.Compare => 3 + 1.5,
                RoundKind.Clip => 6 + 1 + 2.5 + AlignedPower(round.BoundBits, round.BoundBits),
                _ => 1.4,
            };
        }

        if (round.Kind is RoundKind.Compare or RoundKind.Clip or RoundKind.Square)
        {
            squares += layout.MaskedBits;
            products += AlignedPower(layout.MaskedBits, layout.MaskedBits);
        }

        return None with
        {
            Products = round.Items * (squares + products),
            Squares = round.Items * squares,
            Waits = round.Items * waits,
        };
    }

    /// <summary>
    /// Products, squarings apart, of a random exponent: a table of multiples, as large as pays for exponents of
    /// <paramref name="longest"/> bits, and a product for each digit of <paramref name="bits"/> bits.
    /// </summary>
    private static double AlignedPower(int longest, double bits)
    {
        const int WordBits = 64;
        int words = (longest + WordBits - 1) / WordBits;
        int inWord = Math.Min(longest, WordBits);
        int window = Enumerable.Range(2, 4).MinBy(w => (1 << w) - 2 + words * ((inWord + w - 1) / w));
        return (1 << window) - 2 + bits / window * (1 - Math.Pow(2, -window));
    }
}
