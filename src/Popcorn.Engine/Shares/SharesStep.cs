using Popcorn.Engine.Planning;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Engine.Shares;

/// <summary>A step and how either party runs it.</summary>
/// <param name="Index">See <see cref="PlanStep"/>.</param>
/// <param name="Layer">See <see cref="PlanStep"/>.</param>
/// <param name="Name">See <see cref="PlanStep"/>.</param>
/// <param name="Sizes">What its sizes follow from.</param>
internal abstract record SharesStep(int Index, int Layer, string Name, SharesSizes Sizes)
    : PlanStep(Index, Layer, Name)
{
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

    public override StepCost Cost => CostIn(1);

    public override StepCost CostIn(int lanes)
    {
        Packing packing = Linear.Packing;
        double sent = FilledBy(Up, lanes), received = FilledBy(Down, lanes);
        double joined = FilledBy(new Chunking(Linear.Received, Linear.Received), lanes) * packing.JoinedSlots;
        double derived = (double)Linear.Blocks * packing.Derived.Sum(derived => (long)derived.Slots);
        long up = StepCost.MessageBytes((long)Linear.Sent * Sizes.CiphertextBytes, Up.Count);
        long down = StepCost.MessageBytes((long)Linear.Received * Sizes.CiphertextBytes, Down.Count);
        return new StepCost(
            new Work(
                (Operation.Import, sent), (Operation.Square, (derived + joined) * Linear.Widths.Pitch),
                (Operation.Rerandomise, received), (Operation.Export, received),
                (Operation.Message, Down.Count), (Operation.MessageByte, down)),
            new Work(
                (Operation.EncryptOwner, sent), (Operation.Export, sent), (Operation.Import, received),
                (Operation.Decrypt, received), (Operation.Message, Up.Count), (Operation.MessageByte, up)),
            up, down);
    }

    /// <summary>Bytes of messages, both ways.</summary>
    public long MessageBytes => (long)(Linear.Sent + Linear.Received) * Sizes.CiphertextBytes;

    public override long ServerBytes => Sizes.MemoryBytes * Linear.Blocks * (
        (2L * Linear.Packing.Sent) + (2L * Linear.Packing.Derived.Count) + Linear.Packing.CoreInput.Size
        + Linear.Packing.CoreOutput.Size + Linear.Packing.Received);

    public override string Describe() => $"pack {Linear}";

    public override Task ServeAsync(SharesServerQuery query) => query.MultiplyAsync(this);

    public override Task AskAsync(SharesClientQuery query) => query.TakeProductsAsync(this);

    /// <summary>Ciphertexts and lanes that stay empty beside them.</summary>
    private static double FilledBy(Chunking chunks, int lanes) => Enumerable.Range(0, chunks.Count)
        .Sum(chunk => (double)((chunks.ItemsIn(chunk) + lanes - 1) / lanes * lanes));
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

    public override int Lane => 1;

    public override int Rounds => IsFirst ? 1 : 0;

    public override double? Overlap => 1;

    /// <summary>Items of all images, message by message.</summary>
    public Chunking Chunks => Round.Chunks(Sizes.Images);

    public override StepCost Cost
    {
        get
        {
            // Trees go from the party that holds Δ to the other.
            double cots = (double)Chunks.Items
                * (Round.Comparison.Cots(Party.Server) + Round.Comparison.Cots(Party.Client));
            long up = CotBytes(Party.Client), down = CotBytes(Party.Server);
            return MessagesOf(Round.Comparison.PrepareFlows)
                + new StepCost(Of(Party.Server), Of(Party.Client), up, down);

            Work Of(Party party) => new(
                (Operation.Transfer, cots),
                (Operation.TicketHash, (double)Chunks.Items * Round.Comparison.HashCalls(party)),
                (Operation.Tickets, Chunks.Count), (Operation.Move, party == Party.Client ? Moves : 0),
                (Operation.MessageByte, party == Party.Client ? up : down));
        }
    }

    public override long ServerBytes => Chunks.Count == 0
        ? 0
        : Round.Comparison.WorkBytes(Party.Server, Chunks.ItemsIn(0)).Prepare;

    public override string Describe()
    {
        var comparison = Round.Comparison;
        string chunks = string.Join(
            ' ', comparison.LowChunks.Concat(comparison.MiddleChunks).Concat(comparison.TopChunks));
        return $"tickets {comparison.Operation} {Chunks} trees {chunks} depth {comparison.Depth}";
    }

    public override Task ServeAsync(SharesServerQuery query) => query.MakeTicketsAsync(this);

    public override Task AskAsync(SharesClientQuery query) => query.MakeTicketsAsync(this);

    /// <summary>Numbers that are put on a board, taken from it and put back, and taken off it.</summary>
    public double Moves => (double)Chunks.Items * (Round.Comparison.Operation.Operands + 3);

    private long CotBytes(Party sender) =>
        (long)(Sizes.BytesOfCot * Chunks.Items * Round.Comparison.Cots(sender));

    /// <summary>What the messages of all chunks cost.</summary>
    public StepCost MessagesOf(Func<int, Flow[]> flowsOf)
    {
        Flow[] flows = [.. Enumerable.Range(0, Chunks.Count).SelectMany(chunk => flowsOf(Chunks.ItemsIn(chunk)))];
        (Work Work, long Bytes) From(Party party)
        {
            Flow[] own = [.. flows.Where(flow => flow.From == party)];
            long bytes = StepCost.MessageBytes(own.Sum(flow => (long)flow.Bytes), own.Length);
            return (new Work((Operation.Message, own.Length), (Operation.MessageByte, bytes)), bytes);
        }

        (Work server, long down) = From(Party.Server);
        (Work client, long up) = From(Party.Client);
        return new StepCost(server, client, up, down);
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

    public override StepCost Cost => StepCost.None with
    {
        Client = new Work((Operation.Message, 1), (Operation.MessageByte, Bytes)),
        BytesUp = StepCost.MessageBytes(Bytes, 1),
    };

    public override double? Overlap => 0;

    public override long ServerBytes => Bytes;

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
    public override double? Overlap => 0;

    public override StepCost Cost => StepCost.None; // the weights tell

    public override long ServerBytes => 0; // beside the layer's result

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
/// <param name="Board">Places of an image on the board, where the layer is one whose rounds are all left out.</param>
internal sealed record LocalShareStep(int Index, int Layer, string Name, SharesSizes Sizes, int Board)
    : SharesStep(Index, Layer, Name, Sizes)
{
    public override double? Overlap => 0;

    public override StepCost Cost => StepCost.None; // some additions

    public override long ServerBytes => (long)Sizes.Images * Board * sizeof(ulong);

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
/// <param name="Board">Places of an image on the layer's board.</param>
internal sealed record CompareSharesStep(
    int Index, SharesSizes Sizes, TicketStep Tickets, bool IsFirst, bool IsLast, int Board)
    : SharesStep(Index, Tickets.Layer, Tickets.Name, Sizes)
{
    public override int Rounds => (Tickets.Round.Comparison.OnlineBits.Count + 1) / 2;

    public override double? Overlap => 1 - (1.0 / Tickets.Chunks.Count);

    public override StepCost Cost
    {
        get
        {
            // Who sends a message computes its bits, and who reads it computes with them.
            ObliviousTransfer.Comparisons.ComparisonPlan comparison = Tickets.Round.Comparison;
            int chunks = Tickets.Chunks.Count;
            double bits = (double)Tickets.Chunks.Items * comparison.OnlineBits.Sum(flow => flow.Bits);
            return Tickets.MessagesOf(comparison.OnlineFlows) + new StepCost(
                new Work((Operation.Comparison, chunks), (Operation.CompareBit, bits), (Operation.Move, Tickets.Moves)),
                new Work((Operation.Comparison, chunks), (Operation.CompareBit, bits)), 0, 0);
        }
    }

    /// <remarks>The board, the operands of a chunk, and what all chunks are compared in.</remarks>
    public override long ServerBytes
    {
        get
        {
            Chunking chunks = Tickets.Chunks;
            ObliviousTransfer.Comparisons.ComparisonPlan comparison = Tickets.Round.Comparison;
            long numbers = ((long)Sizes.Images * Board)
                + ((comparison.Operation.Operands + 1L) * Math.Min(chunks.PerChunk, chunks.Items));
            return (numbers * sizeof(ulong)) + Enumerable.Range(0, chunks.Count)
                .Sum(chunk => comparison.WorkBytes(Party.Server, chunks.ItemsIn(chunk)).Query);
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

    public override StepCost Cost => StepCost.None with
    {
        Server = new Work((Operation.Message, 1), (Operation.MessageByte, Bytes)),
        BytesDown = StepCost.MessageBytes(Bytes, 1),
    };

    public override double? Overlap => 0;

    public override long ServerBytes => Bytes;

    public override string Describe() => $"logit shares of {Form.Ring} bits";

    public override Task ServeAsync(SharesServerQuery query) => query.SendLogitsAsync(this);

    public override Task AskAsync(SharesClientQuery query) => query.TakeLogitsAsync(this);
}
