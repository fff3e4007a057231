using System.Buffers.Binary;
using System.IO.Compression;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Model;

public class BoundedStreamTests
{
    private const int Most = 1 << 20;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(200_000)]
    [InlineData(Most)]
    public void All_is_read_of_files_of_pipes_and_of_what_is_packed(int length)
    {
        byte[] bytes = Noise(length);
        Assert.Equal(bytes, BoundedStream.ReadAll(new MemoryStream(bytes), Most, "file"));
        Assert.Equal(bytes, BoundedStream.ReadAll(new Pipe(bytes), Most, "file"));
        Assert.Equal(bytes, BoundedStream.Unpack(new MemoryStream(Pack(bytes)), Most, "file"));
    }

    [Fact]
    public void One_byte_too_many_is_refused_however_it_comes()
    {
        byte[] bytes = Noise(Most + 1);
        foreach (Func<byte[]> read in (Func<byte[]>[])[
            () => BoundedStream.ReadAll(new MemoryStream(bytes), Most, "file"),
            () => BoundedStream.ReadAll(new Pipe(bytes), Most, "file"),
            () => BoundedStream.Unpack(new MemoryStream(Pack(bytes)), Most, "file")])
        {
            string told = Assert.Throws<PopcornException>(read).Message;
            Assert.Contains("longer than 1 MiB", told, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(7u)]
    [InlineData(uint.MaxValue)]
    public void A_length_that_is_not_true_changes_nothing_that_is_read(uint claimed)
    {
        byte[] bytes = Noise(100_000);
        byte[] packed = [.. Pack(bytes[..50_000]), .. Pack(bytes[50_000..])];
        Assert.Equal(bytes, BoundedStream.Unpack(new MemoryStream(packed), Most, "file"));

        // What it says of one member is wrong: its reader tells, or does not care, but takes no room for it.
        byte[] small = Pack([1, 2, 3]);
        BinaryPrimitives.WriteUInt32LittleEndian(small.AsSpan(small.Length - sizeof(uint)), claimed);
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            Assert.Equal([1, 2, 3], BoundedStream.Unpack(new MemoryStream(small), int.MaxValue, "file"));
        }
        catch (InvalidDataException)
        {
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Most);
    }

    private static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Pack(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    /// <summary>Has no length, and gives a few bytes at a time.</summary>
    private sealed class Pipe(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;

        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 1000)]);
    }
}
