using Popcorn.Engine.Model;

namespace Popcorn.Engine.Shares;

/// <summary>
/// Which values of a linear layer share a plaintext, so that the layer on ciphertexts is another, smaller linear layer:
/// its core. A query's images are split into blocks that are computed alike, side by side. The client sends
/// <see cref="Sent"/> ciphertexts for a block; <see cref="Derived"/> are powers of these by which slots move; the core
/// reads both as a plane; <see cref="Joined"/> may add some of its outputs up, each moved to slots of its own. All that
/// is public, but for the core's weights.
/// </summary>
internal abstract class Packing
{
    /// <param name="input">Shape of what the layer reads.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="imagesOfBlock">Images that share ciphertexts.</param>
    protected Packing(Shape input, PublicLayer layer, int imagesOfBlock)
    {
        Input = input;
        Output = layer.Output;
        Groups = layer.Groups;
        ImagesOfBlock = imagesOfBlock;
    }

    /// <summary>Images that share ciphertexts.</summary>
    public int ImagesOfBlock { get; }

    /// <summary>In words.</summary>
    public abstract string Name { get; }

    /// <summary>Slots of every ciphertext, all of which are masked.</summary>
    public abstract int Slots { get; }

    /// <summary>Ciphertexts from the client, of a block.</summary>
    public abstract int Sent { get; }

    /// <summary>Ciphertexts to the client, of a block.</summary>
    public abstract int Received { get; }

    /// <summary>What the core reads.</summary>
    public abstract Shape CoreInput { get; }

    /// <summary>What the core makes.</summary>
    public abstract Shape CoreOutput { get; }

    /// <summary>Windows of the core.</summary>
    public abstract Window CoreWindow { get; }

    /// <summary>Channels of the layer, which the core's outputs are in the order of.</summary>
    public int OutputChannels => Output.Channels;

    /// <summary>Groups of the core.</summary>
    public int Groups { get; }

    /// <summary>
    /// Powers of sent ciphertexts: by how many slots values move up. A core's input is a sent ciphertext, or, counted
    /// behind these, one of them.
    /// </summary>
    public virtual IReadOnlyList<(int Sent, int Slots)> Derived => [];

    /// <summary>What the core reads at each place; −1 where it reads nothing. Null: what is sent, as it is.</summary>
    public virtual int[]? CorePlaces => null;

    /// <summary>
    /// Of a ciphertext to the client the core's outputs that it is a sum of, and by how many slots each is moved. Null:
    /// the core's outputs, as they are.
    /// </summary>
    public virtual IEnumerable<(int Output, int Slots)>? Joined(int ciphertext) => null;

    /// <summary>Slots by which outputs are moved in all, for one ciphertext: its squarings are so many pitches.
    /// </summary>
    public virtual int JoinedSlots => 0;

    /// <summary>Shape of what the layer reads, of one image.</summary>
    protected Shape Input { get; }

    /// <summary>Shape of what it makes, of one image.</summary>
    protected Shape Output { get; }

    /// <summary>
    /// What stands in the slots of a ciphertext from the client: of each, from the lowest, the element of the block's
    /// input, or −1 for zero.
    /// </summary>
    /// <param name="ciphertext">Its number.</param>
    /// <param name="elements">Filled, one a slot.</param>
    public abstract void InputsOf(int ciphertext, Span<int> elements);

    /// <summary>
    /// What stands in the slots of a ciphertext to the client: the element of the block's output, or −1 for what nobody
    /// needs.
    /// </summary>
    /// <param name="ciphertext">Its number.</param>
    /// <param name="elements">Filled, one a slot.</param>
    public abstract void OutputsOf(int ciphertext, Span<int> elements);

    /// <summary>The core's weights, of the layer's.</summary>
    public abstract int[] CoreWeights(LinearLayer layer);

    /// <summary>The core as a layer of its own.</summary>
    public LinearLayer CoreOf(LinearLayer layer) => new(
        layer.Name, 0, CoreOutput, CoreWindow, Groups, CoreWeights(layer),
        new System.Numerics.BigInteger[CoreOutput.Channels]);
}

