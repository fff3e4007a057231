using Popcorn.Cli.Data;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Data;

public class PngReaderTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 2)]
    [InlineData(0, 4)]
    [InlineData(0, 8)]
    [InlineData(0, 16)]
    [InlineData(2, 8)]
    [InlineData(2, 16)]
    [InlineData(3, 1)]
    [InlineData(3, 2)]
    [InlineData(3, 4)]
    [InlineData(3, 8)]
    [InlineData(4, 8)]
    [InlineData(4, 16)]
    [InlineData(6, 8)]
    [InlineData(6, 16)]
    public void Every_kind_is_read(int colour, int depth)
    {
        var random = new Random(colour * 100 + depth);
        foreach ((int width, int height) in new[] { (1, 1), (3, 2), (8, 8), (13, 11) })
        {
            foreach (bool interlaced in new[] { false, true })
            {
                int entries = 1 << Math.Min(depth, 8);
                byte[] palette = new byte[colour == 3 ? 3 * entries : 0];
                random.NextBytes(palette);
                var samples = new int[height, width, 4];
                for (int i = 0; i < samples.Length; i++)
                {
                    samples[i / 4 / width, i / 4 % width, i % 4] = random.Next(1 << depth);
                }

                byte[] file = PngWriter.Write(
                    width, height, depth, colour, (y, x, s) => samples[y, x, s], palette, interlaced);
                Image image = PngReader.Read(file, "test.png");
                bool isGray = colour is 0 or 4;
                Assert.Equal(new Shape(isGray ? 1 : 3, height, width), image.Shape);
                for (int i = 0; i < image.Values.Length; i++)
                {
                    int channel = i / image.Shape.Area, y = i / width % height, x = i % width;
                    int sample = samples[y, x, colour == 3 ? 0 : channel];
                    int expected = colour == 3
                        ? palette[3 * sample + channel]
                        : depth == 16 ? sample >> 8 : sample * 255 / ((1 << depth) - 1);
                    Assert.Equal(expected, image.Values[i]);
                }
            }
        }
    }

    [Fact]
    public void Damaged_files_are_refused_and_never_crash()
    {
        byte[] file = PngWriter.Write(9, 7, 8, 2, (y, x, s) => (y * 31 + x * 7 + s) & 255, [], interlaced: false);
        for (int length = 0; length < file.Length; length++)
        {
            AssertRefused(file[..length]);
        }

        for (int i = 0; i < file.Length; i++)
        {
            byte[] damaged = [.. file];
            damaged[i] ^= 0x10;
            AssertRefused(damaged);
        }
    }

    [Fact]
    public void Right_checksums_over_wrong_contents_are_refused()
    {
        byte[] signature = [0x89, .. "PNG\r\n"u8, 0x1a, 0x0a];
        byte[] Header(int width, int depth, int colour) => PngWriter.Chunk(
            "IHDR", [0, 0, (byte)(width >> 8), (byte)width, 0, 0, 0, 1, (byte)depth, (byte)colour, 0, 0, 0]);
        byte[] end = PngWriter.Chunk("IEND", []);
        AssertRefused([.. signature, .. end]);
        AssertRefused([.. signature, .. Header(4, 8, 0), .. end]);
        AssertRefused([.. signature, .. Header(0, 8, 0), .. end]);
        AssertRefused([.. signature, .. Header(40000, 8, 0), .. end]);
        AssertRefused([.. signature, .. Header(4, 3, 0), .. end]);
        AssertRefused([.. signature, .. Header(4, 8, 5), .. end]);
        byte[] noise = PngWriter.Chunk("IDAT", "no zlib here"u8.ToArray());
        AssertRefused([.. signature, .. Header(4, 8, 0), .. noise, .. end]);
        AssertRefused(PngWriter.Write(2, 1, 8, 3, (_, _, _) => 5, new byte[6], interlaced: false));
    }

    private static void AssertRefused(byte[] file) =>
        Assert.DoesNotContain('\n', Assert.Throws<PopcornException>(() => PngReader.Read(file, "test.png")).Message);
}
