using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Planning;

/// <summary>
/// Everything about an inference that both parties must agree on: its steps, their sizes and messages. A function of
/// the public network and of what the parties have told each other, so each party makes its own and they compare
/// hashes.
/// </summary>
internal abstract class Plan
{
    /// <summary>Bytes that a message of a step carries, at most.</summary>
    public const int MaxPayloadBytes = 1 << 18;

    /// <summary>Makes a plan.</summary>
    /// <param name="parameters">What it depends on beside the network, in words: the family and its numbers.</param>
    /// <param name="network">The public network, valid.</param>
    /// <param name="images">See <see cref="Images"/>.</param>
    /// <param name="steps">The steps, in order.</param>
    protected Plan(string parameters, PublicNetwork network, int images, IReadOnlyList<PlanStep> steps)
    {
        Network = network;
        Images = images;
        Steps = steps;
        Text = Describe(parameters);
        Hash = SHA256.HashData(Encoding.UTF8.GetBytes(Text));
    }

    /// <summary>The public network that this plan is for.</summary>
    public PublicNetwork Network { get; }

    /// <summary>Images of a query; items of a step are those of the first image, then those of the second …</summary>
    public int Images { get; }

    /// <summary>The steps, in order.</summary>
    public IReadOnlyList<PlanStep> Steps { get; }

    /// <summary>The plan in words, one step a line; what the hash is taken of.</summary>
    public string Text { get; }

    /// <summary>SHA-256 of <see cref="Text"/>.</summary>
    public ReadOnlyMemory<byte> Hash { get; }

    /// <summary>Round trips of one inference.</summary>
    public int Rounds => RoundsOf(Phase.Offline) + RoundsOf(Phase.Online);

    /// <summary>Whether there is work to be done before the input is known.</summary>
    public bool HasOfflineSteps => Steps.Any(step => step.Phase == Phase.Offline);

    /// <summary>What all steps cost.</summary>
    public StepCost Cost => Steps.Aggregate(StepCost.None, (sum, step) => sum + step.Cost);

    /// <summary>Round trips of a phase; that in which a preparation is admitted is one of them.</summary>
    public int RoundsOf(Phase phase) => Steps.Where(step => step.Phase == phase).Sum(step => step.Rounds)
        + (phase == Phase.Offline && HasOfflineSteps ? 1 : 0);

    /// <summary>What the steps of a phase cost.</summary>
    public StepCost CostOf(Phase phase) => Steps
        .Where(step => step.Phase == phase).Aggregate(StepCost.None, (sum, step) => sum + step.Cost);

    /// <summary>What a round does to a single ciphertext while all other cores wait for it.</summary>
    internal virtual Work AloneInRound(Phase phase) => Work.None;

    /// <summary>Bytes of messages that may come before their lane asks for them.</summary>
    internal virtual long MostBytesAhead => 0;

    /// <summary>Memory that a value of a query takes on the server, in bytes.</summary>
    public abstract long ServerBytesOf(Shape value);

    /// <summary>Refuses a peer whose plan is another.</summary>
    /// <param name="hash">The hash of the peer's plan.</param>
    /// <exception cref="PopcornException">It is not this plan's.</exception>
    internal void RequireSame(ReadOnlySpan<byte> hash)
    {
        if (!CryptographicOperations.FixedTimeEquals(hash, Hash.Span))
        {
            throw new PopcornException(
                PopcornError.Protocol,
                "Client and server derive different plans from this model; use the same version on both sides.");
        }
    }

    /// <summary>Refuses a number of images that no query can hold.</summary>
    /// <exception cref="PopcornException">A value would have too many elements.</exception>
    protected static void CheckImages(PublicNetwork network, int images)
    {
        int largest = Math.Max(network.Input.Shape.Size, network.Layers.Max(layer => layer.Output.Size));
        if (images < 1)
        {
            throw new PopcornException("A query is for one image at least.");
        }

        if (images > Shape.MaxSize / largest)
        {
            throw new PopcornException(
                PopcornError.TooLarge, $"{images} images are not what one query can hold; send fewer at once.");
        }
    }

    private string Describe(string parameters)
    {
        var text = new StringBuilder();
        InputDescription input = Network.Input;
        Line($"popcorn plan of {Images} images, {parameters}");
        Line($"input {input.Shape} from {input.Minimum} to {input.Maximum} scale {input.Scale:R} {input.Order}");
        foreach (PublicLayer layer in Network.Layers)
        {
            string reads = string.Join(' ', layer.Inputs);
            Line($"layer {layer.Kind} inputs {reads} output {layer.Output} bits {layer.BoundBits} shift {layer.Shift}");
            Line($"saturation {layer.SaturationBits} groups {layer.Groups} window {layer.Window}");
        }

        foreach (PlanStep step in Steps)
        {
            string lane = step.Lane == 0 ? "" : $" lane {step.Lane}";
            Line($"{step.Phase}{lane} {step.Layer} {step.Describe()}");
        }

        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }
}
