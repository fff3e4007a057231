using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Shares;

/// <summary>A step and how either party runs it.</summary>
/// <param name="Index">See <see cref="PlanStep"/>.</param>
/// <param name="Layer">See <see cref="PlanStep"/>.</param>
/// <param name="Name">See <see cref="PlanStep"/>.</param>
/// <param name="Sizes">What its sizes follow from.</param>
internal abstract record SharesStep(int Index, int Layer, string Name, SharesSizes Sizes)
    : PlanStep(Index, Layer, Name)
{
    public override StepCost Cost => StepCost.None;

    public override long ServerBytes => 0;

    /// <summary>The server's part.</summary>
    public abstract Task ServeAsync(SharesServerQuery query);

    /// <summary>The client's part; nothing where the server works alone.</summary>
    public virtual Task AskAsync(SharesClientQuery query) => Task.CompletedTask;
}

/// <summary>
/// Before the input is known: a linear layer on the client's shares, which the server sees encrypted. The client sends
/// the shares of all layers one after the other while it receives what comes back.
/// </summary>
/// <param name="Index">See <see cref="PlanStep"/>.</param>
/// <param name="Layer">See <see cref="PlanStep"/>.</param>
/// <param name="Name">See <see cref="PlanStep"/>.</param>
/// <param name="Sizes">What its sizes follow from.</param>
/// <param name="Linear">How.</param>
/// <param name="Waits">Whether the shares are known only when the layer before has come back; or it is the first.
/// </param>
internal sealed record PackStep(
    int Index, int Layer, string Name, SharesSizes Sizes, PackedLinear Linear, bool Waits)
    : SharesStep(Index, Layer, Name, Sizes)
{
    public override Phase Phase => Phase.Offline;

    public override int Rounds => Waits ? 1 : 0;

    /// <summary>Ciphertexts from the client, message by message.</summary>
    public Chunking Up => Sizes.Chunks(Linear.Sent);

    /// <summary>Ciphertexts to the client.</summary>
    public Chunking Down => Sizes.Chunks(Linear.Received);

    public override StepCost Cost
    {
        get
        {
            Packing packing = Linear.Packing;
            long moved = packing.Derived.Sum(derived => (long)derived.Slots)
                + ((long)packing.Received * packing.JoinedSlots);
            double squares = (double)Linear.Blocks * moved * Linear.Widths.Pitch;
            return new StepCost(
                new Work(
                    (Operation.Import, Linear.Sent), (Operation.Square, squares),
                    (Operation.Rerandomise, Linear.Received), (Operation.Export, Linear.Received)),
                new Work(
                    (Operation.EncryptOwner, Linear.Sent), (Operation.Export, Linear.Sent),
                    (Operation.Import, Linear.Received), (Operation.Decrypt, Linear.Received)),
                StepCost.MessageBytes((long)Linear.Sent * Sizes.CiphertextBytes, Up.Count),
                StepCost.MessageBytes((long)Linear.Received * Sizes.CiphertextBytes, Down.Count));
        }
    }

    public override long ServerBytes => Sizes.MemoryBytes * Linear.Blocks * (
        (2L * Linear.Packing.Sent) + (2L * Linear.Packing.Derived.Count) + Linear.Packing.CoreInput.Size
        + Linear.Packing.CoreOutput.Size + Linear.Packing.Received);

    public override string Describe() => $"pack {Linear}";

    public override Task ServeAsync(SharesServerQuery query) => query.MultiplyAsync(this);

    public override Task AskAsync(SharesClientQuery query) => query.TakeProductsAsync(this);
}

/// <summary>Before the input is known: what a comparison uses up.</summary>
/// <param name="Index">See <see cref="PlanStep"/>.</param>
/// <param name="Layer">See <see cref="PlanStep"/>.</param>
/// <param name="Name">See <see cref="PlanStep"/>.</param>
/// <param name="Sizes">What its sizes follow from.</param>
/// <param name="Round">The comparison.</param>
/// <param name="IsFirst">Whether it is the first of all.</param>
internal sealed record TicketStep(
    int Index, int Layer, string Name, SharesSizes Sizes, CompareRound Round, bool IsFirst)
    : SharesStep(Index, Layer, Name, Sizes)
{
    public override Phase Phase => Phase.Offline;

    public override int Rounds => IsFirst ? 1 : 0;

    /// <summary>Items of all images, message by message.</summary>
    public Chunking Chunks => Round.Chunks(Sizes.Images);

    public override StepCost Cost
    {
        get
        {
            // Trees go from the party that holds Δ to the other.
            (long up, long down) = TrafficOf(Round.Comparison.PrepareFlows);
            return new StepCost(
                Work.None, Work.None, up + CotBytes(ObliviousTransfer.Flows.Party.Client),
                down + CotBytes(ObliviousTransfer.Flows.Party.Server));
        }
    }

    public override string Describe()
    {
        var comparison = Round.Comparison;
        string chunks = string.Join(
            ' ', comparison.LowChunks.Concat(comparison.MiddleChunks).Concat(comparison.TopChunks));
        return $"tickets {comparison.Operation} {Chunks} trees {chunks} depth {comparison.Depth}";
    }

    public override Task ServeAsync(SharesServerQuery query) => query.MakeTicketsAsync(this);

    public override Task AskAsync(SharesClientQuery query) => query.MakeTicketsAsync(this);

    private long CotBytes(ObliviousTransfer.Flows.Party sender) =>
        (long)(Sizes.BytesOfCot * Chunks.Items * Round.Comparison.Cots(sender));

    /// <summary>Bytes of the messages of all chunks.</summary>
    public (long Up, long Down) TrafficOf(Func<int, ObliviousTransfer.Flows.Flow[]> flowsOf)
    {
        long up = 0, down = 0;
        for (int chunk = 0; chunk < Chunks.Count; chunk++)
        {
            foreach (ObliviousTransfer.Flows.Flow flow in flowsOf(Chunks.ItemsIn(chunk)))
            {
                long bytes = StepCost.MessageBytes(flow.Bytes, 1);
                (up, down) = flow.From == ObliviousTransfer.Flows.Party.Client
                    ? (up + bytes, down)
                    : (up, down + bytes);
            }
        }

        return (up, down);
    }
}

