namespace Popcorn.Cli.Service;

/// <summary>
/// By what a change of a file is noticed: where its path leads, and time and length of what is there. The file itself
/// is not opened: a pipe would wait for its writer.
/// </summary>
/// <param name="Place">The path without links.</param>
/// <param name="Written">When it was written; of a file that is not there the same always.</param>
/// <param name="Length">Its bytes; -1: it is not there.</param>
internal readonly record struct FileStamp(string Place, DateTime Written, long Length)
{
    /// <summary>More than a system follows; what has so many leads round in a circle.</summary>
    private const int MostLinks = 40;

    /// <summary>Looks at a file.</summary>
    public static FileStamp Of(string path)
    {
        var file = new FileInfo(RealPath(path));
        return new FileStamp(file.FullName, file.LastWriteTimeUtc, file.Exists ? file.Length : -1);
    }

    /// <summary>
    /// Where a path leads in the end. Any folder on the way may be a link: Kubernetes mounts a Secret as links through
    /// <c>..data</c>, and exchanges nothing but that when the Secret changes.
    /// </summary>
    public static string RealPath(string path)
    {
        string full = Path.GetFullPath(path);
        string real = Path.GetPathRoot(full)!;
        var ahead = new Stack<string>();
        Push(full[real.Length..]);
        for (int links = 0; ahead.TryPop(out string? part);)
        {
            string next = Path.Join(real, part);
            if (part == "..")
            {
                real = Path.GetDirectoryName(real) ?? real;
            }
            else if (part != "." && links < MostLinks && new FileInfo(next).LinkTarget is string target)
            {
                links++;
                string root = Path.GetPathRoot(target)!;
                real = root.Length > 0 ? root : real;
                Push(target[root.Length..]);
            }
            else if (part != ".")
            {
                real = next;
            }
        }

        return real;

        void Push(string parts)
        {
            char[] separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];
            foreach (string part in parts.Split(separators, StringSplitOptions.RemoveEmptyEntries).Reverse())
            {
                ahead.Push(part);
            }
        }
    }
}
