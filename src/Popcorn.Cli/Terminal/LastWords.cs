namespace Popcorn.Cli.Terminal;

/// <summary>
/// What a command has found, told once: when it is disposed, after all or after an error, or before an interruption
/// ends the process while the command computes and does not look.
/// </summary>
internal sealed class LastWords : IDisposable
{
    private static volatile LastWords? _current;

    private readonly Lock _lock = new();
    private Action? _say;

    /// <param name="say">Tells what has been found so far; called by any thread.</param>
    public LastWords(Action say)
    {
        _say = say;
        _current = this;
    }

    /// <summary>Tells what the command has found, where it has anything to tell.</summary>
    public static void Say() => _current?.Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            Action? say = _say;
            _say = null;
            say?.Invoke();
        }
    }
}
