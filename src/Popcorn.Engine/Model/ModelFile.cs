using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using Google.Protobuf;

namespace Popcorn.Engine.Model;

/// <summary>
/// The <c>.popcorn</c> file: magic, version, and two sections, each behind its length and before a SHA-256.
/// <list type="number">
/// <item>The public part, what a client may know: the message of the wire that describes a model. The file cut off
/// behind it can be given away.</item>
/// <item>The secret part, compressed: names, weights and all other numbers, layer by layer.</item>
/// </list>
/// </summary>
public static class ModelFile
{
    /// <summary>Largest file that is read, in bytes.</summary>
    public const int MaxBytes = 1 << 30;

    private const byte Version = 3;
    private const string Advice = "Import the network again.";

    private static readonly byte[] Head = [.. Magic, Version];

    private static ReadOnlySpan<byte> Magic => "POPCORN"u8;

    /// <summary>Writes a network.</summary>
    /// <exception cref="PopcornException">The network is not well formed, or no key could hold its values.</exception>
    public static void Save(IntegerNetwork network, Stream stream)
    {
        NetworkValidator.Validate(network);
        var description = PublicNetwork.From(network);
        description.Validate();
        var secret = new ByteWriter();
        secret.Double(network.LogitScale);
        foreach (Layer layer in network.Layers)
        {
            secret.String(layer.Name);
            layer.WriteSecret(secret);
        }

        stream.Write(Assemble(PublicNetworkCodec.Encode(description).ToByteArray(), secret.Written));
    }

    /// <summary>Reads and validates a network; the rest of the stream must be exactly one model file.</summary>
    /// <exception cref="PopcornException">The file is not a model, damaged, or of an unknown version.</exception>
    public static IntegerNetwork Load(Stream stream)
    {
        ReadOnlySpan<byte> file = ReadAll(stream);
        int position = Head.Length;
        PublicNetwork description = TakePublic(file, ref position);
        if (position == file.Length)
        {
            throw new PopcornException("This file holds only the public part of a model. Use the whole file.");
        }

        if (!Section.TryTake(file, ref position, out ReadOnlySpan<byte> secret) || position != file.Length)
        {
            throw Damaged();
        }

        try
        {
            IntegerNetwork network = ReadSecret(description, Section.Expand(secret));
            NetworkValidator.Validate(network);
            return network;
        }
        catch (PopcornException e)
        {
            throw Malformed(e);
        }
    }

    /// <summary>
    /// Reads the public part of a model file, or of one that was cut off behind it. Its bounds are what the file says:
    /// whoever has the weights had better compute them.
    /// </summary>
    /// <exception cref="PopcornException">The file is not a model, damaged, or of an unknown version.</exception>
    public static PublicNetwork LoadPublic(Stream stream)
    {
        int position = Head.Length;
        return TakePublic(ReadAll(stream), ref position);
    }

    /// <summary>Whether a file begins as a model does, of whatever version.</summary>
    /// <param name="stream">The file; what is read of it is its first few bytes.</param>
    public static bool IsModel(Stream stream)
    {
        byte[] start = new byte[Magic.Length];
        return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
            && Magic.SequenceEqual(start);
    }

    /// <summary>The file of two parts, whatever they hold.</summary>
    internal static byte[] Assemble(ReadOnlySpan<byte> description, ReadOnlySpan<byte> secret) =>
        Section.Append(Section.Append(Head, description), Section.Compress(secret));

    private static byte[] ReadAll(Stream stream)
    {
        byte[] file = BoundedStream.ReadAll(stream, MaxBytes, "model file");
        if (!file.AsSpan().StartsWith(Magic))
        {
            throw new PopcornException(
                "This is not a Popcorn model file. Make one from an ONNX file with 'popcorn import'.");
        }

        if (file.Length <= Magic.Length)
        {
            throw Damaged();
        }

        byte version = file[Magic.Length];
        return version == Version
            ? file
            : throw new PopcornException(
                $"This model file has version {version}; this program reads version {Version}. {Advice}");
    }

    private static PublicNetwork TakePublic(ReadOnlySpan<byte> file, ref int position)
    {
        if (!Section.TryTake(file, ref position, out ReadOnlySpan<byte> content))
        {
            throw Damaged();
        }

        try
        {
            return PublicNetworkCodec.Decode(BoundedMessage.Parse(
                Messages.PublicNetwork.Parser, Messages.PublicNetwork.Descriptor, content,
                PublicNetworkCodec.MaxMessages));
        }
        catch (Exception e) when (e is PopcornException or InvalidProtocolBufferException)
        {
            throw Malformed(e);
        }
    }

    private static PopcornException Damaged() =>
        new($"The model file is damaged or cut short (its checksum is wrong). {Advice}");

    private static PopcornException Malformed(Exception e) =>
        new($"The model file is malformed: {e.Message.TrimEnd('.')}. {Advice}", e);

    private static IntegerNetwork ReadSecret(PublicNetwork description, ReadOnlySpan<byte> secret)
    {
        var reader = new ByteReader(secret);
        double logitScale = reader.Double();
        var layers = new List<Layer>();
        foreach (PublicLayer layer in description.Layers)
        {
            layers.Add(ReadLayer(ref reader, layer, description.ShapeOf(layer.Input)));
        }

        return reader.Remaining == 0
            ? new IntegerNetwork(description.Input, layers, logitScale)
            {
                ClassNames = description.ClassNames,
                Version = description.Version,
            }
            : throw new PopcornException($"{reader.Remaining} bytes are left over after the last layer");
    }

    /// <summary>A layer of its public part and what follows in the secret one.</summary>
    private static Layer ReadLayer(ref ByteReader reader, PublicLayer layer, Shape source)
    {
        string name = reader.String(NetworkValidator.MaxNameLength);
        return layer.Kind switch
        {
            LayerKind.Linear => LinearLayer.ReadSecret(ref reader, name, layer, source),
            LayerKind.Add => AddLayer.ReadSecret(ref reader, name, layer),
            LayerKind.Clip => ClipLayer.ReadSecret(ref reader, name, layer),
            LayerKind.Concat => new ConcatLayer(name, layer.Input, layer.OtherInputs, layer.Output),
            LayerKind.Rescale => new RescaleLayer(name, layer.Input, layer.Output, layer.Shift),
            LayerKind.Shift => new ShiftLayer(
                name, layer.Input, layer.Output, layer.Shift, layer.SaturationBits),
            LayerKind.Relu => new ReluLayer(name, layer.Input, layer.Output),
            LayerKind.Square => new SquareLayer(name, layer.Input, layer.Output),
            LayerKind.Sign => new SignLayer(name, layer.Input, layer.Output),
            LayerKind.MaxPool or LayerKind.MaxPoolRelu => new MaxPoolLayer(
                name, layer.Input, layer.Output, layer.Window!.Value, WithZero: layer.Kind == LayerKind.MaxPoolRelu),
        };
    }
}

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
