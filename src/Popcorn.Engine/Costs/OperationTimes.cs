using System.Diagnostics;
using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Products;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Costs;

/// <summary>
/// Seconds that each operation on one ciphertext takes a core of this machine while its other cores do the same.
/// </summary>
/// <param name="Product">A product modulo n², as linear layers do them.</param>
/// <param name="Square">A square modulo n².</param>
/// <param name="Rerandomise">A re-randomisation by the public key.</param>
/// <param name="EncryptOwner">An encryption by the key's owner.</param>
/// <param name="Decrypt">A decryption.</param>
/// <param name="Import">From standard form, with all checks.</param>
/// <param name="Export">To standard form.</param>
/// <param name="Lanes">Ciphertexts that the kernel works on at once; a few take as long as all.</param>
internal sealed record OperationTimes(
    double Product, double Square, double Rerandomise, double EncryptOwner, double Decrypt, double Import,
    double Export, int Lanes = 1)
{
    private const int Rounds = 7;

    private const double SecondsOfRounds = 1;

    private const double SecondsPerRound = 0.015;

    /// <summary>Ciphertexts of one operation: more than the nearest caches hold, as in a layer.</summary>
    private const int Count = 512;

    /// <summary>Those of what is no work on ciphertexts.</summary>
    public TransferTimes Transfers { get; init; } = TransferTimes.None;

    /// <summary>Seconds of one operation.</summary>
    public double SecondsOf(Operation operation) => operation switch
    {
        Operation.Product or Operation.Wait => Product,
        Operation.Square => Square,
        Operation.Rerandomise => Rerandomise,
        Operation.EncryptOwner => EncryptOwner,
        Operation.Decrypt => Decrypt,
        Operation.Import => Import,
        Operation.Export => Export,
        Operation.Transfer or Operation.TicketHash or Operation.Tickets or Operation.Comparison
            or Operation.CompareBit or Operation.Accumulate or Operation.AccumulateWide or Operation.Move
            or Operation.Message or Operation.MessageByte =>
            Transfers.SecondsOf(operation),
    };

    /// <summary>What times on one machine depend on, in words: those of equal conditions may be used again.</summary>
    /// <param name="plan">See <see cref="Measure"/>.</param>
    /// <param name="keyBits">See <see cref="Measure"/>.</param>
    /// <param name="cores">See <see cref="Measure"/>.</param>
    /// <param name="profile">See <see cref="Measure"/>.</param>
    /// <param name="order">Kind of the key.</param>
    public static string ConditionsOf(
        Plan plan, int keyBits, int cores, RandomnessProfile profile = RandomnessProfile.Standard,
        KeyOrder order = KeyOrder.Full) =>
        $"kernel {PaillierLibrary.DefaultKernel}, key of {keyBits} bits and {order} order, {cores} cores, {profile} "
        + $"randomness, windows of {TableSize.ForServer(plan, keyBits, order)} and "
        + $"{TableSize.ForClient(plan, keyBits, profile, order).WindowBits} bits";

    /// <summary>Measures with a fresh key, and with tables as large as the plan's parties make them.</summary>
    /// <param name="plan">The plan; times are the same for all plans of a key size but for the tables.</param>
    /// <param name="keyBits">Bits of the key.</param>
    /// <param name="cores">Threads to measure on.</param>
    /// <param name="profile">The client's randomness.</param>
    /// <param name="options">Kernel, kind of the key and test switch.</param>
    /// <param name="transfers">
    /// What has been measured of other work on as many threads, which is the same under all keys; null: it is measured.
    /// </param>
    public static OperationTimes Measure(
        Plan plan, int keyBits, int cores, RandomnessProfile profile = RandomnessProfile.Standard,
        KeyOptions? options = null, TransferTimes? transfers = null)
    {
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(keyBits, options);
        KeyOrder order = key.PublicKey.Order;
        var all = new Execution(cores);
        using var batch = new CiphertextBatch(key.PublicKey, Count);
        using var other = new CiphertextBatch(key.PublicKey, Count);
        using var rerandomizer = new Rerandomizer(key.PublicKey, TableSize.ForServer(plan, keyBits, order));
        using var ownerEncryptor = new Encryptor(key, TableSize.ForClient(plan, keyBits, profile, order));
        var decryptor = new Decryptor(key);
        var words = new ulong[Count * key.PublicKey.PlaintextWords];
        var bytes = new byte[Count * key.PublicKey.CiphertextBytes];
        ownerEncryptor.EncryptZero(batch, 0, Count, all);
        ownerEncryptor.EncryptZero(other, 0, Count, all);
        batch.Export(0, Count, bytes, all);

        const int Squares = 64;
        Term[] terms = [.. Enumerable.Range(0, Count).Select(i => new Term(1, 0, i, Squares))];
        int[] first = [.. Enumerable.Range(0, Count + 1)];
        using var product = new SampleLayer(batch, all);
        Func<double>[] operations =
        [
            product.Time,
            () => Time(n => Evaluator.Combine(
                [batch], terms.AsSpan(0, n), first.AsSpan(0, n + 1), other, 0, all)) / Squares,
            () => Time(n => rerandomizer.Rerandomize(other, 0, n, all)),
            () => Time(n => ownerEncryptor.EncryptZero(other, 0, n, all)),
            () => Time(n => decryptor.Decrypt(
                other, 0, n, words.AsSpan(0, n * key.PublicKey.PlaintextWords), all)),
            () => Time(n => batch.Import(bytes.AsSpan(0, n * key.PublicKey.CiphertextBytes), 0, n, all)),
            () => Time(n => batch.Export(0, n, bytes.AsSpan(0, n * key.PublicKey.CiphertextBytes), all)),
        ];
        double[] thirds = TimedRounds.Thirds(
            Rounds, SecondsOfRounds, () => Array.ConvertAll(operations, time => time()));
        return new OperationTimes(
            thirds[0], thirds[1], thirds[2], thirds[3], thirds[4], thirds[5], thirds[6], key.PublicKey.Lanes)
        {
            Transfers = transfers ?? TransferTimes.Measure(cores),
        };

        double Time(Action<int> operation)
        {
            operation(1);
            long start = Stopwatch.GetTimestamp();
            long done = 0;
            int size = 8 * cores;
            do
            {
                operation(size);
                done += size;
                size = Math.Min(2 * size, Count);
            }
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < SecondsPerRound);

            return Stopwatch.GetElapsedTime(start).TotalSeconds * cores / done;
        }
    }

    /// <summary>A convolution like those of the networks that take long.</summary>
    private sealed class SampleLayer : IDisposable
    {
        private const int Channels = 16, Side = 12, Taps = 9, LargestWeight = 7;
        private readonly CompiledLinear _layer;
        private readonly CiphertextBatch _input;
        private readonly Execution _execution;

        public SampleLayer(CiphertextBatch ciphertexts, Execution execution)
        {
            var random = new Random(1);
            var shape = new Shape(Channels, Side, Side);
            int[] weights = [.. Enumerable.Range(0, Channels * Channels * Taps)
                .Select(_ => random.Next(-LargestWeight, LargestWeight + 1))];
            _execution = execution;
            _layer = LinearCompiler.Compile(
                new LinearLayer(
                    "sample", 0, shape, new Window(3, 3, 1, 1, 1, 1, 1, 1, Side, Side), 1, weights,
                    new BigInteger[Channels]),
                shape);
            _input = new CiphertextBatch(ciphertexts.Key, shape.Size);
            _input.Gather(ciphertexts, [.. Enumerable.Range(0, shape.Size).Select(i => i % Count)], 0);
        }

        /// <summary>Seconds of one core for a product.</summary>
        public double Time()
        {
            long start = Stopwatch.GetTimestamp();
            _layer.Run(_input, images: 1, _execution, out long products).Dispose();
            return Stopwatch.GetElapsedTime(start).TotalSeconds * _execution.DegreeOfParallelism / products;
        }

        public void Dispose()
        {
            _layer.Dispose();
            _input.Dispose();
        }
    }
}
