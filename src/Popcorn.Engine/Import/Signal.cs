using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>A value that depends on the input, as ONNX sees it: sides over the elements of a node.</summary>
/// <param name="Node">The node that computes it.</param>
/// <param name="Layout">How its sides run over the node's elements.</param>
/// <param name="Batch">The batch that the file was written for; 1 where it is open.</param>
internal sealed record Signal(FloatNode Node, Layout Layout, int Batch) : GraphValue
{
    /// <summary>Its type in the file; of a comparison's result bool, with 1 for true.</summary>
    public ElementType Type { get; init; } = ElementType.Float;

    /// <summary>Whether a Softmax was dropped before it, so that nothing may compute with it.</summary>
    public bool IsProbability { get; init; }

    /// <summary>Whether the file leaves the batch open.</summary>
    public bool HasOpenBatch { get; init; }

    /// <summary>ONNX sides, the batch in front unless the network removed it.</summary>
    public int[] Dims => Layout.Dims;

    public bool IsCondition => Type == ElementType.Bool;

    private static Role[] NaturalOrder { get; } = [Role.Batch, Role.Channel, Role.Row, Role.Column];

    /// <summary>The network's input.</summary>
    /// <param name="info">What the file says of it.</param>
    /// <param name="order">How its elements lie; null: in the order of its sides.</param>
    public static Signal Input(ValueInfoProto info, ElementOrder? order)
    {
        TensorShapeProto? shape = info.Type?.TensorType?.Shape;
        if (shape is null || shape.Dim.Count is < 2 or > 4)
        {
            throw new NodeException(
                "its shape is missing or is none of N×C×H×W, N×C×L and N×features; export the network with a sample "
                + "image");
        }

        long batch = Math.Max(shape.Dim[0].DimValue, 1);
        long[] sides = [.. shape.Dim.Skip(1).Select(d => d.DimValue)];
        if (batch > Shape.MaxSize || sides.Any(s => s is < 1 or > Shape.MaxSize))
        {
            throw new NodeException(
                "a side other than the batch is open or too large; export it with a fixed image size");
        }

        Shape image = sides switch
        {
            [long features] => new Shape((int)features, 1, 1),
            [long height, long width] => new Shape(1, (int)height, (int)width),
            _ => new Shape((int)sides[0], (int)sides[1], (int)sides[2]),
        };
        if (!image.IsValid || batch * image.Size > int.MaxValue)
        {
            throw new NodeException($"its shape {image} is too large");
        }

        Layout layout = Layout.Of([(int)batch, .. sides.Select(s => (int)s)]);
        return new Signal(
            new FloatInput(info.Name, order?.Shape ?? image), order is null ? layout : layout.Moved(order.Layout),
            (int)batch)
        {
            Type = ElementTypes.Of(info.Type!.TensorType.ElemType),
            HasOpenBatch = shape.Dim[0].DimValue < 1,
        };
    }

    /// <summary>The role of each side.</summary>
    public Role[] Roles => Layout.RolesOver(Batch, Node.Shape) ?? throw new NodeException(
        $"it reads {Dimensions.Describe(Dims)}, which runs across {Node.Shape} in an order that cannot be imported");

    /// <summary>
    /// The same, with sides of 1 given the roles that are missing: a plane may have one row, or one channel.
    /// </summary>
    public Role[] FullRoles
    {
        get
        {
            Role[] roles = Roles;
            Role[] usual = roles.Length == 3
                ? [Role.Batch, Role.Channel, Role.Column, Role.Row]
                : [Role.Batch, Role.Channel, Role.Row, Role.Column];
            Shape shape = Node.Shape;
            bool[] isMissing = [Batch == 1, shape.Channels == 1, shape.Height == 1, shape.Width == 1];
            // A plane or all features in one side leave no row and column, nor channel, of their own.
            var missing = new Queue<Role>(usual.Where(role => isMissing[Array.IndexOf(NaturalOrder, role)]
                && !(role != Role.Batch && roles.Contains(Role.Features))
                && !(role is Role.Row or Role.Column && roles.Contains(Role.Plane))));
            for (int i = 0; i < roles.Length; i++)
            {
                roles[i] = roles[i] == Role.One && missing.TryDequeue(out Role role) ? role : roles[i];
            }

            return roles;
        }
    }

