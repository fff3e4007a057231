using System.Buffers.Binary;
using System.IO.Compression;

namespace Popcorn.Engine.Model;

/// <summary>Reads files whose length nobody vouches for.</summary>
internal static class BoundedStream
{
    /// <summary>DEFLATE makes no more than so many bytes of one.</summary>
    private const int MostInflation = 1032;

    private const int LeastRoom = 1 << 16;

    /// <summary>Whether a file begins as gzip's do.</summary>
    public static bool IsGzip(ReadOnlySpan<byte> bytes) => bytes is [0x1f, 0x8b, ..];

    /// <summary>All bytes from the stream's position on.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="mostBytes">Refuse anything longer.</param>
    /// <param name="what">What is read, for the message: "model file".</param>
    /// <exception cref="PopcornException">There is more than that.</exception>
    public static byte[] ReadAll(Stream stream, int mostBytes, string what) =>
        ReadAll(stream, stream.CanSeek ? stream.Length - stream.Position : 0, mostBytes, what);

    /// <summary>All bytes of a gzip file, unpacked.</summary>
    /// <param name="file">The file, from its beginning; it can seek.</param>
    /// <param name="mostBytes">Refuse anything longer.</param>
    /// <param name="what">What is read, for the message: "model file".</param>
    /// <exception cref="PopcornException">There is more than that.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static byte[] Unpack(Stream file, int mostBytes, string what)
    {
        // A gzip file ends with the length of what was packed (RFC 1952, 2.3.1), true or not: room for it, no more.
        Span<byte> end = stackalloc byte[sizeof(uint)];
        file.Position = Math.Max(0, file.Length - end.Length);
        file.ReadAtLeast(end, end.Length, throwOnEndOfStream: false);
        file.Position = 0;
        long expected = Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(end), file.Length * MostInflation);
        using var gzip = new GZipStream(file, CompressionMode.Decompress, leaveOpen: true);
        return ReadAll(gzip, expected, mostBytes, what);
    }

    // Where there are as many bytes as expected, they are read to where they stay.
    private static byte[] ReadAll(Stream stream, long expected, int mostBytes, string what)
    {
        var bytes = new byte[Math.Min(expected, mostBytes)];
        for (int count = 0; ;)
        {
            count += stream.ReadAtLeast(bytes.AsSpan(count), bytes.Length - count, throwOnEndOfStream: false);
            if (count < bytes.Length)
            {
                return bytes[..count];
            }

            int next = stream.ReadByte();
            if (next < 0)
            {
                return bytes;
            }

            if (count == mostBytes)
            {
                throw new PopcornException($"This {what} is longer than {mostBytes >> 20} MiB, the most that is read.");
            }

            Array.Resize(ref bytes, (int)Math.Min(mostBytes, Math.Max(2L * count, LeastRoom)));
            bytes[count++] = (byte)next;
        }
    }
}