/// <summary>
/// A grid of U × V phases: output ciphertext (u, v) of a channel holds the outputs at (u + i·U, v + j·V), and input
/// ciphertext (a, b) the inputs at (a + i·s·U − pad, b + j·s·V − pad), so that slots stand below each other for every
/// tap and the core is the same convolution over a plane of ciphertexts. Where the halo is moved, only the first s·U
/// rows (or s·V columns) of that plane are sent, with some spare slots, and those beyond are the same with their slots
/// moved.
/// </summary>
internal sealed class GridPacking : Packing
{
    private readonly Window _window; // of the layer; pointwise ones over a single row
    private readonly int _inputHeight;
    private readonly int _inputWidth;
    private readonly int _rows; // i: outputs of a phase, I × J
    private readonly int _columns;
    private readonly int _pitch; // J': slots of a row
    private readonly int _pitchRows; // I': rows of an image
    private readonly int _moveRows; // q of rows and columns
    private readonly int _moveColumns;
    private readonly int[] _sent; // positions in the core's plane that are sent
    private readonly int[] _places;
    private readonly List<(int Sent, int Slots)> _derived = [];
    private readonly bool _isPlain;

    /// <param name="input">Shape of what the layer reads.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="images">See <see cref="Packing.ImagesOfBlock"/>.</param>
    /// <param name="grid">U × V, and what of the halo is moved.</param>
    public GridPacking(Shape input, PublicLayer layer, int images, Grid grid)
        : base(input, layer, images)
    {
        Grid = grid;
        Window window = layer.Window!.Value;
        bool isPointwise = IsPointwise(window, input);
        _window = isPointwise ? Window.Pointwise(1, input.Area) : window;
        (_inputHeight, _inputWidth) = isPointwise ? (1, input.Area) : (input.Height, input.Width);
        _rows = DivideUp(_window.OutputHeight, grid.Rows);
        _columns = DivideUp(_window.OutputWidth, grid.Columns);
        int stepY = _window.StrideY * grid.Rows, stepX = _window.StrideX * grid.Columns;
        int[] rows = Needed(grid.Rows, _window.StrideY, _window.KernelHeight, _window.DilationY);
        int[] columns = Needed(grid.Columns, _window.StrideX, _window.KernelWidth, _window.DilationX);
        _moveRows = grid.MovesRows ? rows[^1] / stepY : 0;
        _moveColumns = grid.MovesColumns ? columns[^1] / stepX : 0;
        _pitch = _columns + _moveColumns;
        _pitchRows = _rows + _moveRows;
        int height = rows[^1] + 1, width = columns[^1] + 1;
        CoreInput = new Shape(input.Channels, height, width);
        CoreOutput = new Shape(layer.Output.Channels, grid.Rows, grid.Columns);
        CoreWindow = _window with
        {
            PadTop = 0,
            PadLeft = 0,
            OutputHeight = grid.Rows,
            OutputWidth = grid.Columns,
        };
        int[] Lowest(int[] all, int step, bool moves) =>
            moves ? [.. all.Select(a => a % step).Distinct().Order()] : all;

        int[] sentRows = Lowest(rows, stepY, grid.MovesRows), sentColumns = Lowest(columns, stepX, grid.MovesColumns);
        _sent = [.. sentRows.SelectMany(a => sentColumns.Select(b => (a * Stretch) + b))];
        var numbers = _sent.Select((position, i) => (position, i)).ToDictionary(p => p.position, p => p.i);
        _places = new int[CoreInput.Size];
        Array.Fill(_places, -1);
        for (int channel = 0; channel < input.Channels; channel++)
        {
            foreach (int a in rows)
            {
                foreach (int b in columns)
                {
                    (int rho, int row) = grid.MovesRows ? Math.DivRem(a, stepY) : (0, a);
                    (int tau, int column) = grid.MovesColumns ? Math.DivRem(b, stepX) : (0, b);
                    int sent = (channel * _sent.Length) + numbers[(row * Stretch) + column];
                    int place = (((channel * height) + a) * width) + b;
                    if (rho == 0 && tau == 0)
                    {
                        _places[place] = sent;
                    }
                    else
                    {
                        _places[place] = (input.Channels * _sent.Length) + _derived.Count;
                        _derived.Add((sent, (rho * _pitch) + tau));
                    }
                }
            }
        }

        _isPlain = _derived.Count == 0 && _sent.Length == height * width;
    }

    /// <summary>Phases, and what of the halo is moved.</summary>
    public Grid Grid { get; }

    public override string Name => $"grid {Grid}";

    public override int Slots => SlotsOfBlock + (_moveRows * _pitch) + _moveColumns;

    public override int Sent => Input.Channels * _sent.Length;

    public override int Received => CoreOutput.Size;

