using System.Diagnostics;
using System.Numerics;
using Popcorn.Cli.Commands;
using Popcorn.Engine.Linear;
using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Cli;

/// <summary>
/// Times every operation on ciphertexts on this machine: the best of several runs, each a whole batch, divided by its
/// numbers, values or non-zero weights.
/// </summary>
internal sealed class KernelBenchmark : IDisposable
{
    private const int Count = 64;
    private const int SlotBits = 64;
    private const int Outputs = 64;
    private const int Inputs = 256;
    private const int LeastRuns = 3;
    private const int PowmRuns = 5;
    private const int KeysMade = 5;
    private static readonly TimeSpan LeastTime = TimeSpan.FromSeconds(0.3);

    private readonly KeyOptions _options;
    private readonly Execution _execution;
    private readonly PaillierPrivateKey _key;
    private readonly PaillierPublicKey _public;
    private readonly CiphertextBatch _source;
    private readonly CiphertextBatch _target;
    private readonly Action<string> _started;

    /// <summary>Makes a key to measure with.</summary>
    /// <param name="bits">Its bits.</param>
    /// <param name="kernel">Name of a kernel, or null for the one this machine would use.</param>
    /// <param name="execution">Threads, and how to stop.</param>
    /// <param name="started">Told of each operation before it is measured.</param>
    public KernelBenchmark(int bits, string? kernel, Execution execution, Action<string> started)
    {
        _options = new KeyOptions { Kernel = kernel };
        _execution = execution;
        _started = started;
        _key = PaillierPrivateKey.Generate(bits, _options);
        _public = _key.PublicKey;
        _source = new CiphertextBatch(_public, Inputs);
        _target = new CiphertextBatch(_public, Count);
    }

    /// <summary>Measures everything.</summary>
    public KernelsReport Run()
    {
        double powm = PaillierLibrary.MeasureReferencePowm(PowmRuns).TotalMicroseconds / PowmRuns;
        var times = new List<(string Name, double Microseconds)> { ("keygen", TimeKeys()) };
        MeasureEncryptor("encryptOwner", RandomnessProfile.Standard, profile => new Encryptor(_key, profile));
        MeasureEncryptor("encryptOwnerShort", RandomnessProfile.ShortExponent, profile => new Encryptor(_key, profile));
        MeasureEncryptor("encryptPublic", RandomnessProfile.Standard, profile => new Encryptor(_public, profile));
        MeasureEncryptor(
            "encryptPublicShort", RandomnessProfile.ShortExponent, profile => new Encryptor(_public, profile));

        var words = new ulong[Count * _public.PlaintextWords];
        var decryptor = new Decryptor(_key);
        Measure("decrypt", Count, () => decryptor.Decrypt(_source, 0, Count, words, _execution));
        Measure("decryptSingle", 1, () =>
            decryptor.Decrypt(_source, 0, 1, words.AsSpan(0, _public.PlaintextWords), _execution));
        Measure("add", Count, () => Evaluator.Add(_source, 0, _source, Count, _target, 0, Count, _execution));
        MeasureMultiply();
        MeasureMacs("macBinary", random => 2 * random.Next(2) - 1);
        MeasureMacs("mac4bit", random => NonZero4Bits(random));
        MeasureMacs("mac4bitSparse80", random => random.Next(5) == 0 ? NonZero4Bits(random) : 0);
        MeasurePack();
        Measure("invertBatch", Count, () => Evaluator.Negate(_source, 0, _target, 0, Count, _execution));
        return new KernelsReport(
            _public.Kernel,
            _public.Bits,
            _execution.DegreeOfParallelism,
            powm,
            [.. times.Select(time => new MeasuredOperation(time.Name, time.Microseconds, time.Microseconds / powm))]);

        void MeasureEncryptor(string name, RandomnessProfile profile, Func<EncryptorOptions, Encryptor> create)
        {
            using Encryptor encryptor = create(new EncryptorOptions { Profile = profile });
            long[] values = [.. Enumerable.Range(0, Inputs)];
            encryptor.Encrypt(values, _source, 0, _execution);
            Measure(name, Count, () => encryptor.Encrypt(values.AsSpan(0, Count), _target, 0, _execution));
        }

        void MeasureMultiply()
        {
            Term[] factors = [.. Enumerable.Range(0, Count)
                .Select(i => new Term((ulong)(128 + (37 * i % 128)), 0, i, 0))];
            int[] first = [.. Enumerable.Range(0, Count + 1)];
            Measure("multiply8bit", Count, () => Evaluator.Combine([_source], factors, first, _target, 0, _execution));
        }

        void MeasureMacs(string name, Func<Random, int> weight)
        {
            var random = new Random(1);
            var layer = new LinearLayer(
                name,
                0,
                new Shape(Outputs, 1, 1),
                Window.Whole(1, 1),
                1,
                [.. Enumerable.Range(0, Outputs * Inputs).Select(_ => weight(random))],
                new BigInteger[Outputs]);
            using CompiledLinear compiled = LinearCompiler.Compile(layer, new Shape(Inputs, 1, 1));
            Measure(name, layer.NonZero, () => LinearExecutor.Run(compiled, _source, _execution, out _).Dispose());
        }

        void MeasurePack()
        {
            int slots = (_public.Bits - 1) / SlotBits;
            Term[] terms = [.. Enumerable.Range(0, Count * slots)
                .Select(i => new Term(1, 0, i % Inputs, i % slots * SlotBits))];
            int[] first = [.. Enumerable.Range(0, Count + 1).Select(i => i * slots)];
            Measure(
                "pack64", Count * slots, () => Evaluator.Combine([_source], terms, first, _target, 0, _execution));
        }

        void Measure(string name, int units, Action operation)
        {
            _started(name);
            operation();
            TimeSpan best = TimeSpan.MaxValue;
            long start = Stopwatch.GetTimestamp();
            for (int run = 0; run < LeastRuns || Stopwatch.GetElapsedTime(start) < LeastTime; run++)
            {
                _execution.CancellationToken.ThrowIfCancellationRequested();
                long began = Stopwatch.GetTimestamp();
                operation();
                TimeSpan taken = Stopwatch.GetElapsedTime(began);
                best = taken < best ? taken : best;
            }

            times.Add((name, best.TotalMicroseconds / units));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _target.Dispose();
        _source.Dispose();
        _key.Dispose();
        _public.Dispose();
    }

    private static int NonZero4Bits(Random random) => random.Next(15) is var value && value < 7 ? value - 7 : value - 6;

    /// <summary>The mean, because how long the search for a prime takes is a matter of luck.</summary>
    private double TimeKeys()
    {
        _started("keygen");
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < KeysMade; i++)
        {
            _execution.CancellationToken.ThrowIfCancellationRequested();
            using PaillierPrivateKey key = PaillierPrivateKey.Generate(_public.Bits, _options);
            key.PublicKey.Dispose();
        }

        return Stopwatch.GetElapsedTime(start).TotalMicroseconds / KeysMade;
    }
}
