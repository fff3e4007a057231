using System.Runtime.Intrinsics;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>Random transfers of blocks, made of COTs that are there.</summary>
/// <param name="connection">A connection that is used for nothing else.</param>
/// <param name="count">How many a run takes.</param>
internal sealed class RotRuns(Connection connection, int count) : RunAhead
{
    private readonly Vector128<ulong>[] _first = new Vector128<ulong>[count];
    private readonly Vector128<ulong>[] _second = new Vector128<ulong>[count];
    private readonly Vector128<ulong>[] _received = new Vector128<ulong>[count];
    private readonly byte[] _choices = new byte[count];

    protected override void Refill() => connection.Extend((long)Runs * count, 0);

    protected override void RunFirst(int run) => connection.Server.TakeRandom(_first, _second);

    protected override void RunSecond(int run) => connection.Client.TakeRandomChoices(_choices, _received);
}
