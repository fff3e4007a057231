using Popcorn.Cli.Measurement;
using Popcorn.Engine.Costs;
using Popcorn.Interop;

namespace Popcorn.Cli.Tests.Measurement;

/// <summary>Times that nobody can have measured are no times.</summary>
public sealed class OperationTimesCacheTests
{
    private static readonly OperationTimes Times = new(1e-6, 1e-6, 1e-4, 1e-4, 1e-3, 1e-5, 1e-5, 4)
    {
        Transfers = new TransferTimes(1e-7, 1e-8, 1e-7, 1e-7, 1e-9, 1e-9, 1e-9, 1e-9, 1e-5, 1e-9),
    };

    [Fact]
    public void Times_of_a_damaged_file_are_not_taken()
    {
        Assert.True(OperationTimesCache.ArePlausible(Times));
        Assert.True(OperationTimesCache.ArePlausible(Times with { Transfers = TransferTimes.None }));
        OperationTimes?[] damaged =
        [
            null,
            Times with { Product = -1 },
            Times with { Square = 0 },
            Times with { Decrypt = double.NaN },
            Times with { Export = double.PositiveInfinity },
            Times with { Lanes = 0 },
            Times with { Lanes = PaillierLibrary.MaxLanes + 1 },
            Times with { Transfers = null! },
            Times with { Transfers = Times.Transfers with { MessageByte = -1 } },
            Times with { Transfers = Times.Transfers with { Tickets = double.NaN } },
        ];
        Assert.All(damaged, times => Assert.False(OperationTimesCache.ArePlausible(times)));
    }
}