    /// <summary>A new value whose sides have the roles given.</summary>
    public Signal With(FloatNode node, params IEnumerable<Role> roles) =>
        this with { Node = node, Layout = Layout.Of(roles, Batch, node.Shape) };

    /// <summary>A new value laid out as its node's shape says: N×C×H×W, or N×C×L for one that is N×C×L.</summary>
    public Signal Plane(FloatNode node) => Dims.Length == 3
        ? With(node, Role.Batch, Role.Channel, Role.Column)
        : With(node, Role.Batch, Role.Channel, Role.Row, Role.Column);

    /// <summary>A new value with the same sides.</summary>
    public Signal Same(FloatNode node) => this with { Node = node };

    /// <summary>scale·x + shift with the same numbers for all elements.</summary>
    public Signal Scaled(string name, double scale, double shift) =>
        Same(FloatAffine.Uniform(name, Node, scale, shift));

    /// <summary>The same elements with other sides.</summary>
    public Signal Reshaped(Func<int[], int[]> newDims)
    {
        int[] dims = newDims(Dims);
        if (dims.Length > Constant.MostSides)
        {
            throw new NodeException($"its new shape has {dims.Length} sides, more than {Constant.MostSides}");
        }

        if (Dimensions.Count(dims) != (long)Batch * Node.Shape.Size)
        {
            throw NodeException.Reshaping(Dims, dims);
        }

        return this with
        {
            Layout = Layout.Reshaped(dims) ?? throw new NodeException(
                $"it reshapes {Dimensions.Describe(Dims)} to {Dimensions.Describe(dims)} after a transposition, in an "
                + "order that cannot be imported"),
        };
    }

    /// <summary>Refuses anything that is not N×C×H×W or N×C×L over the elements as they lie.</summary>
    /// <exception cref="ElementOrderException">The input must lie in another order for it.</exception>
    public Signal RequirePlane()
    {
        Shape? plane = Dims switch
        {
            [_, int channels, int length] => new Shape(channels, 1, length),
            [_, int channels, int height, int width] => new Shape(channels, height, width),
            _ => null,
        };
        if (plane is not { IsValid: true } shape || Dims[0] != Batch)
        {
            throw new NodeException(
                $"it needs N×C×H×W or N×C×L and reads {Dimensions.Describe(Dims)}; only one- and two-dimensional "
                + "images can be imported");
        }

        if (Node.Shape == shape && Layout.IsSameAs(Layout.Of(Dims)))
        {
            return this;
        }

        // An input that comes in with channels last, or flat, is described as the plane that it becomes.
        if (FloatGraph.InOrder(Node).All(n => n is FloatInput || n.IsElementwise))
        {
            throw new ElementOrderException(new ElementOrder(shape, Layout));
        }

        throw new NodeException(
            $"it needs N×C×H×W and reads {Dimensions.Describe(Dims)}, reshaped or transposed from {Node.Shape}; only "
            + "images and a flattening before fully connected layers can be imported");
    }

    /// <summary>Whether the elements of an image lie in the order of the sides.</summary>
    public bool IsInOrder => Elements().SequenceEqual(Enumerable.Range(0, Node.Shape.Size));

    /// <summary>Where the elements of an image lie, in the order of the sides.</summary>
    public int[] Elements() => Batch == 1 || Roles[0] == Role.Batch
        ? Layout.Offsets()[..Node.Shape.Size]
        : throw new NodeException($"it reads {Dimensions.Describe(Dims)}, whose first side is not the batch");
}

/// <summary>An order of the input's elements other than that of its sides.</summary>
/// <param name="Shape">The plane that they form.</param>
/// <param name="Layout">The plane's sides over the elements in the order of the input's sides.</param>
internal sealed record ElementOrder(Shape Shape, Layout Layout);

/// <summary>Thrown where the input turns out to need another order: the graph is read once more with it.</summary>
internal sealed class ElementOrderException(ElementOrder order) : Exception
{
    public ElementOrder Order => order;
}
