namespace Popcorn.Engine.Planning;

/// <summary>What a phase of a query took, or will take.</summary>
/// <param name="Seconds">From its first message to its last.</param>
/// <param name="BytesUp">Bytes of messages from client to server.</param>
/// <param name="BytesDown">Bytes of messages from server to client.</param>
/// <param name="Rounds">Round trips.</param>
public sealed record PhaseUse(double Seconds, long BytesUp, long BytesDown, int Rounds)
{
    /// <summary>Nothing at all.</summary>
    public static PhaseUse None { get; } = new(0, 0, 0, 0);

    /// <summary>The same with an image's share of the bytes.</summary>
    /// <param name="images">Images of the query.</param>
    public PhaseUse ShareOf(int images) => this with { BytesUp = BytesUp / images, BytesDown = BytesDown / images };

    /// <summary>Both, one after the other.</summary>
    public static PhaseUse operator +(PhaseUse a, PhaseUse b) => new(
        a.Seconds + b.Seconds, a.BytesUp + b.BytesUp, a.BytesDown + b.BytesDown, a.Rounds + b.Rounds);
}

/// <summary>What a query took, or will take, phase by phase.</summary>
/// <param name="Prepare">Before the input was known; null in a plan that works online only.</param>
/// <param name="Online">With the input.</param>
public sealed record QueryUse(PhaseUse? Prepare, PhaseUse Online)
{
    /// <summary>Both phases.</summary>
    public PhaseUse Total => Online + (Prepare ?? PhaseUse.None);

    /// <summary>The same with an image's share of the bytes.</summary>
    /// <param name="images">Images of the query.</param>
    public QueryUse ShareOf(int images) => new(Prepare?.ShareOf(images), Online.ShareOf(images));
}
