namespace Popcorn.Interop;

/// <summary>How a key is created.</summary>
public sealed record KeyOptions
{
    /// <summary>A name out of <see cref="PaillierLibrary.Kernels"/>; null for the default kernel.</summary>
    public string? Kernel { get; init; }

    /// <summary>
    /// The kind of key that is generated, or alone accepted by an import: who takes keys from others says which.
    /// </summary>
    public KeyOrder Order { get; init; }

    /// <summary>For tests only: accepts keys of any size, which protect nothing.</summary>
    public bool AllowInsecureSize { get; init; }
}
