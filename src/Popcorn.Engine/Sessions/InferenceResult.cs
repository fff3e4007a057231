using System.Numerics;

namespace Popcorn.Engine.Sessions;

/// <summary>What an inference gave and what it cost.</summary>
/// <param name="Logits">The integer network's logits, exact.</param>
/// <param name="Label">Index of the greatest logit, the first of equals.</param>
/// <param name="Seconds">From the first message of the query to the result; of all its images.</param>
/// <param name="WorkSeconds">Of these, what the client did not spend on the connection.</param>
/// <param name="BytesUp">Bytes of messages from client to server; an image's share.</param>
/// <param name="BytesDown">Bytes of messages from server to client; an image's share.</param>
/// <param name="Rounds">Round trips of the query, for all its images.</param>
/// <param name="Images">Images of the query.</param>
public sealed record InferenceResult(
    IReadOnlyList<BigInteger> Logits, int Label, double Seconds, double WorkSeconds, long BytesUp, long BytesDown,
    int Rounds, int Images)
{
    /// <summary>
    /// Input values of the image that were outside the model's range and entered as the nearest end of it; the logits
    /// are those of that input.
    /// </summary>
    public int Clamped { get; init; }
}
