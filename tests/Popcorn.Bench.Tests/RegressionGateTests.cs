using Popcorn.Bench.Gate;
using Popcorn.Interop;
using Popcorn.KernelTiming;

namespace Popcorn.Bench.Tests;

public sealed class RegressionGateTests
{
    [Fact]
    public void Every_operation_runs_on_every_kernel()
    {
        foreach (string kernel in PaillierLibrary.Kernels)
        {
            using var workload = new KernelWorkload(2048, kernel, WorkloadSize.Short, Execution.Sequential);
            Assert.Equal(kernel, workload.PublicKey.Kernel);
            foreach (string name in KernelWorkload.Names)
            {
                KernelOperation operation = workload.Create(name);
                Assert.Equal(name, operation.Name);
                Assert.True(operation.Units > 0);
                operation.Run();
            }
        }
    }

    [SlowFact]
    public void A_kernel_that_is_a_fifth_slower_fails_and_an_unchanged_one_passes()
    {
        Baseline baseline = Baseline.Empty;
        baseline.Update("here", new RegressionGate(baseline, "here", 0).Run(always: true, _ => { })
            .Select(verdict => verdict.Measured));
        IReadOnlyList<Verdict> unchanged = new RegressionGate(baseline, "here", 0).Run(always: false, _ => { });
        Assert.All(unchanged, verdict => Assert.True(verdict.Passed, verdict.ToString()));
        IReadOnlyList<Verdict> slower = new RegressionGate(baseline, "here", 20).Run(always: false, _ => { });
        foreach (string kernel in PaillierLibrary.Kernels)
        {
            Assert.Contains(
                slower, verdict => verdict.Measured.Kernel == kernel && verdict.Outcome == Outcome.Slower);
        }
    }
}

/// <summary>Minutes of measuring, which no other test should run beside.</summary>
[AttributeUsage(AttributeTargets.Method)]
file sealed class SlowFactAttribute : FactAttribute
{
    private const string Switch = "POPCORN_SLOW_TESTS";

    public SlowFactAttribute() =>
        Skip = Environment.GetEnvironmentVariable(Switch) == "1" ? null : $"slow: set {Switch}=1";
}
