namespace Popcorn.Engine.Products;

/// <summary>How a layer's negative weights are paid for.</summary>
internal enum NegativeWeights
{
    /// <summary>There are none.</summary>
    None,

    /// <summary>All inputs are negated in one batch; programs read x and −x.</summary>
    NegateInputs,

    /// <summary>Positive and negative parts of every output are computed apart; the latter are negated in one batch.
    /// </summary>
    NegateOutputs,

    /// <summary>
    /// Each input's weights are raised by one number for all outputs, so that none is negative; the sum of the inputs,
    /// each as often as it was raised, is computed once, negated, and joined to every output.
    /// </summary>
    Offset,
}
