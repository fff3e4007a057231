using System.Runtime.InteropServices;

namespace Popcorn.Cli.Terminal;

/// <summary>
/// What ends a command from outside: Ctrl-C, or SIGTERM of whoever runs it as a service. The command is told and has a
/// moment to end by itself; one that computes and does not look ends anyway, and so it does at the second Ctrl-C.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _signals;
    private static int _told;
    private Timer? _end;

    /// <summary>Listens until it is disposed.</summary>
    public Interruption() => _signals =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle),
    ];

    /// <summary>Tells the command to end.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Whether it was SIGTERM that came.</summary>
    public static bool IsTermination { get; private set; }

    /// <summary>How long a command may take to end by itself.</summary>
    public static TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Whether the command is a service, which SIGTERM ends as it should be ended.</summary>
    public static bool IsService { get; set; }

    /// <summary>Tells the user, once: the command may end just when its time is over.</summary>
    /// <returns>The exit status.</returns>
    public static int Tell()
    {
        if (IsTermination && IsService)
        {
            return ExitStatus.Success;
        }

        if (Interlocked.Exchange(ref _told, 1) == 0)
        {
            Output.Error("interrupted");
        }

        return ExitStatus.Interrupted;
    }

    public void Dispose()
    {
        Array.ForEach(_signals, signal => signal.Dispose());
        _end?.Dispose();
        _source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        bool isFirst = !_source.IsCancellationRequested;
        if (isFirst)
        {
            IsTermination = context.Signal == PosixSignal.SIGTERM;
            _end = new Timer(_ => EndWithLastWords(), null, Patience, Timeout.InfiniteTimeSpan);
            _source.Cancel();
        }
        else if (context.Signal == PosixSignal.SIGINT)
        {
            End();
        }
    }

    private static void EndWithLastWords()
    {
        try
        {
            LastWords.Say();
        }
        catch (IOException)
        {
            // Nobody reads them.
        }

        End();
    }

    private static void End() => Environment.Exit(Tell());
}
