using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using Popcorn.Engine.Blinded;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Blinded;

/// <summary>
/// A client that makes p − 1 and q − 1 share a long product L of small primes, and marks one of its ciphertexts with an
/// n-th residue. In the part of order L² of the residues, the powers of one base are a line: the client finds it in the
/// ciphertexts that the mark does not reach, and then reads off all others to what power the server raised the mark:
/// weights, and the factors of carriers.
/// </summary>
public sealed class RerandomisationTests
{
    private const int Bound = 20;
    private const int Items = 96;
    private const int Marked = 50;
    private const int Weight = 93;

    private static readonly int[] SmallPrimes =
        [.. Enumerable.Range(200, 400).Where(x => Enumerable.Range(2, x - 2).All(d => x % d != 0))];

    /// <summary>Most candidates for a prime are told by one of these.</summary>
    private static readonly int[] Divisors = [.. Enumerable.Range(1, 1000).Select(i => 2 * i + 1)];

    private static readonly Lazy<SmoothKey> Made = new(() => new SmoothKey());

    private readonly SmoothKey _key = Made.Value;

    [Fact]
    public void A_client_with_a_smooth_key_reads_nothing_of_packed_values()
    {
        using var rerandomizer = new Rerandomizer(_key.Public, 4);
        using var pool = new CiphertextBatchPool(_key.Public);
        using var random = new SecretRandom();
        using CiphertextBatch values = MarkedValues();
        var context = new ServerContext(rerandomizer, pool, default, new ProductCounter());
        var step = new SquareStep(
            new StepPlace(1, 0, "test"), new StepSizes(_key.Public.Bits, Images: 1, ChunkCiphertexts: 16), Items,
            Bound);
        using var round = new SquareRound(step, context, values, random);
        round.Prepare();
        Assert.Empty(_key.ReadMarks(round.Challenge(0), step.Layout));
    }

    /// <summary>The control: the same values packed in the same way, but re-randomised by powers of one base.</summary>
    [Fact]
    public void It_would_read_all_through_powers_of_one_base()
    {
        using var encryptor = new Encryptor(_key.Public);
        using CiphertextBatch values = MarkedValues();
        SlotLayout layout = SlotLayout.Fit(new SlotFields(0, Masks.MaskedBits(Bound)), _key.Public.Bits)!;
        int count = layout.Ciphertexts(Items);
        using var packed = new CiphertextBatch(_key.Public, count);
        Term[] terms = [.. Enumerable.Range(0, Items)
            .Select(i => new Term(1, 0, i, layout.MaskedShift(i % layout.ItemsPerCiphertext)))];
        int[] first = [.. Enumerable.Range(0, count + 1).Select(i => Math.Min(i * layout.ItemsPerCiphertext, Items))];
        Evaluator.Combine([values], terms, first, packed, 0);
        encryptor.Rerandomize(packed, 0, count);
        var bytes = new byte[count * _key.Public.CiphertextBytes];
        packed.Export(0, count, bytes);
        Assert.Equal([Weight], _key.ReadMarks(bytes, layout));
    }

    /// <summary>Values of a layer: one of them is a multiple of the marked input by a weight.</summary>
    private CiphertextBatch MarkedValues()
    {
        using var encryptor = new Encryptor(_key.Public);
        var values = new CiphertextBatch(_key.Public, Items);
        encryptor.EncryptZero(values, 0, Items);
        var bytes = new byte[Items * _key.Public.CiphertextBytes];
        values.Export(0, Items, bytes);
        Span<byte> marked = bytes.AsSpan(Marked * _key.Public.CiphertextBytes, _key.Public.CiphertextBytes);
        BigInteger value = new BigInteger(marked, isUnsigned: true)
            * BigInteger.ModPow(_key.Mark, Weight, _key.Square) % _key.Square;
        marked.Clear();
        value.TryWriteBytes(marked, out _, isUnsigned: true);
        values.Import(bytes, 0, Items);
        return values;
    }

    /// <summary>The client's key, and what it sees with it.</summary>
    private sealed class SmoothKey
    {
        private readonly BigInteger _p;
        private readonly BigInteger _q;
        private readonly BigInteger _common;
        private readonly Dictionary<(bool InP, int Prime), Dictionary<BigInteger, int>> _logarithms = [];

