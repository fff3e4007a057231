using System.Globalization;
using System.Runtime.InteropServices;

namespace Popcorn.EndToEnd.Tests;

/// <summary>
/// A copy in a file of all memory that a process can write: what anybody would find there who reads it later. Linux
/// only.
/// </summary>
internal sealed class MemoryImage : IDisposable
{
    private const int BlockBytes = 1 << 22;
    private const int PageBytes = 1 << 12;
    private readonly FileStream _file = new(
        Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.None, BlockBytes,
        FileOptions.DeleteOnClose);

    /// <summary>Copies the memory of a process.</summary>
    /// <param name="process">Its number, or "self".</param>
    public MemoryImage(string process)
    {
        using var memory = new FileStream(
            $"/proc/{process}/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 1);
        var block = new byte[BlockBytes];
        foreach (string region in File.ReadAllLines($"/proc/{process}/maps"))
        {
            string[] parts = region.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            long[] ends = [.. parts[0].Split('-').Select(end => long.Parse(end, NumberStyles.HexNumber, null))];
            if (!parts[1].StartsWith("rw", StringComparison.Ordinal) || ends[0] < 0 || ends[1] < 0)
            {
                continue;
            }

            for (long at = ends[0]; at < ends[1]; at += BlockBytes)
            {
                int wanted = (int)Math.Min(BlockBytes, ends[1] - at);
                try
                {
                    int read = RandomAccess.Read(memory.SafeFileHandle, block.AsSpan(0, wanted), at);
                    for (int page = 0; page < read; page += PageBytes)
                    {
                        // Nothing stands in the others, which are most.
                        ReadOnlySpan<byte> bytes = block.AsSpan(page, Math.Min(PageBytes, read - page));
                        if (bytes.ContainsAnyExcept((byte)0))
                        {
                            _file.Write(bytes);
                        }
                    }
                }
                catch (IOException)
                {
                    // Guard pages, or memory that went away meanwhile.
                }
            }
        }

        _file.Flush();
    }

    /// <summary>How often any of some words stands in the memory, at any multiple of four bytes.</summary>
    public int Count(IReadOnlyCollection<ulong> words)
    {
        // Most of the memory is told from the words by one bit each.
        const int FilterBits = 22;
        var filter = new bool[1 << FilterBits];
        var exact = new HashSet<ulong>(words);
        foreach (ulong word in words)
        {
            filter[word >> 8 & ((1 << FilterBits) - 1)] = true;
        }

        int found = 0;
        var block = new byte[BlockBytes + sizeof(ulong)];
        _file.Position = 0;
        for (long at = 0; at < _file.Length; at += BlockBytes)
        {
            int read = RandomAccess.Read(_file.SafeFileHandle, block, at);
            for (int i = 0; i + sizeof(ulong) <= read && i < BlockBytes; i += sizeof(uint))
            {
                ulong word = MemoryMarshal.Read<ulong>(block.AsSpan(i));
                found += filter[word >> 8 & ((1 << FilterBits) - 1)] && exact.Contains(word) ? 1 : 0;
            }
        }

        return found;
    }

    public void Dispose() => _file.Dispose();
}
