namespace Popcorn.Cli.Terminal;

/// <summary>What the process returns.</summary>
internal static class ExitStatus
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;
    public const int Interrupted = 130;
}