        public SmoothKey()
        {
            _common = SmallPrimes.Aggregate(BigInteger.One, (product, prime) => product * prime);
            _p = Prime();
            do
            {
                _q = Prime();
            }
            while (_q == _p);
            BigInteger n = _p * _q;
            Square = n * n;
            Mark = BigInteger.ModPow(
                new BigInteger(RandomNumberGenerator.GetBytes(120), isUnsigned: true), n, Square);
            byte[] modulus = n.ToByteArray(isUnsigned: true);
            byte[] exported = new byte[8 + (2 * modulus.Length)];
            "PPK1"u8.CopyTo(exported);
            BinaryPrimitives.WriteInt32LittleEndian(exported.AsSpan(4), (int)n.GetBitLength());
            modulus.CopyTo(exported, 8);
            ((BigInteger)1234567).TryWriteBytes(exported.AsSpan(8 + modulus.Length), out _, isUnsigned: true);
            Public = PaillierPublicKey.Import(exported, TestKeys.Options);
        }

        public PaillierPublicKey Public { get; }

        public BigInteger Square { get; }

        /// <summary>An n-th residue: multiplied by it, a ciphertext stays one of the same plaintext.</summary>
        public BigInteger Mark { get; }

        /// <summary>The weights of the marked input, where one ciphertext holds one of them.</summary>
        public int[] ReadMarks(byte[] ciphertexts, SlotLayout layout)
        {
            BigInteger[] seen =
                [.. ciphertexts.Chunk(Public.CiphertextBytes).Select(c => new BigInteger(c, isUnsigned: true))];
            var exponents = new BigInteger[seen.Length];
            BigInteger modulus = 1;
            foreach (int prime in SmallPrimes)
            {
                (int P, int Q)[] places = [.. seen.Select(c => PlaceOf(c, prime))];
                (int P, int Q) line = places
                    .GroupBy(v => v.Q == 0 ? (1, 0) : (v.P * (int)BigInteger.ModPow(v.Q, prime - 2, prime) % prime, 1))
                    .MaxBy(group => group.Count())!.Key;
                int ofMark = Off(PlaceOf(Mark, prime));
                if (ofMark == 0)
                {
                    continue;
                }

                BigInteger inverse = BigInteger.ModPow(ofMark, prime - 2, prime);
                BigInteger step = BigInteger.ModPow(modulus % prime, prime - 2, prime);
                for (int i = 0; i < seen.Length; i++)
                {
                    BigInteger rest = ((Off(places[i]) * inverse) - exponents[i]) * step % prime;
                    exponents[i] += modulus * ((rest + prime) % prime);
                }

                modulus *= prime;

                int Off((int P, int Q) v) => ((v.P * line.Q - v.Q * line.P) % prime + prime) % prime;
            }

            var read = new List<int>();
            foreach (BigInteger exponent in exponents.Where(e => !e.IsZero))
            {
                for (int slot = 0; slot < layout.ItemsPerCiphertext; slot++)
                {
                    BigInteger shift = BigInteger.ModPow(
                        (modulus + 1) / 2, layout.MaskedShift(slot), modulus); // 2^-s: the modulus is odd
                    BigInteger weight = exponent * shift % modulus;
                    if (weight < 256)
                    {
                        read.Add((int)weight);
                    }
                }
            }

            return [.. read];
        }

        /// <summary>The parts of a ciphertext of order `prime` modulo p and modulo q; its plaintext has none.</summary>
        private (int P, int Q) PlaceOf(BigInteger ciphertext, int prime) => (
            Logarithms(true, prime)[BigInteger.ModPow(ciphertext, (_p - 1) / prime, _p)],
            Logarithms(false, prime)[BigInteger.ModPow(ciphertext, (_q - 1) / prime, _q)]);

        private Dictionary<BigInteger, int> Logarithms(bool inP, int prime)
        {
            if (!_logarithms.TryGetValue((inP, prime), out Dictionary<BigInteger, int>? found))
            {
                BigInteger modulus = inP ? _p : _q, generator, power = 1;
                int candidate = 1;
                do
                {
                    generator = BigInteger.ModPow(++candidate, (modulus - 1) / prime, modulus);
                }
                while (generator.IsOne);
                found = [];
                for (int i = 0; i < prime; i++)
                {
                    found[power] = i;
                    power = power * generator % modulus;
                }

                _logarithms[(inP, prime)] = found;
            }

            return found;
        }

        /// <summary>A prime of 640 bits with 2·L in p − 1.</summary>
        private BigInteger Prime()
        {
            const int Bits = 640;
            BigInteger least = BigInteger.One << (Bits - 1), factor = 2 * _common, p;
            do
            {
                p = least + (new BigInteger(RandomNumberGenerator.GetBytes(Bits / 8), isUnsigned: true) % least);
                p += 1 - (p % factor);
            }
            while (p.GetBitLength() != Bits || Divisors.Any(d => (p % d).IsZero)
                || new[] { 2, 3, 5, 7 }.Any(b => !BigInteger.ModPow(b, p - 1, p).IsOne));
            return p;
        }
    }
}
