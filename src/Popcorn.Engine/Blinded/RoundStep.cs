using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// One round between the two: packed, blinded values down, fresh ciphertexts up. A kind of round is one record: its
/// fields, its costs, what the client answers, and the server's side of it.
/// </summary>
internal abstract record RoundStep : BlindedStep
{
    /// <summary>Sizes a round.</summary>
    /// <param name="place">Where it stands.</param>
    /// <param name="sizes">What its sizes follow from.</param>
    /// <param name="values">What takes part: items of an image, and their bound.</param>
    /// <param name="fields">The fields of an item.</param>
    /// <param name="replies">Ciphertexts that the client returns for each item, and the bits of the largest.</param>
    protected RoundStep(
        StepPlace place, StepSizes sizes, (int Items, int BoundBits) values, SlotFields fields,
        (int Count, int Bits) replies)
        : base(place, sizes)
    {
        BoundBits = values.BoundBits;
        RepliesPerItem = replies.Count;
        Layout = sizes.Fit(place, fields);

        // The answer must fit as well, or a client that cannot encrypt it would tell how large its values are.
        sizes.Fit(place, new SlotFields(0, replies.Bits));
        AnswerWords = Words.For(replies.Bits + 1);
        int answered = sizes.MessageCiphertexts / replies.Count / Layout.ItemsPerCiphertext;
        Chunks = new Chunking(
            sizes.Images * values.Items, Math.Clamp(answered, 1, sizes.ChunkCiphertexts) * Layout.ItemsPerCiphertext);
    }

    /// <summary>|x| &lt; 2^b of the values that take part, b.</summary>
    public int BoundBits { get; }

    /// <summary>The slots.</summary>
    public SlotLayout Layout { get; }

    /// <summary>How the items are spread over messages: whole packed ciphertexts in each.</summary>
    public Chunking Chunks { get; init; }

    /// <summary>Ciphertexts that the client returns for each item.</summary>
    public int RepliesPerItem { get; }

    public override int Rounds => 1;

    /// <remarks>
    /// Expected: batch inversions (three products each), packing (the squarings of a ciphertext are shared by its
    /// items, so an item pays for its own bits), the carriers' random factors, and what unblinding takes.
    /// </remarks>
    public override StepCost Cost
    {
        get
        {
            SlotFields fields = Layout.Fields;
            (double products, double squares) = Unblinding;
            products += fields.MaskedBits > 0 ? 1 : 0;
            double waits = 0;
            if (fields.SignedBits > 0)
            {
                // Each stands somewhere in its range, and lanes share their steps: together they take all of it.
                double average = AlignedPower(SignCarrier.WordBits, SignCarrier.AverageWordBits);
                double all = AlignedPower(SignCarrier.WordBits, SignCarrier.LeastBits + SignCarrier.BlurBits);
                products += fields.SignedFields * average;
                waits = fields.SignedFields * (all - average);
            }

            double items = Chunks.Items;
            long packed = Layout.Ciphertexts(Chunks.Items);
            long replies = (long)Chunks.Items * RepliesPerItem;
            return new StepCost(
                new Work(
                    (Operation.Product, items * products), (Operation.Square, items * (squares + fields.ItemBits)),
                    (Operation.Wait, items * waits), (Operation.Rerandomise, packed), (Operation.Export, packed),
                    (Operation.Import, replies)),
                new Work(
                    (Operation.EncryptOwner, replies), (Operation.Export, replies), (Operation.Decrypt, packed),
                    (Operation.Import, packed)),
                Sizes.BytesOf(replies, Chunks.Count), Sizes.BytesOf(packed, Chunks.Count));
        }
    }

    /// <remarks>Its items, their negatives, its results.</remarks>
    public override long ServerBytes => 3L * Chunks.Items * Sizes.MemoryBytes;

    /// <summary>Words of one answer in two's complement; answers are never negative.</summary>
    public int AnswerWords { get; }

    /// <summary>Expected products and squares of an item for negation and for taking the blinding off again.</summary>
    protected abstract (double Products, double Squares) Unblinding { get; }

    /// <summary>
    /// What it was told beside the numbers that all rounds have, for the parties to compare; nothing where those, or
    /// the layer's own numbers, say it already.
    /// </summary>
    protected abstract string Parameters { get; }

    public sealed override string Describe() =>
        $"{GetType().Name} items {Chunks.Items} by {Chunks.PerChunk} bits {BoundBits} replies {RepliesPerItem} "
        + $"fields {Layout.Fields.SignedFields} of {Layout.Fields.SignedBits} and {Layout.Fields.MaskedBits} by "
        + $"{Layout.ItemsPerCiphertext} {Parameters}".TrimEnd();

    public override async Task ServeAsync(BlindedServerQuery query)
    {
        using SecretArray<int> order = query.Random.Permutation(Chunks.Items);
        using CiphertextBatch values = query.Context.Gather(query.InputOf(this), order.Span);
        using ServerRound round = Begin(query, values, order.Span);
        await round.RunAsync(query.Exchange).ConfigureAwait(false);
        using SecretArray<int> inverse = Inverse(order.Span);
        Finish(query, round, inverse.Span);
    }

