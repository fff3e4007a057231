using System.Buffers.Binary;
using System.Net;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A folder of its own for each test, and what tests put there.</summary>
public sealed class TestFiles : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("popcorn-test-");

    /// <summary>A folder of the repository's samples.</summary>
    public static string Sample(string name) => Path.Combine(AppContext.BaseDirectory, "samples", name);

    /// <summary>The digits of the samples.</summary>
    public static Image[] Digits() =>
    [
        .. File.ReadAllBytes(Sample("mnist-100-images.idx3-ubyte"))[16..].Chunk(28 * 28)
            .Select(pixels => Image.FromPixels(pixels, 1, 28, 28)),
    ];

    /// <summary>What a model's file says of images, in the clear.</summary>
    public static BigInteger[][] LogitsOf(string path, IEnumerable<Image> images)
    {
        using FileStream file = File.OpenRead(path);
        IntegerNetwork network = ModelFile.Load(file);
        var evaluator = new PlainEvaluator(network);
        return [.. images.Select(image => evaluator.Run(image.For(network.Input)))];
    }

    /// <summary>Path of a file in the folder.</summary>
    public string this[string name] => Path.Combine(_folder.FullName, name);

    /// <summary>
    /// A network small enough to be evaluated obliviously in no time: 6×6 pixels, a convolution, ReLU, three logits.
    /// </summary>
    public static IntegerNetwork TinyNetwork(int seed = 1)
    {
        var random = new Random(seed);
        int[] Weights(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(-7, 8))];
        BigInteger[] Biases(int count) => [.. Enumerable.Range(0, count).Select(_ => (BigInteger)random.Next(-99, 99))];
        Shape image = new(1, 6, 6);
        Shape features = new(2, 4, 4);
        return new IntegerNetwork(
            new InputDescription(image, 0, 255, 1 / 255.0),
            [
                new LinearLayer(
                    "conv", 0, features, new Window(3, 3, 1, 1, 1, 1, 0, 0, 4, 4), 1, Weights(2 * 9), Biases(2)),
                new ReluLayer("relu", 1, features),
                new LinearLayer("dense", 2, new Shape(3, 1, 1), Window.Whole(4, 4), 1, Weights(3 * 32), Biases(3)),
            ],
            1e-4);
    }

    /// <summary>A network that reads digits as the samples do, with so few weights that a server is ready at once.
    /// </summary>
    public static IntegerNetwork DigitsNetwork()
    {
        var random = new Random(1);
        int[] Weights(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(-7, 8))];
        Shape features = new(4, 6, 6);
        return new IntegerNetwork(
            new InputDescription(new Shape(1, 28, 28), 0, 255, 1 / 255.0),
            [
                new LinearLayer(
                    "conv", 0, features, new Window(5, 5, 4, 4, 1, 1, 0, 0, 6, 6), 1, Weights(4 * 25),
                    new BigInteger[4]),
                new ReluLayer("relu", 1, features),
                new LinearLayer(
                    "dense", 2, new Shape(10, 1, 1), Window.Whole(6, 6), 1, Weights(10 * 144), new BigInteger[10]),
            ],
            1e-4);
    }

    /// <summary>Writes a model file.</summary>
    public string Model(string name, IntegerNetwork? network = null)
    {
        using FileStream file = File.Create(this[name]);
        ModelFile.Save(network ?? TinyNetwork(), file);
        return this[name];
    }

    /// <summary>Writes an ONNX network of 1×6×6 inputs: Flatten, any operator, Gemm to three logits.</summary>
    public string Onnx(string name, string operation)
    {
        byte[] Value(string tensor, params ulong[] shape) =>
        [
            .. Proto.Text(1, tensor),
            .. Proto.Bytes(2, Proto.Bytes(1, [
                .. Proto.Number(1, 1),
                .. Proto.Bytes(2, [.. shape.SelectMany(side => Proto.Bytes(1, Proto.Number(1, side)))]),
            ])),
        ];
        byte[] Node(string node, string type, string output, params string[] inputs) =>
        [
            .. inputs.SelectMany(input => Proto.Text(1, input)),
            .. Proto.Text(2, output),
            .. Proto.Text(3, node),
            .. Proto.Text(4, type),
        ];
        float[] weights = [.. Enumerable.Range(0, 36 * 3).Select(i => ((i * 37 % 101) - 50) / 50f)];
        byte[] weightTensor =
        [
            .. Proto.Number(1, 36),
            .. Proto.Number(1, 3),
            .. Proto.Number(2, 1),
            .. Proto.Text(8, "weights"),
            .. Proto.Bytes(9, MemoryMarshal.AsBytes<float>(weights).ToArray()),
        ];
        byte[] graph =
        [
            .. Proto.Bytes(1, Node("flatten1", "Flatten", "flat", "image")),
            .. Proto.Bytes(1, Node("middle", operation, "active", "flat")),
            .. Proto.Bytes(1, Node("classes", "Gemm", "logits", "active", "weights")),
            .. Proto.Text(2, "test"),
            .. Proto.Bytes(5, weightTensor),
            .. Proto.Bytes(11, Value("image", 1, 1, 6, 6)),
            .. Proto.Bytes(12, Value("logits", 1, 3)),
        ];
        return Bytes(
            name, [.. Proto.Number(1, 7), .. Proto.Bytes(7, graph), .. Proto.Bytes(8, Proto.Number(2, 12))]);
    }

    /// <summary>Writes random images, and labels beside them if wanted, in MNIST's format.</summary>
    public string Images(int count, int side = 6, bool labels = true)
    {
        var random = new Random(count);
        var images = new byte[16 + count * side * side];
        random.NextBytes(images);
        WriteSides(images, 3, count, side, side);
        File.WriteAllBytes(this["test-images-idx3-ubyte"], images);
        if (labels)
        {
            var classes = new byte[8 + count];
            for (int i = 0; i < count; i++)
            {
                classes[8 + i] = (byte)random.Next(3);
            }

            WriteSides(classes, 1, count);
            File.WriteAllBytes(this["test-labels-idx1-ubyte"], classes);
        }

        return this["test-images-idx3-ubyte"];
    }

    /// <summary>Writes a certificate for this machine by which it is trusted too, and its key.</summary>
    public (string Certificate, string Key) Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 certificate =
            request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(this["certificate.pem"], certificate.ExportCertificatePem());
        File.WriteAllText(this["key.pem"], key.ExportPkcs8PrivateKeyPem());
        return (this["certificate.pem"], this["key.pem"]);
    }

    /// <summary>Writes any bytes.</summary>
    public string Bytes(string name, params byte[] bytes)
    {
        File.WriteAllBytes(this[name], bytes);
        return this[name];
    }

    /// <inheritdoc/>
    public void Dispose() => _folder.Delete(recursive: true);

    private static void WriteSides(Span<byte> file, byte dimensions, params ReadOnlySpan<int> sides)
    {
        file[0] = file[1] = 0;
        file[2] = 8;
        file[3] = dimensions;
        for (int i = 0; i < sides.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(file[(4 + 4 * i)..], sides[i]);
        }
    }
}
