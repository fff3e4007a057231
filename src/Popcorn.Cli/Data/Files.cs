using System.Diagnostics;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>Files of the command line, with errors that name them.</summary>
internal static class Files
{
    /// <summary>Longer than anything takes that is done in turns, on a busy machine too.</summary>
    private static readonly TimeSpan TurnTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan TurnInterval = TimeSpan.FromMilliseconds(20);

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
    /// Refuses to write a model over anything else, be it what the model is made of, by whatever name or link.
    /// </summary>
    /// <param name="path">Where the model is to be written.</param>
    /// <exception cref="PopcornException">A file is there that is neither a model nor empty.</exception>
    public static void RequireModelOrNone(string path)
    {
        if (new FileInfo(path) is not { Exists: true, Length: > 0 } && !Directory.Exists(path))
        {
            return;
        }

        using FileStream there = OpenRead(path);
        if (!there.CanSeek || !ModelFile.IsModel(there))
        {
            throw new PopcornException(
                $"'{path}' would be replaced, and it is no integer network: choose another name.");
        }
    }

    /// <summary>Waits for this process's turn to change files: no other process of this program has one meanwhile.
    /// </summary>
    /// <param name="path">The file that those who change them agree on; beside it lies the mark of a turn.</param>
    /// <param name="patience">How long to wait; longer than any turn takes, where it is left out.</param>
    /// <returns>Ends the turn.</returns>
    /// <exception cref="PopcornException">Another does not come to its end, or nothing can be written there.
    /// </exception>
    public static IDisposable TakeTurn(string path, TimeSpan? patience = null)
    {
        const int FileExists = 17, WindowsFileExists = 80;
        string mark = $"{path}.lock";
        for (long start = Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                return new FileStream(
                    mark, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0,
                    FileOptions.DeleteOnClose);
            }
            catch (IOException e) when ((e.HResult & ushort.MaxValue) is FileExists or WindowsFileExists)
            {
                if (Stopwatch.GetElapsedTime(start) > (patience ?? TurnTimeout))
                {
                    throw new PopcornException(
                        $"'{mark}' is there: another popcorn command writes beside it. Delete it, if none does.", e);
                }

                Thread.Sleep(TurnInterval);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw Unwritable(path, e);
            }
        }
    }

    /// <summary>
    /// Writes a file by way of a neighbour, so that the name never stands for half a file.
    /// </summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="ownerOnly">Whether nobody but the owner may read it, from its first moment on.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="PopcornException">It cannot be written.</exception>
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
            if (e is not DirectoryNotFoundException)
            {
                File.Delete(neighbour);
            }

            if (e is IOException or UnauthorizedAccessException)
            {
                throw Unwritable(path, e);
            }

            throw;
        }
    }

    private static PopcornException Unwritable(string path, Exception e) => new(
        e is DirectoryNotFoundException
            ? $"There is no directory to write '{path}' in."
            : $"'{path}' cannot be written: {OneLine.Of(e.Message)}",
        e);
}
