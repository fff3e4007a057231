namespace Popcorn.Fuzz.Targets;

/// <summary>Every reader of bytes that others wrote.</summary>
internal static class FuzzTargets
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new FrameTarget(), new NetworkTarget(), new TermsTarget(), new ClientSessionTarget(), new ServerSessionTarget(),
        new ModelListTarget(), new CiphertextsTarget(), new BatchTarget(), new PublicKeyTarget(),
        new PrivateKeyTarget(), new ModelFileTarget(), new OnnxTarget(), new PictureTarget(), new NpyTarget(),
        new IdxTarget(), new CifarTarget(), new ImageFileTarget(), new PictureListTarget(),
    ];
}
