using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Popcorn.Engine.Model;

/// <summary>
/// The sections of a model file. Each is its length in four bytes, least first, its content, and the SHA-256 of all
/// that precedes this hash in the file.
/// </summary>
internal static class Section
{
    private const int LengthBytes = sizeof(uint);

    /// <summary>
    /// Compressed content takes at least its expanded length divided by this, so that a small file cannot ask for much
    /// memory. What would be smaller is padded with zeros.
    /// </summary>
    private const int MostExpansion = 64;

    // Within 2 % of what higher qualities reach on the weights of real networks, in a fraction of their time.
    private const int Quality = 5;
    private const int WindowBits = 24;

    /// <summary>Appends a section to a file.</summary>
    public static byte[] Append(ReadOnlySpan<byte> file, ReadOnlySpan<byte> content)
    {
        var result = new byte[file.Length + LengthBytes + content.Length + SHA256.HashSizeInBytes];
        file.CopyTo(result);
        BinaryPrimitives.WriteUInt32LittleEndian(result.AsSpan(file.Length), (uint)content.Length);
        content.CopyTo(result.AsSpan(file.Length + LengthBytes));
        SHA256.HashData(result.AsSpan(..^SHA256.HashSizeInBytes), result.AsSpan(^SHA256.HashSizeInBytes..));
        return result;
    }

    /// <summary>Takes the section that begins at a position, and moves the position behind it.</summary>
    /// <returns>Whether it is whole and its hash is right.</returns>
    public static bool TryTake(ReadOnlySpan<byte> file, ref int position, out ReadOnlySpan<byte> content)
    {
        content = default;
        ReadOnlySpan<byte> rest = file[position..];
        if (rest.Length < LengthBytes + SHA256.HashSizeInBytes)
        {
            return false;
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(rest);
        if (length > (uint)(rest.Length - LengthBytes - SHA256.HashSizeInBytes))
        {
            return false;
        }

        content = rest.Slice(LengthBytes, (int)length);
        int end = position + LengthBytes + (int)length;
        position = end + SHA256.HashSizeInBytes;
        return SHA256.HashData(file[..end]).AsSpan().SequenceEqual(file[end..position]);
    }

    /// <summary>Content in compressed form: the expanded length in four bytes, then Brotli.</summary>
    public static byte[] Compress(ReadOnlySpan<byte> content)
    {
        var data = new byte[BrotliEncoder.GetMaxCompressedLength(content.Length)];
        if (!BrotliEncoder.TryCompress(content, data, out int written, Quality, WindowBits))
        {
            throw new InvalidOperationException("The compressor needs more room than it said.");
        }

        int least = (int)(((long)content.Length + MostExpansion - 1) / MostExpansion);
        var result = new byte[LengthBytes + Math.Max(written, least)];
        BinaryPrimitives.WriteUInt32LittleEndian(result, (uint)content.Length);
        data.AsSpan(0, written).CopyTo(result.AsSpan(LengthBytes));
        return result;
    }

    /// <summary>The content that <see cref="Compress"/> compressed.</summary>
    /// <exception cref="PopcornException">It did not.</exception>
    public static byte[] Expand(ReadOnlySpan<byte> compressed)
    {
        if (compressed.Length >= LengthBytes)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(compressed);
            ReadOnlySpan<byte> data = compressed[LengthBytes..];
            if (length <= Math.Min((long)data.Length * MostExpansion, Array.MaxLength))
            {
                var content = new byte[length];
                using var decoder = new BrotliDecoder();
                OperationStatus status = decoder.Decompress(data, content, out int consumed, out int written);
                if (status == OperationStatus.Done && written == length && !data[consumed..].ContainsAnyExcept((byte)0))
                {
                    return content;
                }
            }
        }

        throw new PopcornException("a section cannot be expanded");
    }
}
