using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Popcorn.ObliviousTransfer.Symmetric;

/// <summary>
/// Keys from a session, a use and what tells two keys of a use apart: SHA-256 over fields that are each preceded by
/// their length (4 bytes, little-endian), so that no two lists of fields are hashed alike. The first field names the
/// library and the version of its protocols.
/// </summary>
internal sealed class Kdf : IDisposable
{
    /// <summary>Of a session's identifier and of a derived value.</summary>
    public const int Bytes = SHA256.HashSizeInBytes;

    private const int Capacity = 512;
    private readonly byte[] _fields = GC.AllocateArray<byte>(Capacity, pinned: true);
    private int _length;

    /// <summary>Of a use in a session.</summary>
    /// <param name="session">The session's identifier; empty where there is none yet.</param>
    /// <param name="use">What the key is for.</param>
    public Kdf(ReadOnlySpan<byte> session, string use)
    {
        Add("Popcorn.Transfers/1"u8);
        Add(Encoding.ASCII.GetBytes(use));
        Add(session);
    }

    /// <summary>One more field.</summary>
    public void Add(ReadOnlySpan<byte> field)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_fields.AsSpan(_length), field.Length);
        field.CopyTo(_fields.AsSpan(_length + sizeof(int)));
        _length += sizeof(int) + field.Length;
    }

    /// <summary>A field of one byte.</summary>
    public void Add(byte field) => Add([field]);

    /// <summary>A field of four bytes, little-endian.</summary>
    public void Add(int field)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, field);
        Add(bytes);
    }

    /// <summary>A field of eight bytes, little-endian.</summary>
    public void Add(ulong field)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, field);
        Add(bytes);
    }

    /// <summary>A field of a block.</summary>
    public void Add(Block field) => Add(MemoryMarshal.AsBytes(new ReadOnlySpan<Block>(in field)));

    /// <summary>The derived value.</summary>
    /// <param name="hash">32 bytes.</param>
    public void Derive(Span<byte> hash) => SHA256.HashData(_fields.AsSpan(0, _length), hash);

    /// <summary>The two halves of the derived value.</summary>
    public (Block First, Block Second) DeriveBlocks()
    {
        Span<Block> blocks = stackalloc Block[2];
        Derive(MemoryMarshal.AsBytes(blocks));
        (Block, Block) halves = (blocks[0], blocks[1]);
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(blocks));
        return halves;
    }

    /// <summary>The first half of the derived value: a key.</summary>
    public Block DeriveKey() => DeriveBlocks().First;

    /// <summary>Wipes the fields.</summary>
    public void Dispose() => CryptographicOperations.ZeroMemory(_fields);
}
