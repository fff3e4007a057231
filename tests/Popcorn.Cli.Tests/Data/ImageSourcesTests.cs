using System.IO.Compression;
using System.Text;
using Popcorn.Cli.Data;
using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Tests;

namespace Popcorn.Cli.Tests.Data;

public sealed class ImageSourcesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static readonly byte[] TwoImages =
        [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255];

    private static readonly byte[] TwoLabels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 3];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Idx_with_and_without_gzip(bool gzip)
    {
        string path = _folder.Write("images", gzip ? Gzip(TwoImages) : TwoImages);
        string labels = _folder.Write("labels", gzip ? Gzip(TwoLabels) : TwoLabels);
        IImageSource images = ImageSources.Open(path, labels);
        Assert.Equal((2, new Shape(1, 2, 3)), (images.Count, images.Shape));
        Assert.Equal([7, 8, 9, 10, 11, 255], images.Read(1));
        Assert.Equal(3, images.Label(1));
        Assert.Null(ImageSources.Open(path).Label(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => images.Read(2));
    }

    [Fact]
    public void Damaged_idx_files_are_refused()
    {
        for (int length = 0; length < TwoImages.Length; length++)
        {
            AssertRefused(TwoImages[..length]);
        }

        AssertRefused([.. TwoImages, 0]);
        AssertRefused([0, 0, 8, 3, 127, 255, 255, 255, 127, 255, 255, 255, 127, 255, 255, 255]);
        AssertRefused([0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 1, 0, 0, 0, 1]);
        AssertRefused([0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
        AssertRefused(TwoLabels);
        AssertRefused(Gzip(TwoImages)[..^12]);
        AssertRefused([0x1f, 0x8b, 1, 2, 3]);
    }

    [Fact]
    public void Labels_must_fit_their_images()
    {
        string path = _folder.Write("images", TwoImages);
        string three = _folder.Write("labels", [0, 0, 8, 1, 0, 0, 0, 3, 7, 3, 1]);
        string message = Assert.Throws<PopcornException>(() => ImageSources.Open(path, three)).Message;
        Assert.Contains("3 labels for 2", message);
        Assert.Throws<PopcornException>(() => ImageSources.Open(path, path));
    }

    [Fact]
    public void Cifar()
    {
        byte[] file = new byte[2 * 3073];
        file[0] = 9;
        file[3073] = 4;
        file[3074] = 200;
        IImageSource images = ImageSources.Open(_folder.Write("c.bin", file));
        Assert.Equal((2, new Shape(3, 32, 32)), (images.Count, images.Shape));
        Assert.Equal((200, 9, 4), (images.Read(1)[0], images.Label(0), images.Label(1)));
        file[3073] = 10;
        AssertRefused(file);
        AssertRefused(file[..^1]);
    }

    public static TheoryData<string, string, byte[], int, Shape, int[]> Arrays => new()
    {
        { "|u1", "(2, 2)", [1, 2, 3, 255], 1, new Shape(1, 2, 2), [1, 2, 3, 255] },
        { "|i1", "(2,)", [1, 255], 1, new Shape(2, 1, 1), [1, -1] },
        { "<u2", "(1, 1, 1, 1)", [1, 2], 1, new Shape(1, 1, 1), [513] },
        { "<i4", "(1, 1, 1)", [255, 255, 255, 255], 1, new Shape(1, 1, 1), [-1] },
        { "<i8", "(1, 1)", [5, 0, 0, 0, 0, 0, 0, 0], 1, new Shape(1, 1, 1), [5] },
        { "<f4", "(1, 1)", [0, 0, 0x7f, 0x43], 1, new Shape(1, 1, 1), [255] },
        { "<f8", "(1, 1)", [0, 0, 0, 0, 0, 0, 0xf0, 0xbf], 1, new Shape(1, 1, 1), [-1] },
        { "|u1", "(3, 1, 1)", [1, 2, 3], 1, new Shape(3, 1, 1), [1, 2, 3] },
        { "|u1", "(2, 1, 2)", [1, 2, 3, 4], 2, new Shape(1, 1, 2), [1, 2] },
        { "|u1", "(2, 2, 1, 1)", [1, 2, 3, 4], 2, new Shape(2, 1, 1), [1, 2] },
    };

    [Theory]
    [MemberData(nameof(Arrays), DisableDiscoveryEnumeration = true)]
    public void Numpy_arrays(string type, string sides, byte[] data, int count, Shape shape, int[] first)
    {
        foreach (byte version in new byte[] { 1, 2 })
        {
            IImageSource images = ImageSources.Open(_folder.Write("x.npy", Npy(type, sides, data, version)));
            Assert.Equal((count, shape), (images.Count, images.Shape));
            Assert.Equal(first, images.Read(0));
        }
    }

    [Fact]
    public void Damaged_numpy_arrays_are_refused()
    {
        byte[] file = Npy("|u1", "(2, 2)", [1, 2, 3, 4]);
        for (int length = 0; length < file.Length; length++)
        {
            AssertRefused(file[..length]);
        }

        AssertRefused(Npy("|u1", "(2, 2)", [1, 2, 3, 4], fortran: "True"));
        AssertRefused(Npy(">i4", "(1, 1)", [1, 2, 3, 4]));
        AssertRefused(Npy("<c8", "(1, 1)", new byte[8]));
        AssertRefused(Npy("<f4", "(1, 1)", BitConverter.GetBytes(0.5f)));
        AssertRefused(Npy("<f4", "(1, 1)", BitConverter.GetBytes(float.NaN)));
        AssertRefused(Npy("<u8", "(1, 1)", [255, 255, 255, 255, 255, 255, 255, 255]));
        AssertRefused(Npy("|u1", "(0, 2)", []));
        AssertRefused(Npy("|u1", "()", [1]));
        AssertRefused(Npy("|u1", "(99999999, 99999999, 99999999)", [1]));
        AssertRefused(Npy("|u1", "(999999999999, 1)", [1]));
    }

    [Fact]
    public void Pictures_as_gray_or_colour()
    {
        string gray = _folder.Write("gray.png", PictureReaderTests.GrayPng(10, 11));
        Assert.Equal([10, 11], ImageSources.Open(gray).Read(0));
        Assert.Equal([10, 11, 10, 11, 10, 11], ImageSources.Open(gray, channels: 3).Read(0));
        Assert.Equal([124], new Image(new Shape(3, 1, 1), [200, 100, 50]).Convert(1, "memory").Values);
        foreach (string name in new[] { "rgb8.png", "jpeg.jpg", "rgb24.bmp" })
        {
            // What is in a file decides, not what it is called.
            string colour = _folder.Write("picture", PictureReaderTests.Bytes(name));
            IImageSource source = ImageSources.Open(colour, channels: 3);
            Assert.Equal((1, new Shape(3, 11, 13), true), (source.Count, source.Shape, source.IsResizable));
            Assert.Equal(source.Shape with { Channels = 1 }, ImageSources.Open(colour, channels: 1).Shape);
            Assert.Throws<PopcornException>(() => ImageSources.Open(colour, channels: 4));
        }
    }

    [Fact]
    public void A_folder_with_a_csv()
    {
        for (int i = 0; i < 3; i++)
        {
            _folder.Write($"set/{i}.png", PictureReaderTests.GrayPng((byte)i));
        }

        string folder = Path.Combine(_folder.Root, "set");
        IImageSource plain = ImageSources.Open(folder);
        Assert.Equal((3, (int?)null), (plain.Count, plain.Label(0)));

        _folder.Write("set/labels.csv", "file,label,licence\r\n2.png,5,x\r\n\r\n0.png,1,y\r\n"u8.ToArray());
        IImageSource labelled = ImageSources.Open(folder);
        Assert.Equal((2, 5, 1), (labelled.Count, labelled.Label(0), labelled.Label(1)));
        Assert.Equal([2], labelled.Read(0));

        string other = _folder.Write("other.csv", "1.png,9"u8.ToArray());
        Assert.Equal(9, ImageSources.Open(folder, other).Label(0));
    }

    [Theory]
    [InlineData("0.png", "line 1")]
    [InlineData("0.png,x", "line 1")]
    [InlineData("0.png,-1", "line 1")]
    [InlineData("file,label\nnowhere.png,1", "line 2: there is no file")]
    [InlineData("file,label", "names no picture")]
    public void A_wrong_csv_is_refused_with_its_line(string csv, string reason)
    {
        _folder.Write("set/0.png", PictureReaderTests.GrayPng(0));
        string path = _folder.Write("labels.csv", Encoding.UTF8.GetBytes(csv));
        string folder = Path.Combine(_folder.Root, "set");
        Assert.Contains(reason, Assert.Throws<PopcornException>(() => ImageSources.Open(folder, path)).Message);
    }

    [Fact]
    public void A_folder_of_all_kinds_of_pictures()
    {
        foreach (string name in new[] { "rgb8.png", "jpeg.jpg", "rgb24.bmp" })
        {
            _folder.Write("set/" + name, PictureReaderTests.Bytes(name));
        }

        _folder.Write("set/readme.txt", [1, 2, 3]);
        IImageSource images = ImageSources.Open(Path.Combine(_folder.Root, "set"), channels: 3);
        Assert.Equal((3, new Shape(3, 11, 13)), (images.Count, images.Shape));
        Assert.All(Enumerable.Range(0, 3), i => Assert.Equal(images.Shape.Size, images.Read(i).Length));
    }

    /// <summary>What contains a picture is one, whatever it is called; what systems put beside it is not.</summary>
    [Fact]
    public void A_folder_that_was_on_other_systems()
    {
        byte[] apple = [0, 5, 0x16, 7, 0, 2, 0, 0, .. "Mac OS X        "u8];
        _folder.Write("set/a.PNG", PictureReaderTests.GrayPng(1));
        _folder.Write("set/b", PictureReaderTests.GrayPng(2));
        _folder.Write("set/c.png.gz", Gzip(PictureReaderTests.GrayPng(3)));
        _folder.Write("set/d.jpg", PictureReaderTests.GrayPng(4));
        _folder.Write("set/.hidden.png", PictureReaderTests.GrayPng(5));
        foreach (string name in new[] { "._a.PNG", "._labels.csv", ".DS_Store", "Thumbs.db" })
        {
            _folder.Write("set/" + name, apple);
        }

        _folder.Write("set/Icon\r", []);
        _folder.Write("set/notes.txt", "BMW drives past, and a long time later"u8.ToArray());
        string folder = Path.Combine(_folder.Root, "set");
        IImageSource images = ImageSources.Open(folder);
        Assert.Equal([1, 2, 3, 4], Enumerable.Range(0, images.Count).Select(i => images.Read(i)[0]));

        _folder.Write("set/LABELS.CSV", "b,7"u8.ToArray());
        Assert.Equal(7, ImageSources.Open(folder).Label(0));
    }

    public static TheoryData<string, byte[], string> NotWhatTheyAreCalled => new()
    {
        { "a.png", [], "is empty" },
        { "a.jpg", [0xff, 0xd8, 0xff, 0xe0, 0, 16, .. "JFIF"u8], "is a damaged JPEG file: it is cut short" },
        { "a.bmp", [.. PictureReaderTests.GrayPng(0)[..^1]], "is a damaged PNG file: it is cut short" },
        { "a.jpg", [0, 0, 0, 24, .. "ftypheic"u8, 0, 0], "is a HEIF picture. Convert it" },
        { "a.webp", [.. "RIFF"u8, 1, 0, 0, 0, .. "WEBPVP8 "u8], "is a WebP picture. Convert it" },
        { "a.GIF", [.. "GIF89a"u8], "is a GIF picture. Convert it" },
        { "a.png", [.. "<!DOCTYPE html>"u8], "is a web page. Fetch" },
        { "a.png", [.. "version https://git-lfs.github.com/spec/v1"u8], "git lfs pull" },
        { "a.png", [.. "BMW drives past, and a long time later"u8], "is no " },
    };

    [Theory]
    [MemberData(nameof(NotWhatTheyAreCalled), DisableDiscoveryEnumeration = true)]
    public void Files_are_called_what_they_are(string name, byte[] content, string message)
    {
        string path = _folder.Write($"set/{name}", content);
        foreach (string named in new[] { path, Path.GetDirectoryName(path)! })
        {
            string said = Assert.Throws<PopcornException>(() => ImageSources.Open(named)).Message;
            Assert.StartsWith($"'{path}' is ", said, StringComparison.Ordinal);
            Assert.Contains(message, said, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Arrays_without_elements_are_called_empty()
    {
        foreach (byte[] file in new[]
        {
            [0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3], Npy("|u1", "(0, 2)", []), Gzip([]),
        })
        {
            string path = _folder.Write("nothing", file);
            Assert.Contains(
                $"'{path}' is empty", Assert.Throws<PopcornException>(() => ImageSources.Open(path)).Message);
        }
    }

    [Fact]
    public void Images_of_a_folder_must_have_one_size()
    {
        _folder.Write("set/0.png", PictureReaderTests.GrayPng(0));
        _folder.Write("set/1.png", PictureReaderTests.GrayPng(0, 0));
        IImageSource images = ImageSources.Open(Path.Combine(_folder.Root, "set"));
        Assert.Throws<PopcornException>(() => images.Read(1));
    }

    [Fact]
    public void What_is_not_there_or_no_image_is_refused()
    {
        Assert.Throws<PopcornException>(() => ImageSources.Open(Path.Combine(_folder.Root, "nothing")));
        Assert.Throws<PopcornException>(() => ImageSources.Open(_folder.Root));
        AssertRefused("hello"u8.ToArray());
        AssertRefused([]);
    }

    [SharedFact]
    public void Real_sets_are_read()
    {
        IImageSource mnist = ImageSources.Open(
            SharedData.PathOf("data/mnist/t10k-images-idx3-ubyte.gz"),
            SharedData.PathOf("data/mnist/t10k-labels-idx1-ubyte.gz"));
        Assert.Equal((10_000, new Shape(1, 28, 28), 7), (mnist.Count, mnist.Shape, mnist.Label(0)));
        IImageSource cifar = ImageSources.Open(SharedData.PathOf("data/cifar10/test_batch.bin.gz"));
        Assert.Equal((10_000, 3), (cifar.Count, cifar.Label(0)));
        IImageSource imagenet = ImageSources.Open(SharedData.PathOf("data/imagenet/images"));
        Assert.Equal((100, new Shape(3, 299, 299)), (imagenet.Count, imagenet.Shape));
        Assert.All(Enumerable.Range(0, 10), i => Assert.InRange(imagenet.Read(i).Average(), 10, 245));
    }

    private void AssertRefused(byte[] file)
    {
        string path = _folder.Write("damaged", file);
        Assert.DoesNotContain('\n', Assert.Throws<PopcornException>(() => ImageSources.Open(path)).Message);
    }

    private static byte[] Npy(string type, string sides, byte[] data, byte version = 1, string fortran = "False")
    {
        byte[] header = Encoding.ASCII.GetBytes(
            $"{{'descr': '{type}', 'fortran_order': {fortran}, 'shape': {sides}, }}\n");
        byte[] length = version == 1
            ? BitConverter.GetBytes((ushort)header.Length)
            : BitConverter.GetBytes(header.Length);
        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. header, .. data];
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

    [Fact]
    public void Enlarged_images_are_mixed_between_the_centres_of_pixels()
    {
        Assert.Equal([0, 25, 75, 100], Row(0, 100).Resize(1, 4).Values);
        Assert.Equal([0, 0, 25, 25, 75, 75, 100, 100], new Image(new Shape(1, 2, 1), [0, 100]).Resize(4, 2).Values);
        Assert.Equal([50, 50, 50, 50], Row(50).Resize(2, 2).Values);
    }

    [Fact]
    public void Reduced_images_are_means_that_reach_half_a_pixel_farther()
    {
        var image = new Image(new Shape(1, 2, 4), [0, 100, 200, 40, 20, 40, 0, 240]);
        Assert.Equal([340 / 7 + 1, 790 / 7 + 1], image.Resize(1, 2).Values);
        Assert.Same(image, image.Resize(2, 4));

        // Weights 5 : 3; 4 : 3 at the ends, 2 : 5 : 2 between; 9 of 96 for the last.
        Assert.Equal([34, 146], Row(0, 90, 180).Resize(1, 2).Values);
        Assert.Equal([21, 100, 179], Row(0, 50, 100, 150, 200).Resize(1, 3).Values);
        Assert.Equal([10], Row(1, 1, 1, 1, 1, 1, 1, 97).Resize(1, 1).Values);
        Assert.Equal([255], Row([.. Enumerable.Repeat(255, 1001)]).Resize(1, 1).Values);

        // One side shrinks and the other grows.
        Assert.Equal([15, 20, 30, 35], new Image(new Shape(1, 2, 2), [0, 20, 30, 50]).Resize(1, 4).Values);
    }

    /// <summary>As training pipelines make them: no pattern appears that is finer than the new pixels.</summary>
    [Theory]
    [InlineData(64, 28, 1)]
    [InlineData(64, 16, 2)]
    [InlineData(299, 224, 1)]
    [InlineData(100, 3, 2)]
    public void Reduced_images_keep_their_brightness(int side, int newSide, int period)
    {
        int[] values =
            [.. Enumerable.Range(0, side * side).Select(i => (i / side + i % side) / period % 2 == 0 ? 255 : 0)];
        Image reduced = new Image(new Shape(1, side, side), values).Resize(newSide, newSide);
        Assert.InRange(reduced.Values.Average(), values.Average() - 1, values.Average() + 1);
        Assert.True(side < 2 * newSide || reduced.Values.All(value => value is > 95 and < 160));
    }

    /// <summary>Pixels of a library's caller and files are made fit in the same way.</summary>
    [Fact]
    public void Pixels_in_memory_are_reduced_as_files_are()
    {
        byte[] row = [0, 255, 0, 255, 90, 7, 8];
        var input = new InputDescription(new Shape(1, 1, 3), 0, 255, 1);
        IImageSource file = ImageInputs.Open(
            _folder.Write("fine.png", PictureReaderTests.GrayPng(row)), labels: null, input);
        Assert.Equal(Image.FromPixels(row, 1, 1, row.Length).For(input), file.Read(0));
    }

    private static Image Row(params int[] values) => new(new Shape(1, 1, values.Length), values);

    [Fact]
    public void Images_are_fitted_to_what_a_network_takes()
    {
        var source = new ArrayImages("memory", [new Image(new Shape(3, 1, 2), [10, 20, 30, 50, 0, 8])]);
        var input = new InputDescription(new Shape(3, 1, 1), 0, 255, 1, ChannelOrder.Bgr);
        Assert.Equal([4, 40, 15], new FittedImages(source, input).Read(0));
    }
}
