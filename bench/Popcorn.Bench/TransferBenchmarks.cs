using System.Runtime.CompilerServices;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Popcorn.KernelTiming;
using Popcorn.KernelTiming.TwoParty;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Bench;

/// <summary>
/// Either party's side of transfers on one thread, per transfer, ticket or comparison, beside AES of a block: the ratio
/// to it is what compares between machines.
/// </summary>
[MemoryDiagnoser]
[InvocationCount(RunAhead.Runs)]
[IterationCount(40)]
public class TransferBenchmarks
{
    private TransferWorkload _workload = null!;
    private AesYardstick _aes = null!;
    private Yardstick _yardstick = null!;
    private KernelOperation? _side;

    /// <summary>Whose side is measured; the server is the sender.</summary>
    [ParamsAllValues]
    public Party Party { get; set; }

    /// <summary>The yardstick.</summary>
    [Benchmark(OperationsPerInvoke = AesYardstick.Units)]
    public TimeSpan AesBlock() => _yardstick.Measure();

    /// <summary>COTs of the silent extension.</summary>
    [Benchmark(OperationsPerInvoke = TransferWorkload.Cots)]
    public void Cot() => Run();

    /// <summary>COTs of SoftSpoken.</summary>
    [Benchmark(OperationsPerInvoke = TransferWorkload.SoftSpokenCots)]
    public void SoftSpoken() => Run();

    /// <summary>Random transfers of blocks.</summary>
    [Benchmark(OperationsPerInvoke = TransferWorkload.Batch)]
    public void Rot() => Run();

    /// <summary>One pad of eight, two bits wide, with the correction of the choice.</summary>
    [Benchmark(OperationsPerInvoke = TransferWorkload.Batch)]
    public void Rot8() => Run();

    /// <summary>Double triples.</summary>
    [Benchmark(OperationsPerInvoke = TransferWorkload.Batch)]
    public void Triple() => Run();

    /// <summary>Tickets of a ReLU of 20 bits, their COTs included.</summary>
    [Benchmark(OperationsPerInvoke = TransferWorkload.TicketBatch)]
    public void ReluTicket20() => Run();

    /// <summary>ReLUs of 20 bits, with tickets.</summary>
    [Benchmark(OperationsPerInvoke = TransferWorkload.Batch)]
    public void Relu20() => Run();

    /// <summary>Signs of 13 bits, with tickets.</summary>
    [Benchmark(OperationsPerInvoke = TransferWorkload.Batch)]
    public void Sign13() => Run();

    /// <summary>Makes the yardstick's key; connections are made with the operation.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        _workload = new TransferWorkload();
        _aes = new AesYardstick();
        _yardstick = _aes.Create();
    }

    /// <summary>What the runs of an iteration use up.</summary>
    [IterationSetup]
    public void Renew() => _side?.Supply?.Renew();

    /// <summary>Frees what was made.</summary>
    [GlobalCleanup]
    public void CleanUp()
    {
        _workload.Dispose();
        _aes.Dispose();
    }

    /// <summary>Runs a side of the operation of a benchmark's name, which the first of all runs, a warm-up,
    /// prepares.</summary>
    private void Run([CallerMemberName] string benchmark = "") => (_side ??= Prepare(benchmark)).Run();

    private KernelOperation Prepare(string benchmark)
    {
        TransferOperation operation = _workload.Create(JsonNamingPolicy.CamelCase.ConvertName(benchmark));
        KernelOperation side = Party == Party.Server ? operation.Server : operation.Client;
        side.Supply?.Renew();
        return side;
    }
}
