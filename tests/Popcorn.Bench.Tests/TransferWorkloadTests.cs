using Popcorn.Bench.Gate;
using Popcorn.KernelTiming;
using Popcorn.KernelTiming.TwoParty;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.Bench.Tests;

public sealed class TransferWorkloadTests
{
    /// <summary>Slices of one party may follow each other, and those of the other may be left out.</summary>
    [Fact]
    public void Every_operation_runs_in_any_order_of_its_sides()
    {
        using var workload = new TransferWorkload();
        foreach (string name in TransferWorkload.AllNames)
        {
            TransferOperation operation = workload.Create(name);
            Assert.Equal(name, operation.Name);
            Assert.Equal(TransferMeasurement.SidesOf(name), operation.Sides.Select(side => side.Side.Name));
            foreach (KernelOperation side in (KernelOperation[])
                [
                    operation.Client, operation.Server, operation.Server, operation.Client, operation.Client,
                    operation.Server,
                ])
            {
                Assert.True(side.Units > 0);
                side.Supply!.Renew();
                for (int run = 0; run < side.Supply.Runs; run++)
                {
                    side.Run();
                }
            }
        }
    }

    [Fact]
    public void Bits_are_those_of_the_plans()
    {
        using var workload = new TransferWorkload();
        (double, double) BitsOf(string name) =>
            workload.Create(name) is var operation ? (operation.ServerBits, operation.ClientBits) : default;
        Assert.Equal((110, 44), BitsOf("relu20"));
        Assert.Equal((57, 33), BitsOf("sign13"));
        Assert.Equal((0, 19), BitsOf(TransferWorkload.Ticket));
        Assert.Equal((0, 3), BitsOf("rot8"));
        Assert.Equal((0, 31), BitsOf(TransferWorkload.SoftSpoken));
        Assert.Equal(0.21055, BitsOf("cot").Item1, precision: 5);
    }

    /// <summary>The constants, which benchmarks need, follow from the set: what it makes, less what it starts from.
    /// </summary>
    [Fact]
    public void A_run_counts_no_more_cots_than_are_for_use()
    {
        FerretParameters set = FerretParameters.Depth13;
        double usable = 1 - ((double)set.Consumed / set.Outputs);
        int CotsOf(int trees) => (int)(trees * set.Leaves * usable);
        Assert.Equal(TransferWorkload.Cots, CotsOf(2));
        Assert.Equal(TransferWorkload.TicketBatch, CotsOf(7) / TransferWorkload.Relu.Cots(Party.Server));
        Assert.Equal(TransferWorkload.TicketBatch, CotsOf(2) / TransferWorkload.Relu.Cots(Party.Client));
    }

    [Fact]
    public void A_million_tickets_take_the_bits_of_the_plan_and_the_clients_shares()
    {
        const int Million = 1_000_000;
        Assert.InRange(TransferWorkload.TicketBytes(Party.Server, Million), 170 * Million / 8, 171 * Million / 8);
        Assert.InRange(TransferWorkload.TicketBytes(Party.Client, Million), 124 * Million / 8, 125 * Million / 8);
    }

    [Fact]
    public void A_query_that_is_measured_computes_what_it_should()
    {
        using var connection = new Connection(TransferOptions.Short);
        const int Items = 1000;
        var relu = new QueryRuns(connection, TransferWorkload.Relu, Items);
        Assert.Equal(relu.Inputs.Select(x => x >> 19 == 0 ? x >> 8 : 0), relu.Results);
        var sign = new QueryRuns(connection, TransferWorkload.Sign, Items);
        Assert.Equal(sign.Inputs.Select(x => 1 - (x >> 12)), sign.Results);
        foreach (Party party in (Party[])[Party.Server, Party.Client])
        {
            KernelOperation side = relu.Create("relu", party);
            side.Supply!.Renew();
            side.Run();
            Assert.Equal(relu.SharesOf(party), relu.Computed);
        }
    }

    [Fact]
    public void Beginning_a_connection_costs_both_parties_time_and_bytes()
    {
        var cost = SetUpCost.Measure(1, default);
        Assert.True(cost.Server > TimeSpan.Zero && cost.Client > TimeSpan.Zero);
        Assert.InRange(cost.ServerBytes + cost.ClientBytes, 100_000, 2_000_000);
    }
}
