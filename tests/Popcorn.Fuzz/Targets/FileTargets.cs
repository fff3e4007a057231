using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using Popcorn.Cli.Data;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Import;

namespace Popcorn.Fuzz.Targets;

/// <summary>A model file.</summary>
internal sealed class ModelFileTarget : FuzzTarget
{
    public override string Name => "model";

    public override int InputsOfTest => 20_000;

    public override IEnumerable<byte[]> Seeds() => FuzzNetworks.All.Select(network =>
    {
        using var stream = new MemoryStream();
        ModelFile.Save(network, stream);
        return stream.ToArray();
    }).Concat(Corpus());

    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        // Behind checksums and compression: each part is changed by itself.
        if (random.Next(4) == 0 || PartsOf(input) is not (byte[] description, byte[] secret))
        {
            return base.Mutate(input, other, random);
        }

        byte[] donor = PartsOf(other)?.Secret ?? [];
        return random.Next(3) == 0
            ? ModelFile.Assemble(Mutations.Message(description, [], random), secret)
            : ModelFile.Assemble(description, Mutations.Bytes(secret, donor, [], random));
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        IntegerNetwork network = ModelFile.Load(new MemoryStream(input.ToArray()));
        PublicNetwork.From(network);
    }

    private static (byte[] Description, byte[] Secret)? PartsOf(byte[] file)
    {
        int position = "POPCORN".Length + 1;
        if (file.Length < position || !Section.TryTake(file, ref position, out ReadOnlySpan<byte> description)
            || !Section.TryTake(file, ref position, out ReadOnlySpan<byte> secret))
        {
            return null;
        }

        try
        {
            return (description.ToArray(), Section.Expand(secret));
        }
        catch (Popcorn.Engine.PopcornException)
        {
            return null;
        }
    }
}

/// <summary>An ONNX file.</summary>
internal sealed class OnnxTarget : FuzzTarget
{
    private const string X = OnnxBuilder.Image;

    public override string Name => "onnx";

    public override long MostMemory => 200 << 20;

    public override int InputsOfTest => 12_000;

    public override IEnumerable<byte[]> Seeds() => [Plain(), Branched(), Signs(), Shapes(), .. Corpus()];

    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        byte[] result = input;
        for (int changes = 1 << random.Next(3); changes > 0; changes--)
        {
            result = Mutations.Message(result, other, random);
        }

        return result;
    }

    public override void Run(ReadOnlySpan<byte> input) => OnnxImporter.Import(input.ToArray());

    private static double[] Weights(int count) => [.. Enumerable.Range(0, count).Select(i => i % 7 / 3.0 - 1)];

    private static byte[] Plain()
    {
        var onnx = new OnnxBuilder(0, 2, 8, 8);
        string x = onnx.Node(
            "Conv", [X, onnx.Floats([4, 1, 3, 3], Weights(36))],
            ("group", 2), ("pads", new[] { 1, 1, 1, 1 }), ("strides", new[] { 1, 1 }));
        string p = onnx.Floats([4], 1, 2, 3, 4);
        x = onnx.Node("Relu", onnx.Node("BatchNormalization", [x, p, p, p, p]));
        x = onnx.Node("MaxPool", x, ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }), ("ceil_mode", 1));
        x = onnx.Node("Flatten", x, ("axis", 1));
        return onnx.Build(onnx.Node("Gemm", [x, onnx.Floats([3, 64], Weights(192))], ("transB", 1)));
    }

    private static byte[] Branched()
    {
        var onnx = new OnnxBuilder(0, 2, 8, 8);
        string y = onnx.Node("Pad", [X, onnx.Integers(0, 0, 1, 1, 0, 0, 1, 1)]);
        y = onnx.Node("AveragePool", y, ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 1, 1 }));
        string x = onnx.Node("Concat", [onnx.Node("Add", [X, y]), onnx.Clip(y, 0, 6)], ("axis", 1));
        x = onnx.Node("GlobalAveragePool", x);
        x = onnx.Node("Reshape", [x, onnx.Integers(0, -1)]);
        return onnx.Build(onnx.Node("MatMul", [x, onnx.Floats([4, 3], Weights(12))]));
    }

    private static byte[] Signs()
    {
        var onnx = new OnnxBuilder(0, 1, 5, 5);
        string x = onnx.Node("Conv", [X, onnx.Floats([2, 1, 3, 3], Weights(18)), onnx.Floats([2], 0.5, -0.5)]);
        x = onnx.Node("Sign", onnx.Node("Tanh", x));
        x = onnx.Node("Mul", [x, onnx.Floats([2, 1, 1], 0.5, 2)]);
        x = onnx.Node("Reshape", [x, onnx.Integers(-1, 18)]);
        return onnx.Build(onnx.Node("Gemm", [x, onnx.Floats([18, 3], Weights(54))]));
    }

    private static byte[] Shapes()
    {
        var onnx = new OnnxBuilder(1, 4, 4, 4);
        string shape = onnx.Node("Shape", X);
        string first = onnx.Node("Gather", [shape, onnx.Integers(0)], ("axis", 0));
        string to = onnx.Node("Concat", [first, onnx.Integers(-1)], ("axis", 0));
        string x = onnx.Node("Transpose", onnx.Node("Reshape", [X, to]), ("perm", new[] { 0, 1 }));
        x = onnx.Node("Squeeze", onnx.Node("Unsqueeze", x, ("axes", new[] { 2 })), ("axes", new[] { 2 }));
        return onnx.Build(onnx.Node("Gemm", [x, onnx.Floats([64, 3], Weights(192))]));
    }
}

