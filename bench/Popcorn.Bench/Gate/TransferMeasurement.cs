using Popcorn.KernelTiming;
using Popcorn.KernelTiming.TwoParty;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Bench.Gate;

/// <summary>Either party's side of transfers, in units of AES blocks.</summary>
internal static class TransferMeasurement
{
    private const string SetUp = "setUp";
    private const int SetUps = 5;
    private const int YardstickRuns = 100;
    private const int Tickets = 1_000_000;

    /// <summary>It is long, much of it in the platform's library, and made a few times only.</summary>
    private const double SetUpError = 0.1;

    /// <summary>In the place of a kernel's name: whose AES is used.</summary>
    public static string Kernel => AesYardstick.HasInstructions ? "aes" : "library";

    /// <summary>Both sides of beginning a connection.</summary>
    public static IReadOnlyList<string> SetUpSides { get; } = [.. SidesOf(SetUp)];

    /// <summary>What either party does is an operation of its own.</summary>
    public static IEnumerable<string> SidesOf(string name) =>
        [TransferOperation.SideOf(name, Party.Server), TransferOperation.SideOf(name, Party.Client)];

    /// <summary>What a side of an operation sends, and keeps of a million tickets.</summary>
    public static TransferSizes SizesOf(string side, double sentBits) => new(
        sentBits,
        side == TransferOperation.SideOf(TransferWorkload.Ticket, Party.Server)
            ? TransferWorkload.TicketBytes(Party.Server, Tickets)
            : side == TransferOperation.SideOf(TransferWorkload.Ticket, Party.Client)
                ? TransferWorkload.TicketBytes(Party.Client, Tickets)
                : 0);

    /// <summary>Measures beginning a connection.</summary>
    /// <param name="yardstick">AES.</param>
    /// <param name="slowDownPercent">Makes it longer by this much, to show that the gate notices.</param>
    public static IEnumerable<Measurement> OfSetUp(Yardstick yardstick, double slowDownPercent)
    {
        double block = Enumerable.Range(0, YardstickRuns).Min(_ => yardstick.Measure().TotalMicroseconds)
            / yardstick.Units;
        var cost = SetUpCost.Measure(SetUps, default);
        return [Of(Party.Server, cost.Server, cost.ServerBytes), Of(Party.Client, cost.Client, cost.ClientBytes)];

        Measurement Of(Party party, TimeSpan time, long bytes)
        {
            double microseconds = time.TotalMicroseconds * (1 + slowDownPercent / 100);
            return new Measurement(
                Kernel, TransferOperation.SideOf(SetUp, party), microseconds, microseconds / block, SetUpError,
                AllocatedBytes: null)
            {
                Sizes = new TransferSizes(8.0 * bytes, KeptBytes: 0),
                IsLarge = true,
            };
        }
    }
}