/// <summary>The client sends its input less its share of it.</summary>
/// <param name="Index">See <see cref="PlanStep"/>.</param>
/// <param name="Sizes">What its sizes follow from.</param>
/// <param name="Size">Elements of an image.</param>
/// <param name="Form">How they are shared.</param>
internal sealed record InputSharesStep(int Index, SharesSizes Sizes, int Size, SharedForm Form)
    : SharesStep(Index, -1, "input", Sizes)
{
    /// <summary>Bytes of all shares.</summary>
    public int Bytes => BitFields.BytesFor(Sizes.Images * Size, Form.Ring);

    public override StepCost Cost => StepCost.None with { BytesUp = StepCost.MessageBytes(Bytes, 1) };

    public override string Describe() => $"input shares of {Form.Ring} bits";

    public override Task ServeAsync(SharesServerQuery query) => query.ReceiveInputAsync(this);

    public override Task AskAsync(SharesClientQuery query) => query.SendInputAsync(this);
}

/// <summary>The server applies a linear layer to its shares, in the clear.</summary>
/// <param name="Index">See <see cref="PlanStep"/>.</param>
/// <param name="Layer">See <see cref="PlanStep"/>.</param>
/// <param name="Name">See <see cref="PlanStep"/>.</param>
/// <param name="Sizes">What its sizes follow from.</param>
internal sealed record ApplyStep(int Index, int Layer, string Name, SharesSizes Sizes)
    : SharesStep(Index, Layer, Name, Sizes)
{
    public override string Describe() => "apply";

    public override Task ServeAsync(SharesServerQuery query)
    {
        query.Apply(this);
        return Task.CompletedTask;
    }
}

/// <summary>Each party computes on its shares alone: the client has done so before.</summary>
/// <param name="Index">See <see cref="PlanStep"/>.</param>
/// <param name="Layer">See <see cref="PlanStep"/>.</param>
/// <param name="Name">See <see cref="PlanStep"/>.</param>
/// <param name="Sizes">What its sizes follow from.</param>
internal sealed record LocalShareStep(int Index, int Layer, string Name, SharesSizes Sizes)
    : SharesStep(Index, Layer, Name, Sizes)
{
    public override string Describe() => "local";

    public override Task ServeAsync(SharesServerQuery query)
    {
        query.ApplyLocally(this);
        return Task.CompletedTask;
    }
}

/// <summary>A comparison, with tickets that it uses up.</summary>
/// <param name="Index">See <see cref="PlanStep"/>.</param>
/// <param name="Sizes">What its sizes follow from.</param>
/// <param name="Tickets">Where they are made.</param>
/// <param name="IsFirst">Whether it is the layer's first.</param>
/// <param name="IsLast">Whether it is the layer's last.</param>
internal sealed record CompareSharesStep(int Index, SharesSizes Sizes, TicketStep Tickets, bool IsFirst, bool IsLast)
    : SharesStep(Index, Tickets.Layer, Tickets.Name, Sizes)
{
    public override int Rounds => (Tickets.Round.Comparison.OnlineBits.Count + 1) / 2;

    public override StepCost Cost
    {
        get
        {
            (long up, long down) = Tickets.TrafficOf(Tickets.Round.Comparison.OnlineFlows);
            return new StepCost(Work.None, Work.None, up, down);
        }
    }

    public override string Describe() => $"compare by tickets of {Tickets.Index}";

    public override Task ServeAsync(SharesServerQuery query) => query.CompareAsync(this);

    public override Task AskAsync(SharesClientQuery query) => query.CompareAsync(this);
}

/// <summary>The server sends its shares of the logits.</summary>
/// <param name="Index">See <see cref="PlanStep"/>.</param>
/// <param name="Sizes">What its sizes follow from.</param>
/// <param name="Size">Logits of an image.</param>
/// <param name="Form">How they are shared.</param>
internal sealed record LogitSharesStep(int Index, SharesSizes Sizes, int Size, SharedForm Form)
    : SharesStep(Index, -1, "logits", Sizes)
{
    /// <summary>Bytes of all shares.</summary>
    public int Bytes => BitFields.BytesFor(Sizes.Images * Size, Form.Ring);

    public override int Rounds => 1; // the input is answered by the logits

    public override StepCost Cost => StepCost.None with { BytesDown = StepCost.MessageBytes(Bytes, 1) };

    public override string Describe() => $"logit shares of {Form.Ring} bits";

    public override Task ServeAsync(SharesServerQuery query) => query.SendLogitsAsync(this);

    public override Task AskAsync(SharesClientQuery query) => query.TakeLogitsAsync(this);
}
