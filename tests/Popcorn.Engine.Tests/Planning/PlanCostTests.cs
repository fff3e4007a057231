using Popcorn.Engine.Blinded;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.Engine.Tests.Planning;

/// <summary>A plan takes time and memory for its steps, not for their items: a client makes one for any server.
/// </summary>
public class PlanCostTests(ITestOutputHelper output)
{
    private const long MostBytes = 50 << 20;

    public static TheoryData<string, PublicNetwork> LargeNetworks
    {
        get
        {
            var wide = new Shape(1, 1 << 12, 1 << 12);
            var plane = new Shape(1, 600, 600);
            return new()
            {
                { "one ReLU as large as can be", Of(wide, ReluOf(wide, 0)) },
                { "a ReLU of many channels", Of(new(1 << 23, 1, 1), ReluOf(new(1 << 23, 1, 1), 0)) },
                { "a pool of large windows", Of(plane, PoolOf(plane, 0, 90, 1)) },
                { "a pool of one column", Of(new(1, 600, 1), PoolOf(new(1, 600, 1), 0, 90, 1, width: 1)) },
                { "a pool of many channels", Of(new(64, 200, 200), PoolOf(new(64, 200, 200), 0, 3, 2)) },
                {
                    "many layers",
                    Of(new(8, 1, 1), [.. Enumerable.Range(0, 4096).Select(i => ReluOf(new(8, 1, 1), i))])
                },
                {
                    "many shifts",
                    Of(new(8, 1, 1), [.. Enumerable.Range(0, 4096).Select(i => ShiftOf(new(8, 1, 1), i))])
                },
            };
        }
    }

    [Theory]
    [MemberData(nameof(LargeNetworks))]
    public void Plans_are_cheap_or_refused(string name, PublicNetwork network)
    {
        // Once before, for what is compiled at first use.
        TryPlan(network);
        long before = GC.GetAllocatedBytesForCurrentThread();
        TimeSpan start = ThreadClock.Now;
        string outcome = TryPlan(network);
        TimeSpan time = ThreadClock.Now - start;
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        output.WriteLine($"{name}: {bytes >> 10} KiB, {time.TotalMilliseconds:0} ms: {outcome}");
        Assert.InRange(bytes, 0, MostBytes);
        Assert.InRange(time.TotalSeconds, 0, 2);
    }

    private static string TryPlan(PublicNetwork network)
    {
        try
        {
            Plan plan = BlindedPlan.Create(network, 2048);
            return $"{plan.Steps.Count} steps, {plan.Cost.BytesUp >> 20} MiB";
        }
        catch (PopcornException e)
        {
            return e.Message;
        }
    }

    private static PublicNetwork Of(Shape input, params PublicLayer[] layers) =>
        new(new InputDescription(input, 0, 255, 1), layers);

    private static PublicLayer ShiftOf(Shape shape, int input) =>
        new(LayerKind.Shift, input, shape, null, 0, 20) { Shift = 5, SaturationBits = 8 };

    private static PublicLayer ReluOf(Shape shape, int input) => new(LayerKind.Relu, input, shape, null, 0, 8);

    private static PublicLayer PoolOf(Shape source, int input, int kernel, int stride, int? width = null)
    {
        int kernelWidth = width ?? kernel;
        (int height, int across) = ((source.Height - kernel) / stride + 1, (source.Width - kernelWidth) / stride + 1);

        // As many windows as are allowed.
        height = Math.Min(height, NetworkValidator.MaxPoolTaps / (kernel * kernelWidth) / Math.Min(across, 8));
        across = Math.Min(across, 8);
        return new PublicLayer(
            LayerKind.MaxPool, input, new Shape(source.Channels, height, across),
            new Window(kernel, kernelWidth, stride, stride, 1, 1, 0, 0, height, across), 0, 8);
    }
}
