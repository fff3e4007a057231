namespace Popcorn.Engine.Import;

/// <summary>How nodes of one operator are read.</summary>
/// <param name="Read">The value of a node that depends on the image; null: none may.</param>
/// <param name="Fold">The value of a node whose inputs are all constant; null: none may.</param>
internal sealed record OnnxOperator(
    Func<OperatorCall, GraphValue>? Read, Func<OperatorCall, GraphValue>? Fold = null)
{
    /// <summary>Whether a node may read a comparison's result.</summary>
    public bool ReadsConditions { get; init; }

    /// <summary>Whether a node may read what a Softmax, or the like, was dropped from.</summary>
    public bool ReadsProbabilities { get; init; }

    /// <summary>The value of a node.</summary>
    public GraphValue Apply(OperatorCall call)
    {
        Signal[] signals = [.. call.Inputs.OfType<Signal>()];
        if (signals.Length == 0)
        {
            return Fold is not null
                ? Fold(call)
                : throw new NodeException(call.Inputs.Length == 0
                    ? "its first input is missing; the file is damaged"
                    : "all its inputs are constant; fold constants before exporting");
        }

        if (!ReadsProbabilities && signals.Any(s => s.IsProbability))
        {
            throw new NodeException(
                "it computes with the result of a Softmax or ArgMax, which can only stand at the end");
        }

        if (!ReadsConditions && signals.Any(s => s.IsCondition))
        {
            throw new NodeException("it computes with the result of a comparison; select numbers with Where first");
        }

        return Read is not null
            ? Read(call)
            : throw new NodeException("it is supported for constants only and depends on the input here");
    }
}
