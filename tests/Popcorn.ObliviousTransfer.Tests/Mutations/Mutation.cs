namespace Popcorn.ObliviousTransfer.Tests.Mutations;

/// <summary>What becomes of a message on its way.</summary>
internal enum Mutation
{
    /// <summary>It does not come.</summary>
    Dropped,

    /// <summary>It comes twice.</summary>
    Repeated,

    /// <summary>It comes behind the next one of its sender, or back to its sender.</summary>
    Swapped,

    /// <summary>Its end is missing.</summary>
    Truncated,

    /// <summary>There is more of it.</summary>
    Lengthened,

    /// <summary>Nothing is in it.</summary>
    Emptied,

    /// <summary>Another message of the same connection comes in its place.</summary>
    OfAnotherStep,

    /// <summary>The same message of another connection comes in its place.</summary>
    OfAnotherSession,

    /// <summary>Random bytes come in its place.</summary>
    Random,

    /// <summary>A bit is flipped.</summary>
    Flipped,
}

/// <summary>How a mutated exchange ended.</summary>
internal enum Ending
{
    /// <summary>With results, right or wrong.</summary>
    Results,

    /// <summary>With an exception that says that a message is wrong or missing.</summary>
    Refused,

    /// <summary>With parties that wait until somebody ends it.</summary>
    Waiting,
}

/// <summary>How often each mutation ended how; so that a test sees that it tests what it says.</summary>
internal sealed class MutationCounts
{
    private readonly int[,] _counts =
        new int[Enum.GetValues<Mutation>().Length, Enum.GetValues<Ending>().Length];

    public int Total { get; private set; }

    public void Add(Mutation mutation, Ending ending)
    {
        _counts[(int)mutation, (int)ending]++;
        Total++;
    }

    public int this[Mutation mutation, Ending ending] => _counts[(int)mutation, (int)ending];

    public int this[Mutation mutation] => Enum.GetValues<Ending>().Sum(ending => this[mutation, ending]);
}
