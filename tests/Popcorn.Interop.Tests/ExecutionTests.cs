using System.Collections.Concurrent;

namespace Popcorn.Interop.Tests;

/// <summary>Tiles, threads and cancellation.</summary>
public sealed class ExecutionTests
{
    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(1, 8, 4)]
    [InlineData(7, 8, 4)]
    [InlineData(1000, 8, 3)]
    [InlineData(1001, 1, 2)]
    [InlineData(100_000, 8, 1)]
    public void Tiles_cover_the_range_once_in_multiples_of_the_lanes(int count, int lanes, int workers)
    {
        foreach (TileGrain grain in new[] { TileGrain.Light, TileGrain.Heavy })
        {
            var seen = new ConcurrentBag<(int Start, int Count)>();
            Tiles.Run(new Recorder(seen), count, lanes, grain, new Execution(workers));
            int next = 0;
            foreach ((int start, int length) in seen.Order())
            {
                Assert.Equal(next, start);
                Assert.Equal(0, start % lanes);
                Assert.InRange(length, 1, grain.Largest + lanes);
                next += length;
            }

            Assert.Equal(count, next);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Cancellation_stops_between_tiles(int workers)
    {
        using var source = new CancellationTokenSource();
        var seen = new ConcurrentBag<(int Start, int Count)>();
        var execution = new Execution(workers, source.Token);
        Assert.ThrowsAny<OperationCanceledException>(
            () => Tiles.Run(new Recorder(seen, source), 100_000, 1, TileGrain.Heavy, execution));
        Assert.InRange(seen.Count, 1, 2 * workers);
    }

    [Theory, ClassData(typeof(KernelData))]
    public void A_cancelled_encryption_says_so(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        using var batch = new CiphertextBatch(key.PublicKey, 1);
        var cancelled = new Execution(0, new CancellationToken(canceled: true));
        Assert.ThrowsAny<OperationCanceledException>(() => encryptor.Encrypt([1L], batch, 0, cancelled));
        Assert.Equal([1], batch.Ciphertexts());
    }

    [Fact]
    public void A_failure_on_any_thread_is_the_operations_failure()
    {
        PaillierException exception = Assert.Throws<PaillierException>(
            () => Tiles.Run(new Failing(), 1000, 1, TileGrain.Heavy, new Execution(2)));
        Assert.Equal(PaillierError.Memory, exception.Error);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => Tiles.Run(new Failing(), 1, 1, TileGrain.Heavy, new Execution(-1)));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void One_tile_allocates_nothing(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var encryptor = new Encryptor(key);
        var decryptor = new Decryptor(key);
        using var batch = new CiphertextBatch(key.PublicKey, 4);
        using var target = new CiphertextBatch(key.PublicKey, 4);
        ulong[] words = new ulong[4 * key.PublicKey.PlaintextWords];
        using var program = new ProductProgram([new Instruction(1, 0, 0)], [new ProgramInput(0, 0, 0)], 1, [1]);
        int[] first = [0];
        Work();

        // What allocates does so each time. A pool may be emptied in between: by a collection, or by other tests.
        Assert.Contains(0, Enumerable.Range(0, 100).Select(_ =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Work();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }));

        void Work()
        {
            encryptor.Encrypt([1L, 2L, 3L, 4L], batch, 0, Execution.Sequential);
            Evaluator.Add(batch, batch, target, Execution.Sequential);
            Evaluator.Negate(target, target, Execution.Sequential);
            Evaluator.Combine([batch], [new Term(3, 0, 0, 2)], [0, 1], target, 0, Execution.Sequential);
            Evaluator.Run(
                program, [new ProgramView(batch, 1, first)], new ProgramView(target, 1, first), 0, 1,
                Execution.Sequential);
            decryptor.Decrypt(target, 0, 4, words, Execution.Sequential);
        }
    }

    private readonly struct Recorder(
        ConcurrentBag<(int Start, int Count)> seen, CancellationTokenSource? cancellation = null) : ITile
    {
        public void Run(int start, int count)
        {
            seen.Add((start, count));
            if (cancellation is not null)
            {
                // Who comes second waits until the first has told everybody: a thread may be held up on its way.
                lock (seen)
                {
                    cancellation.Cancel();
                }
            }
        }
    }

    private readonly struct Failing : ITile
    {
        public void Run(int start, int count) => throw new PaillierException(PaillierError.Memory, "no memory.");
    }
}
