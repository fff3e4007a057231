using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// A value that depends on the input, as ONNX sees it: sides with the batch in front. Reshaping changes the sides only;
/// the elements stay where they are.
/// </summary>
/// <param name="Node">The node that computes it.</param>
/// <param name="Dims">ONNX sides.</param>
/// <param name="Batch">The batch that the file was written for; 1 where it is open.</param>
/// <param name="IsProbability">Whether a Softmax was dropped before it, so that nothing may compute with it.</param>
/// <param name="IsCondition">Whether it is a comparison's result, 1 for true, which only a selection may read.</param>
internal sealed record Signal(
    FloatNode Node, int[] Dims, int Batch, bool IsProbability = false, bool IsCondition = false)
    : GraphValue
{
    public static Signal Input(ValueInfoProto info)
    {
        TensorShapeProto? shape = info.Type?.TensorType?.Shape;
        if (shape is null || shape.Dim.Count is < 2 or > 4)
        {
            throw new NodeException(
                "its shape is missing or is neither N×C×H×W nor N×features; export the network with a sample image");
        }

        long batch = Math.Max(shape.Dim[0].DimValue, 1);
        long[] sides = [.. shape.Dim.Skip(1).Select(d => d.DimValue)];
        if (batch > Shape.MaxSize || sides.Any(s => s is < 1 or > Shape.MaxSize))
        {
            throw new NodeException(
                "a side other than the batch is open or too large; export it with a fixed image size");
        }

        int[] dims = [(int)batch, .. sides.Select(s => (int)s)];
        Shape image = sides switch
        {
            [long features] => new Shape((int)features, 1, 1),
            [long height, long width] => new Shape(1, (int)height, (int)width),
            _ => new Shape((int)sides[0], (int)sides[1], (int)sides[2]),
        };
        return image.IsValid
            ? new Signal(new FloatInput(info.Name, image), dims, (int)batch)
            : throw new NodeException($"its shape {image} is too large");
    }

    /// <summary>A new value laid out as its node's shape says: N×C×H×W.</summary>
    public Signal Plane(FloatNode node) =>
        new(node, [Batch, node.Shape.Channels, node.Shape.Height, node.Shape.Width], Batch);

    /// <summary>A new value of N×channels.</summary>
    public Signal Vector(FloatNode node) => new(node, [Batch, node.Shape.Channels], Batch);

    /// <summary>A new value with the same sides.</summary>
    public Signal Same(FloatNode node) => this with { Node = node };

    /// <summary>scale·x + shift with the same numbers for all elements.</summary>
    public Signal Scaled(string name, double scale, double shift)
    {
        int channels = Node.Shape.Channels;
        return Same(new FloatAffine(
            name, Node, [.. Enumerable.Repeat(scale, channels)], [.. Enumerable.Repeat(shift, channels)]));
    }

    /// <summary>The same elements with other sides.</summary>
    public Signal Reshaped(Func<int[], int[]> newDims)
    {
        int[] dims = newDims(Dims);
        if (dims.Length > Constant.MostSides)
        {
            throw new NodeException($"its new shape has {dims.Length} sides, more than {Constant.MostSides}");
        }

        return Dimensions.Count(dims) == (long)Batch * Node.Shape.Size
            ? this with { Dims = dims }
            : throw NodeException.Reshaping(Dims, dims);
    }

    /// <summary>
    /// Sides in another order: of the image as it comes in, which is then described as channels first; or where only
    /// sides of 1 move, so that the elements stay where they are.
    /// </summary>
    public Signal Transposed(int[] permutation)
    {
        int[] dims = Dimensions.Permuted(Dims, permutation);
        int[] large = Array.FindAll(permutation, p => Dims[p] != 1);
        if (large.SequenceEqual(large.Order()))
        {
            return this with { Dims = dims };
        }

        if (Node is FloatInput input && permutation is [0, 3, 1, 2])
        {
            return this with
            {
                Node = new FloatInput(input.Name, new Shape(dims[1], dims[2], dims[3])),
                Dims = dims,
            };
        }

        throw new NodeException(
            "it moves elements within the network; only images that come in as N×H×W×C can be transposed. Export the "
            + "network with channels first");
    }

    /// <summary>Refuses anything that is not N×C×H×W over the elements as they lie.</summary>
    public Signal RequirePlane()
    {
        Shape shape = Node.Shape;
        if (Dims.AsSpan().SequenceEqual([Batch, shape.Channels, shape.Height, shape.Width]))
        {
            return this;
        }

        // An input that arrives flat and is reshaped at once is simply an input of the other shape.
        if (Node is FloatInput input && Dims.Length == 4 && Dims[0] == Batch)
        {
            var image = new Shape(Dims[1], Dims[2], Dims[3]);
            return this with { Node = new FloatInput(input.Name, image) };
        }

        throw new NodeException(
            $"it needs N×C×H×W and reads {Dimensions.Describe(Dims)}, reshaped from {shape}; only two-dimensional "
            + "images and a flattening before fully connected layers can be imported");
    }

    /// <summary>Refuses anything that is not N×features.</summary>
    public Signal RequireVector() => Dims.Length == 2 && Dims[0] == Batch
        ? this
        : throw new NodeException($"it reads {Dimensions.Describe(Dims)} instead of N×features; flatten before it");
}
