using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>Files of the command line, with errors that name them.</summary>
internal static class Files
{
    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="PopcornException">There is no such file, or it may not be read.</exception>
    public static FileStream OpenRead(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new PopcornException($"There is no file '{path}'.", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new PopcornException(
                Directory.Exists(path) ? $"'{path}' is a directory." : $"'{path}' may not be read: {e.Message}", e);
        }
    }

    /// <summary>Loads a <c>.popcorn</c> file.</summary>
    /// <exception cref="PopcornException">The file is missing, damaged or something else.</exception>
    public static IntegerNetwork LoadModel(string path)
    {
        using FileStream file = OpenRead(path);
        try
        {
            return ModelFile.Load(file);
        }
        catch (PopcornException e)
        {
            throw new PopcornException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Writes a file by way of a neighbour, so that the name never stands for half a file.
    /// </summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="ownerOnly">Whether nobody but the owner may read it, from its first moment on.</param>
    /// <param name="write">Writes the content.</param>
    public static void Replace(string path, bool ownerOnly, Action<Stream> write)
    {
        string neighbour = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (ownerOnly && !OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using (var file = new FileStream(neighbour, options))
            {
                write(file);
            }

            File.Move(neighbour, path, overwrite: true);
        }
        catch (Exception e)
        {
            if (e is DirectoryNotFoundException)
            {
                throw new PopcornException($"There is no directory to write '{path}' in.", e);
            }

            File.Delete(neighbour);
            throw;
        }
    }
}
