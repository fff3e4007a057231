using Google.Protobuf;
using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Import;

/// <summary>
/// Damaged ONNX files: an error of ours, or a network; never anything else, never long, and never much more memory than
/// the file is long.
/// </summary>
public class DamagedFileTests
{
    private const string X = OnnxBuilder.Image;

    private static readonly long[] Extremes =
        [0, -1, 2, 1 << 14, int.MaxValue, 1L << 31, 1L << 32, 1L << 40, long.MaxValue, long.MinValue];

    private static byte[] Network()
    {
        var onnx = new OnnxBuilder(0, 2, 4, 4);
        string x = onnx.Node(
            "Conv", [X, onnx.Floats([4, 1, 3, 3], [.. Enumerable.Range(0, 36).Select(i => i / 36.0 - 0.5)])],
            ("group", 2), ("pads", new[] { 1, 1, 1, 1 }), ("strides", new[] { 1, 1 }), ("dilations", new[] { 1, 1 }));
        string p = onnx.Floats([4], 1, 2, 3, 4);
        x = onnx.Node("Relu", onnx.Node("BatchNormalization", [x, p, p, p, p]));
        x = onnx.Node(
            "MaxPool", x, ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }), ("ceil_mode", 1));
        string y = onnx.Node("Pad", [x, onnx.Integers(0, 0, 1, 1, 0, 0, 1, 1)]);
        y = onnx.Node("AveragePool", y, ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 1, 1 }));
        x = onnx.Node("Concat", [x, y], ("axis", 1));
        x = onnx.Node("Reshape", [x, onnx.Integers(0, -1)]);
        x = onnx.Node(
            "Gemm", [x, onnx.Floats([3, 32], [.. Enumerable.Range(0, 96).Select(i => i % 7 - 3.0)])], ("transB", 1));
        return onnx.Build(x);
    }

    [Fact]
    public void Every_number_of_a_file_may_lie()
    {
        byte[] file = Network();
        OnnxImporter.Import(file);
        int numbers = Numbers(ModelProto.Parser.ParseFrom(file)).Count;
        Assert.InRange(numbers, 30, 200);
        for (int i = 0; i < numbers; i++)
        {
            foreach (long extreme in Extremes)
            {
                ModelProto model = ModelProto.Parser.ParseFrom(file);
                Numbers(model)[i](extreme);
                ImportQuietly(model.ToByteArray());
            }
        }
    }

    [Theory]
    [InlineData("Concat", "too large")]
    [InlineData("Add", "too large")]
    [InlineData("Transpose", "grow beyond")]
    public void Constants_that_grow_are_refused_before_they_take_memory(string growth, string says)
    {
        var onnx = new OnnxBuilder(0, 1, 2, 2);
        string c = growth == "Transpose" ? onnx.Floats([1 << 10, 1 << 10], new double[1 << 20]) : onnx.Floats([1], 1);
        for (int i = 0; i < 40; i++)
        {
            c = growth switch
            {
                "Concat" => onnx.Node("Concat", [c, c], ("axis", 0)),
                "Add" => onnx.Node("Add", [onnx.Floats([1 << 12, 1], new double[1 << 12]), Row()]),
                _ => onnx.Node("Transpose", c),
            };
        }

        string Row() => onnx.Floats([1 << 12], new double[1 << 12]);

        byte[] file = onnx.Build(onnx.Node("Add", [onnx.Node("Relu", X), c]));
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Assert.Throws<PopcornException>(() => OnnxImporter.Import(file)).Message;
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2L << 30);
    }

    [Fact]
    public void Every_byte_of_a_file_may_be_wrong()
    {
        byte[] file = Network();
        for (int i = 0; i < file.Length; i++)
        {
            byte[] values = [0xff, (byte)(file[i] ^ 1), 0x00, 0x7f, 0x80];
            foreach (byte value in SharedData.SlowTests ? values : [values[i % values.Length]])
            {
                byte[] damaged = [.. file];
                damaged[i] = value;
                ImportQuietly(damaged);
            }

            ImportQuietly(file[..i]);
        }
    }

    [SharedTheory]
    [InlineData("mnist-a-secureml")]
    [InlineData("mnist-b-cryptonets")]
    public void Real_files_may_be_damaged(string name)
    {
        byte[] file = File.ReadAllBytes(SharedData.PathOf($"models/{name}.onnx"));
        var random = new Random(name.Length);
        for (int run = 0; run < 40; run++)
        {
            byte[] damaged = [.. file];
            for (int changes = random.Next(1, 100); changes > 0; changes--)
            {
                // Half of them at the end or the beginning, where the structure is.
                int at = random.Next(2) == 0 ? random.Next(file.Length)
                    : random.Next(2) == 0 ? random.Next(1000) : file.Length - 1 - random.Next(1000);
                damaged[at] ^= (byte)(1 << random.Next(8));
            }

            ImportQuietly(damaged);
            ImportQuietly(file[..random.Next(file.Length)]);
        }
    }

    /// <summary>Ways to change each number that says how large something is.</summary>
    private static List<Action<long>> Numbers(ModelProto model)
    {
        var result = new List<Action<long>>();
        foreach (TensorProto tensor in model.Graph.Initializer)
        {
            AddAll(result, tensor.Dims);
            if (tensor.Int64Data.Count > 0)
            {
                AddAll(result, tensor.Int64Data);
            }

            result.Add(value => tensor.DataType = (int)value);
        }

        foreach (AttributeProto attribute in model.Graph.Node.SelectMany(node => node.Attribute))
        {
            AddAll(result, attribute.Ints);
            if (attribute.Ints.Count == 0)
            {
                result.Add(value => attribute.I = value);
            }
        }

        foreach (var dimension in model.Graph.Input[0].Type.TensorType.Shape.Dim)
        {
            result.Add(value => dimension.DimValue = value);
        }

        return result;
    }

    private static void AddAll(List<Action<long>> result, IList<long> numbers)
    {
        for (int i = 0; i < numbers.Count; i++)
        {
            int index = i;
            result.Add(value => numbers[index] = value);
        }
    }

    private static void ImportQuietly(byte[] file)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        TimeSpan start = ThreadClock.Now;
        try
        {
            OnnxImporter.Import(file);
        }
        catch (PopcornException)
        {
            // As it should be.
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (64 << 20) + 300L * file.Length);
        Assert.InRange((ThreadClock.Now - start).TotalSeconds, 0, 20);
    }
}
