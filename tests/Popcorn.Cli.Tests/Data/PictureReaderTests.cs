using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using Popcorn.Cli.Data;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Tests.Data;

public class PictureReaderTests
{
    private static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "pictures");

    public static TheoryData<string> Pictures => [.. Names];

    private static IEnumerable<string> Names =>
        Directory.EnumerateFiles(Folder).Where(PictureReader.IsNamedPicture).Select(path => Path.GetFileName(path));

    /// <summary>
    /// Half-transparent and 16-bit samples may be rounded otherwise, and JPEG leaves a decoder more freedom.
    /// </summary>
    [Theory]
    [MemberData(nameof(Pictures))]
    public void Pictures_are_read_as_they_are_seen(string name)
    {
        byte[] seen = File.ReadAllBytes(Path.Combine(Folder, name + ".raw"));
        Image image = PictureReader.Read(Bytes(name), name);
        Assert.Equal(new Shape(seen.Length / (11 * 13), 11, 13), image.Shape);
        int tolerance = name.EndsWith(".jpg", StringComparison.Ordinal) ? 3
            : name.Contains("16", StringComparison.Ordinal) ? 2
            : name.Contains("alpha", StringComparison.Ordinal) || name.Contains("rgba", StringComparison.Ordinal) ? 1
            : 0;
        for (int i = 0; i < seen.Length; i++)
        {
            int value = image.Values[i % image.Shape.Channels * image.Shape.Area + i / image.Shape.Channels];
            Assert.InRange(value, seen[i] - tolerance, seen[i] + tolerance);
        }
    }

    /// <summary>A letter F, whose first row and column are where the orientation says.</summary>
    [Theory]
    [InlineData(1, "FFF|F..|FF.|F..")]
    [InlineData(2, "FFF|..F|.FF|..F")]
    [InlineData(3, "..F|.FF|..F|FFF")]
    [InlineData(4, "F..|FF.|F..|FFF")]
    [InlineData(5, "FFFF|F.F.|F...")]
    [InlineData(6, "FFFF|.F.F|...F")]
    [InlineData(7, "...F|.F.F|FFFF")]
    [InlineData(8, "F...|F.F.|FFFF")]
    public void Pictures_are_turned_as_their_exif_says(int orientation, string seen)
    {
        string[] rows = seen.Split('|');
        int[] letter = [.. "FFFF..FF.F..".Select(c => (int)c)];
        Image turned = new Image(new Shape(1, 4, 3), letter).Turned(orientation);
        Assert.Equal(new Shape(1, rows.Length, rows[0].Length), turned.Shape);
        Assert.Equal(string.Concat(rows), string.Concat(turned.Values.Select(value => (char)value)));

        foreach (bool isLittleEndian in new[] { false, true })
        {
            byte[] exif = ExifBlock(orientation, isLittleEndian);
            foreach (string name in new[] { "jpeg.jpg", "rgb8.png" })
            {
                Image upright = PictureReader.Read(Bytes(name), name);
                Image image = PictureReader.Read(WithExif(Bytes(name), exif), name);
                Assert.Equal(upright.Turned(orientation).Values, image.Values);
            }
        }
    }

    [Fact]
    public void Exif_that_is_damaged_or_says_nothing_leaves_a_picture_as_it_is()
    {
        byte[] exif = ExifBlock(orientation: 6, isLittleEndian: true);
        Assert.Equal(6, Exif.Orientation(exif));
        for (int length = 0; length < exif.Length - 4; length++)
        {
            Assert.Equal(Exif.Upright, Exif.Orientation(exif.AsSpan(0, length)));
        }

        for (int i = 0; i < exif.Length; i++)
        {
            byte[] damaged = [.. exif];
            damaged[i] ^= 0xff;
            Assert.InRange(Exif.Orientation(damaged), 1, 8);
        }

        Assert.Equal(Exif.Upright, Exif.Orientation(ExifBlock(orientation: 9, isLittleEndian: false)));
    }

    [Theory]
    [MemberData(nameof(Pictures))]
    public void Cut_files_are_refused(string name)
    {
        byte[] file = Bytes(name);
        for (int length = 3; length < file.Length; length++)
        {
            if (!IsComplete(name, file.Length, length))
            {
                AssertRefused(file[..length]);
            }
        }
    }

    [Fact]
    public void Damaged_png_files_are_refused()
    {
        byte[] file = Bytes("rgb8.png");
        for (int i = 8; i < file.Length; i++)
        {
            byte[] damaged = [.. file];
            damaged[i] ^= 0x10;
            AssertRefused(damaged);
        }
    }

    [Fact]
    public void Right_checksums_over_wrong_contents_are_refused()
    {
        AssertRefused(Png());
        AssertRefused(Png(Header(4, 1, 8, 0)));
        AssertRefused(Png(Header(0, 1, 8, 0)));
        AssertRefused(Png(Header(4, 1, 3, 0)));
        AssertRefused(Png(Header(4, 1, 8, 5)));
        AssertRefused(Png(Header(4, 1, 8, 0), Chunk("IDAT", "no zlib here"u8)));
        AssertRefused(Png(Header(4, 1, 8, 0), Pixels(4)));
        AssertRefused(Png(Header(2, 1, 8, 3), Chunk("PLTE", new byte[6]), Chunk("IDAT", "x"u8)));
        Assert.Equal([0, 0, 0, 0], PictureReader.Read(Png(Header(4, 1, 8, 0), Pixels(5)), "test.png").Values);
    }

    /// <summary>Neither a size that a header promises nor one that comes out is taken on trust.</summary>
    [Fact]
    public void Sizes_are_checked_before_memory_is_taken()
    {
        AssertRefused(Png(Header(1 << 14, 1 << 14, 8, 6), Pixels(4)), "16384x16384 pixels");
        AssertRefused(Png(Header(1, 1, 8, 0), Pixels(1 << 26)), "more pixels");
        byte[] jpeg = Bytes("jpeg.jpg");
        int frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xff, 0xc0]);
        jpeg.AsSpan(frame + 5, 4).Fill(0xff);
        AssertRefused(jpeg, "65535x65535 pixels");
        byte[] bmp = Bytes("rgb24.bmp");
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(18), int.MaxValue);
        AssertRefused(bmp);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(18), 1);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(22), int.MinValue);
        AssertRefused(bmp);
    }

    [Fact]
    public void Bitmaps_may_begin_with_their_first_row()
    {
        byte[] bmp = Bytes("rgb24.bmp");
        Image upright = PictureReader.Read(bmp, "test.bmp");
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(22), -11);
        Assert.Equal(upright.Turned(4).Values, PictureReader.Read(bmp, "test.bmp").Values);
    }

    [Fact]
    public void Files_with_random_changes_are_read_or_refused()
    {
        var random = new Random(1);
        foreach (string name in Names)
        {
            for (int run = 0; run < 50; run++)
            {
                byte[] file = Bytes(name);
                for (int change = random.Next(1, 4); change > 0; change--)
                {
                    file[random.Next(file.Length)] = (byte)random.Next(256);
                }

                try
                {
                    PictureReader.Read(file, name);
                }
                catch (PopcornException e)
                {
                    Assert.DoesNotContain('\n', e.Message);
                }
            }
        }
    }

    internal static byte[] Bytes(string name) => File.ReadAllBytes(Path.Combine(Folder, name));

    /// <summary>An ordinary PNG of 8 bits, one row.</summary>
    internal static byte[] GrayPng(params byte[] row) =>
        Png(Header(row.Length, 1, 8, 0), Chunk("IDAT", Pack([0, .. row])));

    private static bool IsComplete(string name, int fileLength, int length) =>
        name.EndsWith(".bmp", StringComparison.Ordinal) && length >= fileLength - 3;

    private static void AssertRefused(byte[] file, string reason = "")
    {
        string message = Assert.Throws<PopcornException>(() => PictureReader.Read(file, "test.png")).Message;
        Assert.DoesNotContain('\n', message);
        Assert.Contains(reason, message);
    }

    private static byte[] ExifBlock(int orientation, bool isLittleEndian)
    {
        byte[] Short(int value) =>
            isLittleEndian ? [(byte)value, (byte)(value >> 8)] : [(byte)(value >> 8), (byte)value];
        byte[] Long(int value) => isLittleEndian ? [.. Short(value), 0, 0] : [0, 0, .. Short(value)];
        return
        [
            .. isLittleEndian ? "II"u8 : "MM"u8, .. Short(42), .. Long(8), .. Short(2),
            .. Short(0x100), .. Short(4), .. Long(1), .. Long(3),
            .. Short(0x112), .. Short(3), .. Long(1), .. Short(orientation), 0, 0, .. Long(0),
        ];
    }

    private static byte[] WithExif(byte[] picture, byte[] exif)
    {
        if (picture[0] == 0xff)
        {
            return [0xff, 0xd8, 0xff, 0xe1, 0, (byte)(exif.Length + 8), .. "Exif\0\0"u8, .. exif, .. picture[2..]];
        }

        const int HeaderEnd = 33;
        return [.. picture[..HeaderEnd], .. Chunk("eXIf", exif), .. picture[HeaderEnd..]];
    }

    private static byte[] Png(params byte[][] chunks) =>
        [0x89, .. "PNG\r\n"u8, 0x1a, 0x0a, .. chunks.SelectMany(chunk => chunk), .. Chunk("IEND", [])];

    private static byte[] Header(int width, int height, byte depth, byte colour)
    {
        byte[] content = [0, 0, 0, 0, 0, 0, 0, 0, depth, colour, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(content, width);
        BinaryPrimitives.WriteInt32BigEndian(content.AsSpan(4), height);
        return Chunk("IHDR", content);
    }

    private static byte[] Pixels(int bytes) => Chunk("IDAT", Pack(new byte[bytes]));

    private static byte[] Pack(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest))
        {
            zlib.Write(bytes);
        }

        return packed.ToArray();
    }

    private static byte[] Chunk(string type, ReadOnlySpan<byte> content)
    {
        byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(type), .. content];
        var length = new byte[4];
        var checksum = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, content.Length);
        BinaryPrimitives.WriteUInt32BigEndian(checksum, Crc32.HashToUInt32(body));
        return [.. length, .. body, .. checksum];
    }
}
