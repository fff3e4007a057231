using System.Diagnostics.CodeAnalysis;

namespace Popcorn.Engine.Model;

/// <summary>What a client may know of a layer: its geometry and the bit length of its bound, no weights.</summary>
public sealed record PublicLayer
{
    internal PublicLayer(LayerKind kind, int input, Shape output, Window? window, int groups, int boundBits)
    {
        Kind = kind;
        Input = input;
        Output = output;
        Window = window;
        Groups = groups;
        BoundBits = boundBits;
    }

    /// <summary>Shape of its result.</summary>
    public Shape Output { get; internal init; }

    /// <summary>Least b such that every result x has |x| &lt; 2^b.</summary>
    public int BoundBits { get; internal init; }

    /// <summary>The layer's kind.</summary>
    internal LayerKind Kind { get; init; }

    /// <summary>The value it reads, or reads first; see <see cref="Layer"/>.</summary>
    internal int Input { get; init; }

    /// <summary>Window of linear and max-pool layers.</summary>
    internal Window? Window { get; init; }

    /// <summary>Groups of linear layers, else 0.</summary>
    internal int Groups { get; init; }

    /// <summary>The values that it reads beside <see cref="Input"/>.</summary>
    internal IReadOnlyList<int> OtherInputs { get; init; } = [];

    /// <summary>Bits that a rescaling or a shift drops, else 0.</summary>
    internal int Shift { get; init; }

    /// <summary>See <see cref="ShiftLayer.SaturationBits"/>; 0 for all other kinds.</summary>
    internal int SaturationBits { get; init; }

    /// <summary>All values that it reads.</summary>
    internal IEnumerable<int> Inputs => OtherInputs.Prepend(Input);

    /// <summary>Whether its kind leaves no negative numbers, whatever it reads.</summary>
    internal bool IsNeverNegative => Kind switch
    {
        LayerKind.Relu or LayerKind.MaxPoolRelu or LayerKind.Square or LayerKind.Sign or LayerKind.Clip => true,
        LayerKind.Shift => SaturationBits > 0,
        LayerKind.Linear or LayerKind.MaxPool or LayerKind.Add or LayerKind.Concat or LayerKind.Rescale => false,
    };

    /// <summary>Taps of all windows of a max-pool over one channel; 0 for all other kinds.</summary>
    internal long PoolTaps => Kind switch
    {
        LayerKind.MaxPool or LayerKind.MaxPoolRelu => (long)Output.Area * Window!.Value.Taps,
        LayerKind.Linear or LayerKind.Relu or LayerKind.Square or LayerKind.Sign or LayerKind.Add or LayerKind.Concat
            or LayerKind.Clip or LayerKind.Rescale or LayerKind.Shift => 0,
    };

    /// <summary>The kind as shown to users.</summary>
    public string KindName => Kind switch
    {
        LayerKind.Linear => Window is { OutputHeight: 1, OutputWidth: 1 } && Groups == 1 ? "dense" : "conv",
        LayerKind.Relu => "relu",
        LayerKind.MaxPool => "maxpool",
        LayerKind.MaxPoolRelu => "maxpool+relu",
        LayerKind.Square => "square",
        LayerKind.Sign => "sign",
        LayerKind.Add => "add",
        LayerKind.Concat => "concat",
        LayerKind.Clip => "clip",
        LayerKind.Rescale => "rescale",
        LayerKind.Shift => "shift",
    };

