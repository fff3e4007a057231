using System.Numerics;
using System.Runtime.CompilerServices;
using Popcorn.Tests;

namespace Popcorn.Interop.Tests;

/// <summary>Who may be disposed when.</summary>
public sealed class LifetimeTests
{
    [Theory, ClassData(typeof(KernelData))]
    public void Batches_and_encryptors_outlive_their_keys(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        PaillierPublicKey copy = PaillierPublicKey.Import(key.PublicKey.Export(), TestKeys.Options(kernel));
        var batch = new CiphertextBatch(copy, 3);
        var sums = new CiphertextBatch(copy, 3);
        var encryptor = new Encryptor(copy);
        copy.Dispose();
        GC.Collect();
        GC.WaitForPendingFinalizers();

        encryptor.Encrypt([1L, -2L, 3L], batch);
        Evaluator.Add(batch.Range(0, 3), batch.Range(0, 3), sums.Range(0, 3));
        encryptor.Dispose();
        batch.Dispose();
        using CiphertextBatch received = BatchExtensions.ImportAll(key.PublicKey, sums.Ciphertexts());
        sums.Dispose();
        Assert.Equal([2, -4, 6], key.Decrypt(received));
    }

    /// <summary>Somebody has forgotten to dispose them, and nothing else asks for a collection.</summary>
    [Fact]
    public async Task Forgotten_batches_are_collected_before_they_are_much()
    {
        const int Batches = 60, Bytes = 16 << 20;
        PaillierPublicKey key = TestKeys.Real(PaillierLibrary.DefaultKernel).PublicKey;
        int count = (int)(Bytes / key.NumberBytes);
        WeakReference[] forgotten = [.. Enumerable.Range(0, Batches).Select(_ => Forget())];
        await Eventually.IsTrueAsync(
            () => forgotten.Count(reference => reference.IsAlive) < Batches / 2, "Nothing was collected.");

        [MethodImpl(MethodImplOptions.NoInlining)]
        WeakReference Forget() => new(new CiphertextBatch(key, count));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Owners_encryptors_and_public_keys_outlive_the_private_key(string kernel)
    {
        PaillierPrivateKey key = PaillierPrivateKey.Generate(256, TestKeys.Options(kernel));
        using PaillierPrivateKey copy = PaillierPrivateKey.Import(key.Export(), TestKeys.Options(kernel));
        var encryptor = new Encryptor(key);
        key.Dispose();
        using CiphertextBatch batch = encryptor.Encrypt([17L, -18L]);
        encryptor.Dispose();
        Assert.Equal(
            [17, -18], copy.Decrypt(BatchExtensions.ImportAll(copy.PublicKey, batch.Ciphertexts())));
        Assert.Throws<ObjectDisposedException>(key.Export);
        Assert.Throws<ObjectDisposedException>(() => new Encryptor(key));
        Assert.Throws<ObjectDisposedException>(() => key.Decrypt(batch));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Disposed_objects_say_so(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var batch = new CiphertextBatch(key.PublicKey, 1);
        var encryptor = new Encryptor(key.PublicKey);
        var program = new ProductProgram([], [new ProgramInput(0, 0, 0)], 0, [0]);
        using var other = new CiphertextBatch(key.PublicKey, 1);
        using var target = new CiphertextBatch(key.PublicKey, 1);
        batch.Dispose();
        batch.Dispose();
        program.Dispose();
        Assert.Throws<ObjectDisposedException>(() => encryptor.Encrypt([1L], batch));
        Assert.Throws<ObjectDisposedException>(() => Evaluator.Negate(other, batch));
        Assert.Throws<ObjectDisposedException>(
            () => Evaluator.Combine([other, batch], [new Term(1, 0, 0, 0)], [0, 1], target));
        Assert.Throws<ObjectDisposedException>(() => Evaluator.Run(
                program, [new ProgramView(other, 1, [0])], new ProgramView(target, 1, [0]), 0, 1));
        encryptor.Dispose();
        Assert.Throws<ObjectDisposedException>(() => encryptor.Encrypt([1L], other));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Pooled_batches_are_recycled(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var pool = new CiphertextBatchPool(key.PublicKey);
        using var encryptor = new Encryptor(key);
        CiphertextBatch first = pool.Rent(2);
        encryptor.Encrypt([5L, 6L], first);
        BigInteger[] ciphertexts = first.Ciphertexts();
        first.Dispose();
        Assert.Throws<ObjectDisposedException>(() => first.Ciphertexts());

        using CiphertextBatch otherSize = pool.Rent(3);
        Assert.Equal(3, otherSize.Count);
        CiphertextBatch second = pool.Rent(2);
        Assert.Equal(ciphertexts, second.Ciphertexts());
        first.Dispose();
        Assert.Equal(ciphertexts, second.Ciphertexts());

        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Rent(2));
        Assert.Equal([5, 6], key.Decrypt(second));
        second.Dispose();
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Many_batches_come_and_go(string kernel)
    {
        PaillierPublicKey key = TestKeys.Small(kernel).PublicKey;
        Parallel.For(0, 200, i =>
        {
            using var batch = new CiphertextBatch(key, 1 + (i % 7));
            using var copy = new CiphertextBatch(key, batch.Count);
            copy.Gather(batch, [.. Enumerable.Range(0, batch.Count)]);
        });
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var last = new CiphertextBatch(key, 1);
        Assert.Equal([1], last.Ciphertexts());
    }
}