    public override Shape CoreInput { get; }

    public override Shape CoreOutput { get; }

    public override Window CoreWindow { get; }

    public override IReadOnlyList<(int Sent, int Slots)> Derived => _derived;

    public override int[]? CorePlaces => _isPlain ? null : _places;

    private int SlotsOfBlock => ImagesOfBlock * _pitchRows * _pitch;

    private int Stretch => CoreInput.Width;

    /// <summary>Whether a layer looks at each position alone, so that its plane may be taken as one row.</summary>
    public static bool IsPointwise(Window window, Shape input) =>
        window == Window.Pointwise(input.Height, input.Width);

    /// <summary>Rows (or columns) of ciphertexts that some tap reads, whatever its weight, ascending.</summary>
    public static int[] Needed(int phases, int stride, int kernel, int dilation) =>
    [
        .. Enumerable.Range(0, phases)
            .SelectMany(u => Enumerable.Range(0, kernel).Select(tap => (stride * u) + (dilation * tap)))
            .Distinct().Order(),
    ];

    public override int[] CoreWeights(LinearLayer layer) => layer.Weights;

    public override void InputsOf(int ciphertext, Span<int> elements)
    {
        (int channel, int number) = Math.DivRem(ciphertext, _sent.Length);
        (int a, int b) = Math.DivRem(_sent[number], Stretch);
        elements.Fill(-1);
        int stepY = _window.StrideY * Grid.Rows, stepX = _window.StrideX * Grid.Columns;
        int slot = SlotsOfBlock - 1;
        for (int image = 0; image < ImagesOfBlock; image++)
        {
            int plane = ((image * Input.Channels) + channel) * Input.Area;
            for (int i = 0; i < _pitchRows; i++)
            {
                int y = a + (i * stepY) - _window.PadTop;
                for (int j = 0; j < _pitch; j++, slot--)
                {
                    int x = b + (j * stepX) - _window.PadLeft;
                    if ((uint)y < (uint)_inputHeight && (uint)x < (uint)_inputWidth)
                    {
                        elements[slot] = plane + (y * _inputWidth) + x;
                    }
                }
            }
        }
    }

    public override void OutputsOf(int ciphertext, Span<int> elements)
    {
        (int channel, int phase) = Math.DivRem(ciphertext, Grid.Rows * Grid.Columns);
        (int u, int v) = Math.DivRem(phase, Grid.Columns);
        elements.Fill(-1);
        for (int image = 0; image < ImagesOfBlock; image++)
        {
            int plane = ((image * Output.Channels) + channel) * Output.Area;
            for (int i = 0; i < _rows; i++)
            {
                int y = u + (i * Grid.Rows);
                int slot = SlotsOfBlock - 1 - (((image * _pitchRows) + i) * _pitch);
                for (int j = 0; j < _columns; j++, slot--)
                {
                    int x = v + (j * Grid.Columns);
                    if (y < _window.OutputHeight && x < _window.OutputWidth)
                    {
                        elements[slot] = plane + (y * _window.OutputWidth) + x;
                    }
                }
            }
        }
    }

    private static int DivideUp(int a, int b) => (a + b - 1) / b;
}

/// <summary>U × V phases of a plane.</summary>
/// <param name="Rows">U.</param>
/// <param name="Columns">V.</param>
/// <param name="MovesRows">Whether rows beyond the first s·U are made of these by moving slots.</param>
/// <param name="MovesColumns">Whether columns are.</param>
internal readonly record struct Grid(int Rows, int Columns, bool MovesRows, bool MovesColumns)
{
    public override string ToString() => $"{Rows}x{Columns}" + (MovesRows, MovesColumns) switch
    {
        (true, true) => ", halo moved",
        (true, false) => ", rows of halo moved",
        (false, true) => ", columns of halo moved",
        (false, false) => "",
    };
}

/// <summary>
/// A whole plane in each ciphertext, stride 1: the core is a sum over channels for each tap apart, and then these are
/// joined, each moved by as many slots as its tap lies away. Rows are apart by as many empty slots as a window reaches
/// out of the plane.
/// </summary>
internal sealed class PlanePacking : Packing
{
    private readonly Window _window;
    private readonly int _pitch; // J'
    private readonly int _pitchRows; // rows of an image and those between images

