using System.Globalization;
using Popcorn.Engine.Import.Onnx;

namespace Popcorn.Engine.Import;

/// <summary>Tensors whose data lies in files beside the network's, as large networks have them.</summary>
/// <param name="folder">The folder of the network's file: nothing outside it is ever opened.</param>
internal sealed class ExternalData(string folder)
{
    /// <summary>The bytes of a tensor.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="size">How many its shape asks for.</param>
    public byte[] Read(TensorProto tensor, long size)
    {
        string location = Entry(tensor, "location") ?? "";
        long offset = Number(tensor, "offset", 0);
        long length = Number(tensor, "length", size);
        string path = PathOf(location);
        if (size > OnnxImporter.MaxBytes || length != size)
        {
            throw new NodeException($"its shape asks for {size} bytes and '{location}' shall hold {length}");
        }

        try
        {
            using FileStream file = File.OpenRead(path);
            if (offset > file.Length || length > file.Length - offset)
            {
                throw new NodeException(
                    $"'{location}' has {file.Length} bytes and it wants {length} from {offset}; fetch that file again");
            }

            byte[] bytes = new byte[length];
            file.Position = offset;
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NodeException($"its data lies in '{location}', which cannot be read: {OneLine.Of(e.Message)}");
        }
    }

    /// <summary>A path within the folder, not by way of a link out of it either.</summary>
    private string PathOf(string location)
    {
        string[] parts = location.Split('/', '\\');
        bool isInside = location.Length > 0 && !Path.IsPathRooted(location) && !location.Contains(':')
            && !location.Contains('\0') && Array.TrueForAll(parts, part => part is not ("" or "." or ".."));
        string path = folder;
        for (int i = 0; isInside && i < parts.Length; i++)
        {
            path = Path.Combine(path, parts[i]);
            isInside = new FileInfo(path).LinkTarget is null;
        }

        return isInside ? path : throw new NodeException(
            $"its data lies in '{location}', which is not within the network's folder; put it there");
    }

    private static string? Entry(TensorProto tensor, string key) =>
        tensor.ExternalData.FirstOrDefault(e => e.Key == key)?.Value;

    private static long Number(TensorProto tensor, string key, long otherwise) => Entry(tensor, key) switch
    {
        null => otherwise,
        string text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long n) => n,
        string text => throw new NodeException($"the {key} of its data in another file is '{text}'"),
    };
}
