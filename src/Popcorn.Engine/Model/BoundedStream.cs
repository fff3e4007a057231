namespace Popcorn.Engine.Model;

/// <summary>Reads files whose length nobody vouches for.</summary>
internal static class BoundedStream
{
    /// <summary>All bytes from the stream's position on.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="mostBytes">Refuse anything longer.</param>
    /// <param name="what">What is read, for the message: "model file".</param>
    /// <exception cref="PopcornException">There is more than that.</exception>
    public static byte[] ReadAll(Stream stream, int mostBytes, string what)
    {
        using var buffer = new MemoryStream();
        byte[] chunk = new byte[1 << 16];
        int count;
        while ((count = stream.Read(chunk)) > 0)
        {
            if (buffer.Length + count > mostBytes)
            {
                throw new PopcornException($"This {what} is longer than {mostBytes >> 20} MiB, the most that is read.");
            }

            buffer.Write(chunk, 0, count);
        }

        return buffer.ToArray();
    }
}