    public PlanePacking(Shape input, PublicLayer layer, int images)
        : base(input, layer, images)
    {
        _window = layer.Window!.Value;
        int beyondRows = _window.OutputHeight - 1 + Reach(_window.KernelHeight, _window.DilationY) - _window.PadTop
            - (input.Height - 1);
        int beyondColumns = _window.OutputWidth - 1 + Reach(_window.KernelWidth, _window.DilationX) - _window.PadLeft
            - (input.Width - 1);
        _pitch = input.Width + Math.Max(_window.PadLeft, Math.Max(0, beyondColumns));
        _pitchRows = input.Height + Math.Max(_window.PadTop, Math.Max(0, beyondRows));
        CoreInput = new Shape(input.Channels, 1, 1);
        CoreOutput = new Shape(layer.Output.Channels * _window.Taps, 1, 1);
        CoreWindow = Window.Pointwise(1, 1);
    }

    public override string Name => "whole planes";

    public override int Slots => SlotsOfPlanes + JoinedSlots;

    public override int Sent => Input.Channels;

    public override int Received => Output.Channels;

    public override Shape CoreInput { get; }

    public override Shape CoreOutput { get; }

    public override Window CoreWindow { get; }

    public override int JoinedSlots => MoveOf(_window.Taps - 1);

    private int SlotsOfPlanes =>
        ((ImagesOfBlock - 1) * _pitchRows * _pitch) + ((Input.Height - 1) * _pitch) + Input.Width;

    /// <summary>
    /// Whether a layer can be computed so: windows move by one and reach out of the plane no further than they are
    /// wide, on either side.
    /// </summary>
    public static bool Suits(Window window, Shape input) => window is { StrideY: 1, StrideX: 1, Taps: > 1 }
        && window.PadTop <= Reach(window.KernelHeight, window.DilationY)
        && window.PadLeft <= Reach(window.KernelWidth, window.DilationX)
        && window.OutputHeight - window.PadTop <= input.Height
        && window.OutputWidth - window.PadLeft <= input.Width;

    public override int[] CoreWeights(LinearLayer layer)
    {
        int taps = _window.Taps, channels = layer.WeightsPerOutput / taps;
        var weights = new int[layer.Weights.Length];
        for (int output = 0; output < Output.Channels; output++)
        {
            for (int channel = 0; channel < channels; channel++)
            {
                for (int tap = 0; tap < taps; tap++)
                {
                    weights[(((output * taps) + tap) * channels) + channel] =
                        layer.Weights[(((output * channels) + channel) * taps) + tap];
                }
            }
        }

        return weights;
    }

    public override IEnumerable<(int Output, int Slots)> Joined(int ciphertext) => Enumerable.Range(0, _window.Taps)
        .Select(tap => ((ciphertext * _window.Taps) + tap, MoveOf(tap)));

    public override void InputsOf(int ciphertext, Span<int> elements)
    {
        elements.Fill(-1);
        for (int image = 0; image < ImagesOfBlock; image++)
        {
            int plane = ((image * Input.Channels) + ciphertext) * Input.Area;
            for (int y = 0; y < Input.Height; y++)
            {
                int slot = SlotsOfPlanes - 1 - (((image * _pitchRows) + y) * _pitch);
                for (int x = 0; x < Input.Width; x++, slot--)
                {
                    elements[slot] = plane + (y * Input.Width) + x;
                }
            }
        }
    }

    public override void OutputsOf(int ciphertext, Span<int> elements)
    {
        elements.Fill(-1);
        for (int image = 0; image < ImagesOfBlock; image++)
        {
            int plane = ((image * Output.Channels) + ciphertext) * Output.Area;
            for (int y = 0; y < Output.Height; y++)
            {
                int row = (((image * _pitchRows) + y - _window.PadTop) * _pitch) - _window.PadLeft;
                for (int x = 0; x < Output.Width; x++)
                {
                    elements[SlotsOfPlanes - 1 - (row + x)] = plane + (y * Output.Width) + x;
                }
            }
        }
    }

    private static int Reach(int kernel, int dilation) => (kernel - 1) * dilation;

    private int MoveOf(int tap) => (_window.DilationY * (tap / _window.KernelWidth) * _pitch)
        + (_window.DilationX * (tap % _window.KernelWidth));
}

/// <summary>
/// A layer with a single output position: J inputs in each ciphertext, one after the other, and the core is a sum for
/// each of the J places apart. These are joined so that all that an output is a sum of meets in one slot, the J-th.
/// With one input a ciphertext, instead several outputs are joined in one.
/// </summary>
internal sealed class DensePacking : Packing
{
    private readonly int[] _inputs; // elements of an image that the window sees
    private readonly int[] _weights; // and where in an output's weights theirs stand
    private readonly int _span; // J
    private readonly int _joined; // outputs joined in one ciphertext; 1 where J is more