    /// <summary>
    /// Checks that what it reads exists and that the shapes fit: for a layer with its weights as for one that a peer
    /// describes.
    /// </summary>
    /// <param name="index">Its number; it reads values up to it.</param>
    /// <param name="shapeOf">The shapes of these values.</param>
    /// <exception cref="PopcornException">Says what is wrong.</exception>
    internal void Validate(int index, Func<int, Shape> shapeOf)
    {
        Require(Enum.IsDefined(Kind), "it is of an unknown kind");
        Require(
            OtherInputs.Count < NetworkValidator.MaxJoined, $"it joins more than {NetworkValidator.MaxJoined} values");
        foreach (int value in Inputs)
        {
            Require(value >= 0 && value <= index, $"it reads value {value}, which does not come before it");
        }

        Require(Output.IsValid, $"its output shape {Output} is not valid");
        Require(BoundBits is > 0 and <= NetworkValidator.MaxBoundBits, "it has a bound out of range");
        Shape[] sources = [.. Inputs.Select(shapeOf)];
        Action checks = Kind switch
        {
            LayerKind.Linear => () => ValidateLinear(sources[0]),
            LayerKind.MaxPool or LayerKind.MaxPoolRelu => () => ValidatePool(sources[0]),
            LayerKind.Concat => () => ValidateConcat(sources),
            LayerKind.Add => () => ValidateElementwise(sources, inputs: 2),
            LayerKind.Rescale => () => ValidateRescale(sources),
            LayerKind.Shift => () => ValidateShift(sources),
            LayerKind.Relu or LayerKind.Square or LayerKind.Sign or LayerKind.Clip =>
                () => ValidateElementwise(sources, inputs: 1),
        };
        checks();
        Require(Shift == 0 || Kind is LayerKind.Rescale or LayerKind.Shift, $"it shifts by {Shift} bits");
        Require(SaturationBits == 0 || Kind == LayerKind.Shift, $"it saturates at {SaturationBits} bits");
        Require(Groups == 0 || Kind == LayerKind.Linear, $"it has {Groups} groups");
    }

    private void ValidateLinear(Shape source)
    {
        RequireInputs(1);
        ValidateWindow();
        Require(
            Groups > 0 && source.Channels % Groups == 0 && Output.Channels % Groups == 0,
            $"{Groups} groups do not divide {source.Channels} input and {Output.Channels} output channels");
    }

    private void ValidatePool(Shape source)
    {
        RequireInputs(1);
        ValidateWindow();
        Require(Output.Channels == source.Channels, "it changes the number of channels");
        Require(
            PoolTaps <= NetworkValidator.MaxPoolTaps,
            $"its windows see {PoolTaps} elements of a channel, more than {NetworkValidator.MaxPoolTaps}");
        Require(
            Window.Value.AlwaysSees(source.Height, source.Width), "one of its windows lies outside the plane");
    }

    private void ValidateConcat(Shape[] sources)
    {
        long channels = sources.Sum(s => (long)s.Channels);
        Require(channels == Output.Channels, $"it joins {channels} channels to {Output.Channels}");
        Require(
            Array.TrueForAll(sources, s => s with { Channels = Output.Channels } == Output),
            "it joins values of different height or width");
    }

    private void ValidateRescale(Shape[] sources)
    {
        ValidateElementwise(sources, inputs: 1);
        Require(
            Shift is > 0 and <= NetworkValidator.MaxShift,
            $"it shifts by {Shift}, not 1…{NetworkValidator.MaxShift} bits");
    }

    private void ValidateShift(Shape[] sources)
    {
        ValidateElementwise(sources, inputs: 1);
        Require(
            Shift is >= 0 and <= NetworkValidator.MaxShift,
            $"it shifts by {Shift}, not 0…{NetworkValidator.MaxShift} bits");
        Require(
            SaturationBits is >= 0 and <= NetworkValidator.MaxSaturationBits,
            $"it saturates at {SaturationBits}, not 0…{NetworkValidator.MaxSaturationBits} bits");
        Require(Shift > 0 || SaturationBits > 0, "it neither shifts nor saturates");
    }

    private void ValidateElementwise(Shape[] sources, int inputs)
    {
        RequireInputs(inputs);
        foreach (Shape source in sources)
        {
            Require(Output == source, $"its output shape {Output} is not its input's, {source}");
        }
    }

    private void RequireInputs(int count) =>
        Require(OtherInputs.Count == count - 1, $"it reads {OtherInputs.Count + 1} values instead of {count}");

    [MemberNotNull(nameof(Window))]
    private void ValidateWindow()
    {
        if (Window is not { IsValid: true } window)
        {
            throw new PopcornException("its window is not valid");
        }

        Require(
            Output.Height == window.OutputHeight && Output.Width == window.OutputWidth,
            $"its output shape {Output} is not its window's, {window.OutputHeight}x{window.OutputWidth}");
    }

    private static void Require(bool condition, string finding) => NetworkValidator.Require(condition, finding);
}
