using Popcorn.KernelTiming;
using Popcorn.KernelTiming.TwoParty;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Cli.Measurement;

/// <summary>
/// What <c>popcorn bench transfers</c> found. Keys of JSON: add, never rename. Times are those of one core; what the
/// server sends and the client chooses from is direction 0, so the server is the sender.
/// </summary>
/// <param name="Instructions">Whether the processor's instructions for AES are used.</param>
/// <param name="AesBlockNanoseconds">The yardstick: AES-128 of a block, one of many under one key.</param>
/// <param name="Operations">The operations.</param>
/// <param name="SoftSpoken">A COT of the extension that is not silent.</param>
/// <param name="SetUp">Beginning a connection.</param>
/// <param name="TicketBytes">A million ReLU tickets in memory.</param>
internal sealed record TransfersReport(
    bool Instructions,
    double AesBlockNanoseconds,
    IReadOnlyList<MeasuredTransfer> Operations,
    TransferFigures SoftSpoken,
    SetUpFigures SetUp,
    TicketFigures TicketBytes);

/// <summary>An operation, for an item.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Nanoseconds">Of the slower party.</param>
/// <param name="ServerNanoseconds">Of the server: the sender of transfers.</param>
/// <param name="ClientNanoseconds">Of the client: their receiver.</param>
/// <param name="Bits">
/// Bits of its own messages, both ways: not those that made its COTs. Of <c>rot8</c> the correction of the choice; of
/// <c>cot</c> all that the extension sends, once it has settled.
/// </param>
internal sealed record MeasuredTransfer(
    string Name, double Nanoseconds, double ServerNanoseconds, double ClientNanoseconds, double Bits);

/// <summary>The same of one that has no name of its own.</summary>
internal sealed record TransferFigures(
    double Nanoseconds, double ServerNanoseconds, double ClientNanoseconds, double Bits);

/// <summary>
/// Until the first silent COTs of both directions are there, one process doing both parties' work in turn.
/// </summary>
internal sealed record SetUpFigures(double Seconds, double ServerSeconds, double ClientSeconds, long Bytes);

/// <summary>Bytes of each party.</summary>
internal sealed record TicketFigures(long Server, long Client);

/// <summary>Times transfers and what is made of them on this machine, beside AES in the same run.</summary>
internal static class TransfersBenchmark
{
    /// <summary>The extension that is not silent, for people.</summary>
    public const string SoftSpoken = TransferWorkload.SoftSpoken;

    private const int Rounds = 24;
    private const int SetUps = 5;
    private const int Tickets = 1_000_000;

    /// <summary>Slices in all, for a progress bar.</summary>
    public static int Slices => Rounds * 2 * TransferWorkload.AllNames.Count;

    /// <summary>Measures everything.</summary>
    /// <param name="started">Told of each slice before it begins, with the number of those done.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static TransfersReport Run(Action<int, string> started, CancellationToken cancellationToken)
    {
        (double aesBlock, MeasuredTransfer[] measured) = Measure(started, cancellationToken);
        started(Slices, "setUp");
        SetUpCost setUp = SetUpCost.Measure(SetUps, cancellationToken);
        MeasuredTransfer softSpoken = measured[^1];
        return new TransfersReport(
            AesYardstick.HasInstructions,
            aesBlock,
            measured[..^1],
            new TransferFigures(
                softSpoken.Nanoseconds, softSpoken.ServerNanoseconds, softSpoken.ClientNanoseconds, softSpoken.Bits),
            new SetUpFigures(
                (setUp.Server + setUp.Client).TotalSeconds,
                setUp.Server.TotalSeconds,
                setUp.Client.TotalSeconds,
                setUp.ServerBytes + setUp.ClientBytes),
            new TicketFigures(
                TransferWorkload.TicketBytes(Party.Server, Tickets),
                TransferWorkload.TicketBytes(Party.Client, Tickets)));
    }

    private static (double AesBlock, MeasuredTransfer[] Operations) Measure(
        Action<int, string> started, CancellationToken cancellationToken)
    {
        using var workload = new TransferWorkload();
        using var aes = new AesYardstick();
        TransferOperation[] operations = [.. TransferWorkload.AllNames.Select(workload.Create)];
        Timings timings = new InterleavedTimer(TimeSpan.Zero, cancellationToken) { Yardstick = aes.Create() }
            .Measure([.. operations.SelectMany(each => each.Sides).Select(each => each.Side)], Rounds, started);
        return (1000 * timings.ReferenceMicroseconds, [.. operations.Select((operation, i) =>
        {
            double server = 1000 * timings.Operations[2 * i].Microseconds;
            double client = 1000 * timings.Operations[(2 * i) + 1].Microseconds;
            return new MeasuredTransfer(
                operation.Name, Math.Max(server, client), server, client, operation.ServerBits + operation.ClientBits);
        })]);
    }
}