    /// <param name="input">Shape of what the layer reads.</param>
    /// <param name="layer">The layer, of one output position and one group.</param>
    /// <param name="images">See <see cref="Packing.ImagesOfBlock"/>.</param>
    /// <param name="span">J.</param>
    /// <param name="joined">Outputs in a ciphertext; 1 where J is more.</param>
    public DensePacking(Shape input, PublicLayer layer, int images, int span, int joined)
        : base(input, layer, images)
    {
        _span = span;
        _joined = joined;
        Window window = layer.Window!.Value;
        (int Element, int Weight)[] seen = [.. Enumerable.Range(0, input.Channels).SelectMany(channel =>
            Enumerable.Range(0, window.Taps)
                .Select(tap => (Position: window.Position(0, tap, input), Tap: tap))
                .Where(at => at.Position >= 0)
                .Select(at => ((channel * input.Area) + at.Position, (channel * window.Taps) + at.Tap)))];
        _inputs = [.. seen.Select(at => at.Element)];
        _weights = [.. seen.Select(at => at.Weight)];
        CoreInput = new Shape((_inputs.Length + span - 1) / span, 1, 1);
        CoreOutput = new Shape(layer.Output.Channels * span, 1, 1);
        CoreWindow = Window.Pointwise(1, 1);
    }

    public override string Name => _span > 1
        ? $"{_span} inputs a ciphertext"
        : $"{_joined} output{(_joined == 1 ? "" : "s")} a ciphertext";

    public override int Slots => ImagesOfBlock * SlotsOfImage * _joined;

    public override int Sent => CoreInput.Channels;

    public override int Received => (Output.Channels + _joined - 1) / _joined;

    public override Shape CoreInput { get; }

    public override Shape CoreOutput { get; }

    public override Window CoreWindow { get; }

    public override int JoinedSlots => _span > 1 ? _span - 1 : (_joined - 1) * ImagesOfBlock;

    private int SlotsOfImage => (2 * _span) - 1;

    /// <summary>Elements of an image that such a layer sees.</summary>
    public static int InputsOf(Window window, Shape input) => input.Channels
        * Enumerable.Range(0, window.Taps).Count(tap => window.Position(0, tap, input) >= 0);

    public override int[] CoreWeights(LinearLayer layer)
    {
        int each = layer.WeightsPerOutput;
        var weights = new int[CoreOutput.Channels * CoreInput.Channels];
        for (int output = 0; output < Output.Channels; output++)
        {
            for (int i = 0; i < _inputs.Length; i++)
            {
                (int ciphertext, int place) = Math.DivRem(i, _span);
                weights[(((output * _span) + place) * CoreInput.Channels) + ciphertext] =
                    layer.Weights[(output * each) + _weights[i]];
            }
        }

        return weights;
    }

    public override IEnumerable<(int Output, int Slots)>? Joined(int ciphertext)
    {
        if (_span > 1)
        {
            return Enumerable.Range(0, _span).Select(place => ((ciphertext * _span) + place, _span - 1 - place));
        }

        int first = ciphertext * _joined;
        return _joined == 1
            ? null
            : Enumerable.Range(0, Math.Min(_joined, Output.Channels - first))
                .Select(i => (first + i, i * ImagesOfBlock));
    }

    public override void InputsOf(int ciphertext, Span<int> elements)
    {
        elements.Fill(-1);
        for (int image = 0; image < ImagesOfBlock; image++)
        {
            for (int place = 0; place < _span && (ciphertext * _span) + place < _inputs.Length; place++)
            {
                elements[(image * SlotsOfImage) + place] =
                    (image * Input.Size) + _inputs[(ciphertext * _span) + place];
            }
        }
    }

    public override void OutputsOf(int ciphertext, Span<int> elements)
    {
        elements.Fill(-1);
        int first = ciphertext * _joined;
        for (int i = 0; i < _joined && first + i < Output.Channels; i++)
        {
            for (int image = 0; image < ImagesOfBlock; image++)
            {
                elements[(((i * ImagesOfBlock) + image) * SlotsOfImage) + _span - 1] =
                    (image * Output.Channels) + first + i;
            }
        }
    }
}
