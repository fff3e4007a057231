using Popcorn.Engine;

namespace Popcorn.Cli.Service;

/// <summary>What is made of some files, made anew when they have changed or their links lead elsewhere. Thread-safe.
/// </summary>
/// <param name="paths">The files.</param>
/// <param name="read">
/// Makes it; throws a <see cref="PopcornException"/> or an <see cref="IOException"/> where it cannot.
/// </param>
/// <param name="report">Told of a change that cannot be read: then what was made before stays.</param>
internal sealed class FollowedFiles<T>(string[] paths, Func<T> read, Action<string> report)
{
    private readonly Lock _lock = new();
    private FileStamp[] _read = Array.ConvertAll(paths, FileStamp.Of);
    private T _value = read();

    /// <summary>What the files say now.</summary>
    public T Value
    {
        get
        {
            lock (_lock)
            {
                FileStamp[] there = Array.ConvertAll(paths, FileStamp.Of);
                if (!there.AsSpan().SequenceEqual(_read))
                {
                    _read = there;
                    try
                    {
                        _value = read();
                    }
                    catch (Exception e) when (e is PopcornException or IOException)
                    {
                        report(e.Message);
                    }
                }

                return _value;
            }
        }
    }
}
