namespace Popcorn.Engine.Linear;

/// <summary>How a layer's negative weights are paid for.</summary>
internal enum NegativeWeights
{
    /// <summary>There are none.</summary>
    None,

    /// <summary>All inputs are inverted in one batch; programs read x and −x.</summary>
    InvertInputs,

    /// <summary>Positive and negative parts of every output are computed apart; the latter are inverted in one batch.
    /// </summary>
    InvertOutputs,

    /// <summary>
    /// Each input's weights are raised by one number for all outputs, so that none is negative; the sum of the inputs,
    /// each as often as it was raised, is computed once, inverted, and joined to every output.
    /// </summary>
    Offset,
}
