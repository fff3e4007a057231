namespace Popcorn.Engine.Import;

/// <summary>How a floating-point network becomes an integer network.</summary>
public sealed record ImportOptions
{
    /// <summary>Bits of a weight, sign included: 2…12.</summary>
    public int WeightBits { get; init; } = 8;

    /// <summary>Least share of the weights that shall be zero, 0…1 (1 excluded); the smallest are pruned.</summary>
    public double Sparsity { get; init; }

    /// <summary>An integer of the input enters the network as integer × this.</summary>
    public double InputScale { get; init; } = 1 / 255.0;

    /// <summary>Least integer of the input.</summary>
    public int InputMinimum { get; init; }

    /// <summary>Greatest integer of the input.</summary>
    public int InputMaximum { get; init; } = 255;

    /// <summary>Takes one line for each liberty the import took, such as a final Softmax that it dropped.</summary>
    public Action<string>? Report { get; init; }

    internal void Validate()
    {
        if (WeightBits is < 2 or > 12)
        {
            throw new PopcornException($"Weights of {WeightBits} bits cannot be made; choose 2 to 12.");
        }

        if (!(Sparsity is >= 0 and < 1))
        {
            throw new PopcornException($"A sparsity of {Sparsity} cannot be reached; choose 0 or more, less than 1.");
        }

        if (!(double.IsNormal(InputScale) && InputScale > 0))
        {
            throw new PopcornException($"The input scale {InputScale} is not a positive number.");
        }

        if (InputMinimum >= InputMaximum)
        {
            throw new PopcornException($"The input range {InputMinimum}…{InputMaximum} is empty.");
        }
    }
}