/// <summary>A PNG, JPEG or BMP file.</summary>
internal sealed class PictureTarget : FuzzTarget
{
    public override string Name => "picture";

    /// <summary>What a picture of the largest size takes.</summary>
    public override long MostMemory => 1L << 30;

    public override int InputsOfTest => 50_000;

    public override IEnumerable<byte[]> Seeds() => CorpusFiles.Pictures().Concat(Corpus());

    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        byte[] changed = base.Mutate(input, other, random);
        return random.Next(4) == 0 || !PngFile.IsPng(changed) ? changed : WithChecksums(changed);
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        byte[] bytes = input.ToArray();
        if (PictureReader.IsPicture(bytes))
        {
            Image image = PictureReader.Read(bytes, "picture");
            if (image.Values.Length != image.Shape.Size || image.Values.AsSpan().ContainsAnyExceptInRange(0, 255))
            {
                throw new InvalidOperationException("That is no picture.");
            }
        }
    }

    /// <summary>A PNG file whose chunks have the right checksums, as far as it goes.</summary>
    private static byte[] WithChecksums(byte[] png)
    {
        const int SignatureBytes = 8, LengthBytes = 4, TypeBytes = 4;
        for (int at = SignatureBytes; at + LengthBytes + TypeBytes + sizeof(uint) <= png.Length;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(at));
            if (length > png.Length - at - LengthBytes - TypeBytes - sizeof(uint))
            {
                break;
            }

            Span<byte> body = png.AsSpan(at + LengthBytes, TypeBytes + (int)length);
            at += LengthBytes + body.Length;
            BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(at), Crc32.HashToUInt32(body));
            at += sizeof(uint);
        }

        return png;
    }
}

/// <summary>A NumPy array.</summary>
internal sealed class NpyTarget : FuzzTarget
{
    public override string Name => "npy";

    public override IReadOnlyList<byte[]> Words =>
    [
        .. new[]
        {
            "'descr': ", "'|u1'", "'<f4'", "'<f8'", "'<i8'", "'>i4'", "'fortran_order': ", "True", "False", "'shape': ",
            "(1, 28, 28)", "(2147483647, 2147483647)", "(99999999999,)", "()", "(0,)", "(1,1,1,1,1)",
        }.Select(word => System.Text.Encoding.UTF8.GetBytes(word)),
    ];

    public override IEnumerable<byte[]> Seeds() =>
    [
        Npy("|u1", "(2, 3)", 6), Npy("<f8", "(1, 2, 2)", 32), Npy("<i4", "(2, 3, 2, 2)", 96), Npy("|i1", "(5,)", 5),
        .. Corpus(),
    ];

    public override void Run(ReadOnlySpan<byte> input)
    {
        if (NpyReader.IsNpy(input))
        {
            Readers.ReadAll(NpyReader.Read(input, "array"));
        }
    }

    private static byte[] Npy(string type, string shape, int bytes)
    {
        byte[] header = System.Text.Encoding.Latin1.GetBytes(
            $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}\n");
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. header, .. new byte[bytes]];
    }
}

