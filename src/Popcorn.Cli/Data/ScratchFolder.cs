using Popcorn.Engine;

namespace Popcorn.Cli.Data;

/// <summary>A new folder for files that nobody wants to keep; it goes when disposed.</summary>
internal sealed class ScratchFolder : IDisposable
{
    private readonly string _path;

    /// <summary>Makes it where this system has temporary files.</summary>
    /// <param name="prefix">What its name begins with.</param>
    /// <exception cref="PopcornException">Nothing can be written there.</exception>
    public ScratchFolder(string prefix)
    {
        try
        {
            _path = Directory.CreateTempSubdirectory(prefix).FullName;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(e);
        }
    }

    /// <summary>Path of a file in it.</summary>
    public string this[string name] => Path.Combine(_path, name);

    /// <summary>Writes a file.</summary>
    /// <exception cref="PopcornException">There is no room for it.</exception>
    public void Write(string name, Stream content)
    {
        try
        {
            using FileStream file = File.Create(this[name]);
            content.CopyTo(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            Directory.Delete(_path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The system clears up there sooner or later; what the folder was for is done, or failed for a reason.
        }
    }

    private static PopcornException Unwritable(Exception e)
    {
        string variable = OperatingSystem.IsWindows() ? "TMP" : "TMPDIR";
        return new PopcornException(
            $"No temporary files can be written in '{Path.GetTempPath()}' ({OneLine.Of(e.Message)}): set {variable} to "
            + "a folder that has room for some.",
            e);
    }
}
