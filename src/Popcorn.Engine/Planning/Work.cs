namespace Popcorn.Engine.Planning;

/// <summary>What takes a party's time, counted on single ciphertexts, transfers and numbers.</summary>
internal enum Operation
{
    /// <summary>A product modulo n², as linear layers do them; squares apart.</summary>
    Product,

    /// <summary>A square modulo n².</summary>
    Square,

    /// <summary>A product that a lane of a kernel sits out while others multiply: it takes time and no more.</summary>
    Wait,

    /// <summary>A re-randomisation by the public key.</summary>
    Rerandomise,

    /// <summary>An encryption by the key's owner.</summary>
    EncryptOwner,

    /// <summary>A decryption.</summary>
    Decrypt,

    /// <summary>From standard form, with all checks.</summary>
    Import,

    /// <summary>To standard form.</summary>
    Export,

    /// <summary>A correlated transfer that is made, in either role.</summary>
    Transfer,

    /// <summary>A block that is hashed for a ticket, with the ticket's own work.</summary>
    TicketHash,

    /// <summary>Tickets for some items, however few: what comes to the hashes of each.</summary>
    Tickets,

    /// <summary>A comparison of some items, however few: what comes to the bits of each.</summary>
    Comparison,

    /// <summary>A bit that an item of a comparison takes in a message of the query.</summary>
    CompareBit,

    /// <summary>A multiply-accumulate in the clear, modulo 2^32.</summary>
    Accumulate,

    /// <summary>A multiply-accumulate in the clear, modulo 2^64.</summary>
    AccumulateWide,

    /// <summary>A number of a party's shares that is moved to a place that is computed.</summary>
    Move,

    /// <summary>A message from this party until the other one works on it; its bytes apart.</summary>
    Message,

    /// <summary>A byte of a message from this party.</summary>
    MessageByte,
}

/// <summary>How often a party does each operation, on average where chance decides.</summary>
internal sealed class Work
{
    private static readonly Operation[] All = Enum.GetValues<Operation>();

    private readonly double[] _counts;

    /// <summary>Work of some operations, each named once.</summary>
    public Work(params ReadOnlySpan<(Operation Operation, double Count)> counts)
    {
        _counts = new double[All.Length];
        foreach ((Operation operation, double count) in counts)
        {
            _counts[(int)operation] = count;
        }
    }

    /// <summary>Nothing at all.</summary>
    public static Work None { get; } = new();

    /// <summary>Products modulo n², squares with them.</summary>
    public double Products => this[Operation.Product] + this[Operation.Square];

    /// <summary>Whether a party spreads an operation over its threads; all else it does on one of them.</summary>
    internal static bool IsSpread(Operation operation) => operation switch
    {
        Operation.Product or Operation.Square or Operation.Wait or Operation.Rerandomise or Operation.EncryptOwner
            or Operation.Decrypt or Operation.Import or Operation.Export or Operation.Accumulate
            or Operation.AccumulateWide => true,
        Operation.Transfer or Operation.TicketHash or Operation.Tickets or Operation.Comparison
            or Operation.CompareBit or Operation.Move or Operation.Message or Operation.MessageByte => false,
    };

    /// <summary>How often an operation is done.</summary>
    public double this[Operation operation] => _counts[(int)operation];

    /// <summary>Both, one after the other.</summary>
    public static Work operator +(Work a, Work b)
    {
        var sum = new Work();
        for (int i = 0; i < All.Length; i++)
        {
            sum._counts[i] = a._counts[i] + b._counts[i];
        }

        return sum;
    }

    /// <summary>The time it takes.</summary>
    /// <param name="secondsOf">Seconds of one operation.</param>
    public double Seconds(Func<Operation, double> secondsOf) =>
        All.Sum(operation => this[operation] * secondsOf(operation));
}
