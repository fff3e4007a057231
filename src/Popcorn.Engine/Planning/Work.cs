namespace Popcorn.Engine.Planning;

/// <summary>What takes a party's time, counted on single ciphertexts.</summary>
public enum Operation
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
}

/// <summary>How often a party does each operation, on average where chance decides.</summary>
public sealed class Work
{
    private static readonly int Operations = Enum.GetValues<Operation>().Length;

    private readonly double[] _counts;

    /// <summary>Work of some operations, each named once.</summary>
    public Work(params ReadOnlySpan<(Operation Operation, double Count)> counts)
    {
        _counts = new double[Operations];
        foreach ((Operation operation, double count) in counts)
        {
            _counts[(int)operation] = count;
        }
    }

    /// <summary>Nothing at all.</summary>
    public static Work None { get; } = new();

    /// <summary>Products modulo n², squares with them.</summary>
    public double Products => this[Operation.Product] + this[Operation.Square];

    /// <summary>How often an operation is done.</summary>
    public double this[Operation operation] => _counts[(int)operation];

    /// <summary>Both, one after the other.</summary>
    public static Work operator +(Work a, Work b)
    {
        var sum = new Work();
        for (int i = 0; i < Operations; i++)
        {
            sum._counts[i] = a._counts[i] + b._counts[i];
        }

        return sum;
    }

    /// <summary>The time it takes.</summary>
    /// <param name="secondsOf">Seconds of one operation.</param>
    public double Seconds(Func<Operation, double> secondsOf) =>
        Enum.GetValues<Operation>().Sum(operation => this[operation] * secondsOf(operation));
}
