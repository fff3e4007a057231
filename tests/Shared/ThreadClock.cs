using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Popcorn.Tests;

/// <summary>
/// Time that the current thread has computed. Unlike the time of day it does not run on while others have the machine.
/// </summary>
internal static class ThreadClock
{
    private const int OfThreadOnLinux = 3;
    private const int OfThreadOnMac = 16;
    private const nint ThisThreadOnWindows = -2;

    /// <summary>The time; only differences within one thread say anything.</summary>
    public static TimeSpan Now
    {
        get
        {
            if (OperatingSystem.IsWindows())
            {
                return GetThreadTimes(ThisThreadOnWindows, out _, out _, out long kernel, out long user)
                    ? TimeSpan.FromTicks(kernel + user)
                    : throw new InvalidOperationException("The thread's time is unknown.");
            }

            return OperatingSystem.IsLinux() || OperatingSystem.IsMacOS()
                ? clock_gettime(OperatingSystem.IsLinux() ? OfThreadOnLinux : OfThreadOnMac, out Timespec time) == 0
                    ? TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1000.0)
                    : throw new InvalidOperationException("The thread's time is unknown.")
                : Stopwatch.GetElapsedTime(0);
        }
    }

    [DllImport("libc")]
    private static extern int clock_gettime(int clock, out Timespec time);

    [DllImport("kernel32")]
    private static extern bool GetThreadTimes(
        nint thread, out long created, out long ended, out long kernel, out long user);

    private struct Timespec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
