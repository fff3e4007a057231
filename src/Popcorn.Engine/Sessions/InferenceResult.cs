using System.Numerics;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Sessions;

/// <summary>What an inference gave and what it cost.</summary>
/// <param name="Logits">The integer network's logits, exact.</param>
/// <param name="Label">Index of the greatest logit, the first of equals.</param>
/// <param name="Use">
/// What the query took, for all its images; that of its preparation counts, however long before it was.
/// </param>
/// <param name="WorkSeconds">Of its seconds, what the client did not spend on the connection.</param>
/// <param name="Images">Images of the query.</param>
public sealed record InferenceResult(
    IReadOnlyList<BigInteger> Logits, int Label, QueryUse Use, double WorkSeconds, int Images)
{
    /// <summary>Name of the class of <see cref="Label"/>; null where the model has none.</summary>
    public string? Name { get; init; }

    /// <summary>Real logit = integer logit × this; 0 where the server does not tell.</summary>
    public double LogitScale { get; init; }

    /// <summary>
    /// The softmax of the real logits: what a network that was trained with cross-entropy takes for the probability of
    /// each class. Empty where the server does not tell their scale.
    /// </summary>
    public IReadOnlyList<double> Scores
    {
        get
        {
            if (LogitScale <= 0)
            {
                return [];
            }

            BigInteger greatest = Logits.Max();
            double[] powers = [.. Logits.Select(logit => Math.Exp((double)(logit - greatest) * LogitScale))];
            double sum = powers.Sum();
            return [.. powers.Select(power => power / sum)];
        }
    }

    /// <summary>Time of the query, its preparation included, for all its images.</summary>
    public double Seconds => Use.Total.Seconds;

    /// <summary>Bytes of messages from client to server; an image's share.</summary>
    public long BytesUp => Use.ShareOf(Images).Total.BytesUp;

    /// <summary>Bytes of messages from server to client; an image's share.</summary>
    public long BytesDown => Use.ShareOf(Images).Total.BytesDown;

    /// <summary>Round trips of the query, for all its images.</summary>
    public int Rounds => Use.Total.Rounds;

    /// <summary>
    /// Input values of the image that were outside the model's range and entered as the nearest end of it; the logits
    /// are those of that input.
    /// </summary>
    public int Clamped { get; init; }
}