    public override async Task AskAsync(BlindedClientQuery query)
    {
        IExchange exchange = query.Exchange;
        for (int chunk = 0; chunk < Chunks.Count; chunk++)
        {
            int first = Chunks.FirstOf(chunk);
            ReadOnlyMemory<byte> challenge = await exchange.ReceiveAsync(Index, first).ConfigureAwait(false);
            byte[] answer = Answer(query.Context, chunk, challenge.Span);
            await exchange.SendAsync(Index, first, answer).ConfigureAwait(false);
            exchange.Report(this, Chunks.EndOf(chunk), Chunks.Items);
        }
    }

    /// <summary>The client's answer to one chunk: decrypts, decides, encrypts afresh.</summary>
    /// <exception cref="PopcornException">The challenge has the wrong length.</exception>
    public byte[] Answer(ClientContext context, int chunk, ReadOnlySpan<byte> challenge)
    {
        int items = Chunks.ItemsIn(chunk);
        int wordsEach = RepliesPerItem * AnswerWords;
        using SecretArray<ulong> packed = context.Decrypt(Layout, items, challenge, Name);
        using var answers = new SecretArray<ulong>(checked(items * wordsEach));
        for (int i = 0; i < items; i++)
        {
            Decide(
                context.PlaintextOf(Layout, packed.Span, i), i % Layout.ItemsPerCiphertext,
                answers.Span.Slice(i * wordsEach, wordsEach));
        }

        SecretStack.Wipe();
        return context.Encrypt(answers.Span, AnswerWords);
    }

    /// <summary>
    /// The client's answers to one item. Neither branches nor addresses depend on what the slots hold: the server can
    /// measure how long the client takes.
    /// </summary>
    protected abstract void Decide(ReadOnlySpan<ulong> plaintext, int slot, Span<ulong> answer);

    /// <summary>The server's side.</summary>
    /// <param name="query">The query.</param>
    /// <param name="values">x of each item in the order of travel; the caller's.</param>
    /// <param name="order">The item of the layer that travels at each place.</param>
    protected abstract ServerRound Begin(BlindedServerQuery query, CiphertextBatch values, ReadOnlySpan<int> order);

    /// <summary>Hands on what a round made.</summary>
    /// <param name="query">The query.</param>
    /// <param name="round">The round, played.</param>
    /// <param name="places">Where each item of the layer stands in it.</param>
    protected virtual void Finish(BlindedServerQuery query, ServerRound round, ReadOnlySpan<int> places) =>
        query.Finish(this, query.Context.Gather(round.Results, places));

    /// <summary>The permutation that undoes one.</summary>
    private static SecretArray<int> Inverse(ReadOnlySpan<int> order)
    {
        var inverse = new SecretArray<int>(order.Length);
        for (int i = 0; i < order.Length; i++)
        {
            inverse[order[i]] = i;
        }

        return inverse;
    }

    /// <summary>1 where y is positive: a signed field holds y + 2^(w−1), so its top bit is set; y is never 0.</summary>
    protected ulong Positive(ReadOnlySpan<ulong> plaintext, int slot, int field) =>
        Words.Bit(plaintext, Layout.SignedShift(slot, field) + Layout.Fields.SignedBits - 1);

    /// <summary>The bits of signed fields, then each bit times the masked value.</summary>
    protected void DecideProducts(ReadOnlySpan<ulong> plaintext, int slot, Span<ulong> answer)
    {
        int fields = Layout.Fields.SignedFields;
        for (int field = 0; field < fields; field++)
        {
            ulong positive = answer[field * AnswerWords] = Positive(plaintext, slot, field);
            Span<ulong> product = answer.Slice((fields + field) * AnswerWords, AnswerWords);
            Words.Extract(plaintext, Layout.MaskedShift(slot), Layout.Fields.MaskedBits, product);
            foreach (ref ulong word in product)
            {
                word &= 0 - positive;
            }
        }
    }

    /// <summary>
    /// Products, squarings apart, of a random exponent: a table of multiples, as large as pays for exponents of
    /// <paramref name="longest"/> bits, and a product for each digit of <paramref name="bits"/> bits.
    /// </summary>
    protected static double AlignedPower(int longest, double bits)
    {
        const int WordBits = 64;
        int words = (longest + WordBits - 1) / WordBits;
        int inWord = Math.Min(longest, WordBits);
        int window = Enumerable.Range(2, 4).MinBy(w => (1 << w) - 2 + words * ((inWord + w - 1) / w));
        return (1 << window) - 2 + bits / window * (1 - Math.Pow(2, -window));
    }

    /// <summary>The same of a mask, every bit of which counts.</summary>
    protected double MaskPower => AlignedPower(Layout.Fields.MaskedBits, Layout.Fields.MaskedBits);
}