/// <summary>Images and labels in MNIST's format.</summary>
internal sealed class IdxTarget : FuzzTarget
{
    public override string Name => "idx";

    public override IEnumerable<byte[]> Seeds() =>
    [
        [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255],
        [0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4],
        [0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2], [0, 0, 8, 1, 0, 0, 0, 2, 7, 3], .. Corpus(),
    ];

    public override void Run(ReadOnlySpan<byte> input)
    {
        byte[] bytes = input.ToArray();
        if (bytes is [_, _, _, 1, ..])
        {
            IdxFile.ReadLabels(bytes, "labels");
        }
        else
        {
            Readers.ReadAll(new IdxImages(bytes, "images"));
        }
    }
}

/// <summary>CIFAR-10's records.</summary>
internal sealed class CifarTarget : FuzzTarget
{
    public override string Name => "cifar";

    public override IEnumerable<byte[]> Seeds() =>
        [new byte[3073], [.. new byte[3073], 9, .. new byte[3072]], .. Corpus()];

    public override void Run(ReadOnlySpan<byte> input)
    {
        if (!CifarImages.IsCifar(input))
        {
            throw new Popcorn.Engine.PopcornException("Not CIFAR.");
        }

        Readers.ReadAll(new CifarImages(input.ToArray()));
    }
}

/// <summary>A file of images of any kind, gzipped or not, and its labels.</summary>
internal sealed class ImageFileTarget : FuzzTarget
{
    private static readonly string Path =
        System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"popcorn-fuzz-{Environment.ProcessId}");

    public override string Name => "image-file";

    public override long MostMemory => 1L << 30;

    public override int InputsOfTest => 1_500;

    public override IEnumerable<byte[]> Seeds() =>
        new NpyTarget().Seeds().Concat(new IdxTarget().Seeds()).SelectMany(bytes => (byte[][])[bytes, Gzip(bytes)])
            .Concat(Corpus());

    public override byte[] Mutate(byte[] input, byte[] other, Random random)
    {
        byte[] changed = base.Mutate(input, other, random);
        return random.Next(4) == 0 ? Gzip(changed) : changed;
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        try
        {
            File.WriteAllBytes(Path, input);
            Readers.ReadAll(ImageSources.Open(Path, input is [.., 1] ? Path : null));
        }
        finally
        {
            File.Delete(Path);
        }
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return stream.ToArray();
    }
}

/// <summary>The list of a folder's pictures and their classes.</summary>
internal sealed class PictureListTarget : FuzzTarget
{
    private static readonly Lazy<string> Folder = new(() =>
    {
        // A pixel; removed with the process.
        string folder = Directory.CreateTempSubdirectory("popcorn-fuzz-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        File.WriteAllBytes(
            System.IO.Path.Combine(folder, "a.bmp"),
            [.. "BM"u8, 0, 0, 0, 0, 0, 0, 0, 0, 26, 0, 0, 0, 12, 0, 0, 0, 1, 0, 1, 0, 1, 0, 24, 0, 1, 2, 3, 0]);
        return folder;
    });

    public override string Name => "picture-list";

    public override int InputsOfTest => 2_000;

    public override IReadOnlyList<byte[]> Words =>
        [.. new[] { "file,label", "a.bmp", ",", "\n", "\r\n", "../", "/", "\0", "\ufeff", "2147483648", "-1" }
            .Select(word => System.Text.Encoding.UTF8.GetBytes(word))];

    public override IEnumerable<byte[]> Seeds() =>
        ["file,label\na.bmp,3\n"u8.ToArray(), "a.bmp,0\na.bmp,1,more\n"u8.ToArray(), .. Corpus()];

    public override void Run(ReadOnlySpan<byte> input)
    {
        string list = System.IO.Path.Combine(Folder.Value, "labels.csv");
        File.WriteAllBytes(list, input);
        Readers.ReadAll(PictureFiles.InFolder(Folder.Value, list, channels: 3));
    }
}

file static class Readers
{
    /// <summary>Every image, as far as there are not too many; each is whole.</summary>
    public static void ReadAll(IImageSource source)
    {
        for (int i = 0; i < Math.Min(source.Count, 16); i++)
        {
            source.Label(i);
            if (source.Read(i).Length != source.Shape.Size)
            {
                throw new InvalidOperationException("An image is not whole.");
            }
        }
    }
}
