using Popcorn.Interop;

namespace Popcorn.Engine.Tests;

/// <summary>Small keys, fast and insecure, made once for all tests.</summary>
internal static class TestKeys
{
    public const int Bits = 768;

    private static readonly Lazy<PaillierPrivateKey> Shared =
        new(() => PaillierPrivateKey.Generate(Bits, Options));

    private static readonly Lazy<PaillierPrivateKey> OfProducts =
        new(() => PaillierPrivateKey.Generate(256, Options));

    public static KeyOptions Options { get; } = new() { AllowInsecureSize = true };

    public static PaillierPrivateKey Key => Shared.Value;

    /// <summary>Large enough for the values of layers, and too small for a protocol.</summary>
    public static PaillierPrivateKey ForProducts => OfProducts.Value;
}
