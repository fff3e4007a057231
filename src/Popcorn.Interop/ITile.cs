namespace Popcorn.Interop;

/// <summary>Work on a contiguous part of a batch operation's range, safe to run beside its siblings.</summary>
internal interface ITile
{
    void Run(int start, int count);
}
