using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Popcorn.Bench.Report;

/// <summary>The core's clock as it runs, which no counter tells in a virtual machine.</summary>
internal static class ClockRate
{
    private const int Repeats = 200;
    private const int Steps = 20_000;
    private const int StepsPerLoop = 8;

    // A 64-bit multiplication that waits for the one before: so on every x86 core of the last ten years.
    private const int CyclesPerStep = 3;

    /// <summary>Cycles per microsecond.</summary>
    public static double Measure()
    {
        TimeSpan best = TimeSpan.MaxValue;
        ulong sink = 1;
        for (int i = 0; i < Repeats; i++)
        {
            long began = Stopwatch.GetTimestamp();
            sink = Multiply(sink, 3);
            TimeSpan time = Stopwatch.GetElapsedTime(began);
            best = time < best ? time : best;
        }

        GC.KeepAlive(sink);
        return Steps * CyclesPerStep / best.TotalMicroseconds;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Multiply(ulong product, ulong factor)
    {
        for (int i = 0; i < Steps / StepsPerLoop; i++)
        {
            product *= factor;
            product *= factor;
            product *= factor;
            product *= factor;
            product *= factor;
            product *= factor;
            product *= factor;
            product *= factor;
        }

        return product;
    }
}
