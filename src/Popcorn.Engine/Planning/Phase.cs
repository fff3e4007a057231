namespace Popcorn.Engine.Planning;

/// <summary>When a step of a query runs.</summary>
public enum Phase
{
    /// <summary>Before the input is known, as long before as one likes.</summary>
    Offline,

    /// <summary>With the input.</summary>
    Online,
}
