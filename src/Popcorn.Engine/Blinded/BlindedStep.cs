using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>A step and how either party runs it.</summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Sizes">What its sizes follow from.</param>
internal abstract record BlindedStep(StepPlace Place, StepSizes Sizes) : PlanStep(Place.Index, Place.Layer, Place.Name)
{
    /// <summary>The server's part.</summary>
    public abstract Task ServeAsync(BlindedServerQuery query);

    /// <summary>The client's part; nothing where the server works alone.</summary>
    public virtual Task AskAsync(BlindedClientQuery query) => Task.CompletedTask;
}

/// <summary>Where a step stands in the plan; see <see cref="PlanStep"/>.</summary>
internal readonly record struct StepPlace(int Index, int Layer, string Name);

/// <summary>What the sizes of all steps follow from.</summary>
/// <param name="KeyBits">Bits of the modulus.</param>
/// <param name="Images">Images of the query.</param>
/// <param name="ChunkCiphertexts">See <see cref="BlindedFamily.ChunkCiphertexts"/>.</param>
internal sealed record StepSizes(int KeyBits, int Images, int ChunkCiphertexts)
{
    /// <summary>Bytes of a ciphertext in a message.</summary>
    public int CiphertextBytes => 2 * ((KeyBits + 7) / 8);

    /// <summary>Ciphertexts that fit into a message.</summary>
    public int MessageCiphertexts => Plan.MaxPayloadBytes / CiphertextBytes;

    /// <summary>Bytes of a ciphertext in memory, by this machine's kernel.</summary>
    public long MemoryBytes => PaillierLibrary.NumberBytes(KeyBits);

    /// <summary>The slots of a step, or a refusal that names its layer.</summary>
    public SlotLayout Fit(StepPlace place, SlotFields fields) => SlotLayout.Fit(fields, KeyBits)
        ?? throw new PopcornException(
            $"Layer {place.Layer + 1} ({place.Name}) needs {fields.ItemBits}-bit slots and a {KeyBits}-bit key holds "
            + $"{KeyBits - 1}: use a larger key, or import the network with fewer weight bits.");

    /// <summary>Bytes of messages of some ciphertexts.</summary>
    public long BytesOf(long ciphertexts, int messages) =>
        StepCost.MessageBytes(ciphertexts * CiphertextBytes, messages);
}

/// <summary>The client sends its input, one ciphertext for each value.</summary>
internal sealed record InputStep(StepSizes Sizes, Shape Shape)
    : BlindedStep(new StepPlace(0, -1, "input"), Sizes)
{
    /// <summary>How the values are spread over messages.</summary>
    public Chunking Chunks => new(Sizes.Images * Shape.Size, Sizes.MessageCiphertexts);

    public override StepCost Cost => new(
        new Work((Operation.Import, Chunks.Items)),
        new Work((Operation.EncryptOwner, Chunks.Items), (Operation.Export, Chunks.Items)),
        Sizes.BytesOf(Chunks.Items, Chunks.Count), 0);

    public override long ServerBytes => 0;

    public override string Describe() => $"input {Chunks}";

    public override Task ServeAsync(BlindedServerQuery query) => query.ReceiveInputAsync(this);

    public override Task AskAsync(BlindedClientQuery query) => query.SendInputAsync(this);
}

/// <summary>The server sends the packed logits.</summary>
internal sealed record OutputStep(StepPlace Place, StepSizes Sizes, PublicLayer Last) : BlindedStep(Place, Sizes)
{
    /// <summary>The slots.</summary>
    public SlotLayout Layout { get; } = Sizes.Fit(Place, new SlotFields(Last.BoundBits + 1, 0));

    /// <summary>How the logits are spread over messages.</summary>
    public Chunking Chunks =>
        new(Sizes.Images * Last.Output.Size, Layout.ItemsPerCiphertext * Sizes.MessageCiphertexts);

    public override int Rounds => 1; // the input is answered by the logits

    public override StepCost Cost
    {
        get
        {
            long packed = Layout.Ciphertexts(Chunks.Items);
            double squares = (double)Chunks.Items * Layout.Fields.SignedBits;
            return new StepCost(
                new Work(
                    (Operation.Product, Chunks.Items), (Operation.Square, squares), (Operation.Rerandomise, packed),
                    (Operation.Export, packed)),
                new Work((Operation.Import, packed), (Operation.Decrypt, packed)),
                0, Sizes.BytesOf(packed, Chunks.Count));
        }
    }

    public override long ServerBytes => 0;

    public override string Describe() => $"logits {Chunks} {Layout}";

    public override async Task ServeAsync(BlindedServerQuery query)
    {
        for (int chunk = 0; chunk < Chunks.Count; chunk++)
        {
            using var packer = new SlotPacker(Layout, Chunks.ItemsIn(chunk));
            for (int item = Chunks.FirstOf(chunk); item < Chunks.EndOf(chunk); item++)
            {
                packer.Next();
                packer.Signed(0, 0, item, SignedValue.Itself);
            }

            byte[] bytes = packer.Seal([query.Values[query.Plan.Network.Layers.Count]], query.Context);
            await query.Exchange.SendAsync(Index, Chunks.FirstOf(chunk), bytes).ConfigureAwait(false);
            query.Exchange.Report(this, Chunks.EndOf(chunk), Chunks.Items);
        }
    }

    public override async Task AskAsync(BlindedClientQuery query)
    {
        for (int chunk = 0; chunk < Chunks.Count; chunk++)
        {
            ReadOnlyMemory<byte> packed =
                await query.Exchange.ReceiveAsync(Index, Chunks.FirstOf(chunk)).ConfigureAwait(false);
            query.TakeLogits(this, chunk, packed.Span);
            query.Exchange.Report(this, Chunks.EndOf(chunk), Chunks.Items);
        }
    }
}
