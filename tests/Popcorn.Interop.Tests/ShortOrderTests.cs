using System.Numerics;
using Popcorn.Interop.Memory;
using Popcorn.Interop.Native;

namespace Popcorn.Interop.Tests;

/// <summary>Keys of short order: what they are made of, what they do, and what they refuse.</summary>
public sealed class ShortOrderTests
{
    private const int RealBits = 2048;

    private static readonly BigInteger[] Values =
        [0, 1, -1, 42, -1_000_000_007, long.MaxValue, long.MinValue, BigInteger.Pow(3, 150), -BigInteger.Pow(3, 150)];

    [Theory]
    [InlineData(128, 16)]
    [InlineData(520, 65)]
    [InlineData(RealBits, 256)]
    public void Generated_keys_are_what_the_scheme_asks_for(int bits, int orderBits)
    {
        PaillierPrivateKey key = TestKeys.ShortOfSize(PaillierLibrary.DefaultKernel, bits);
        Parts parts = Parts.Of(key);
        (BigInteger p, BigInteger q, BigInteger u, BigInteger v, BigInteger h) =
            (parts.P, parts.Q, parts.OrderP, parts.OrderQ, parts.H);
        BigInteger n = key.PublicKey.Modulus;
        Assert.Equal(KeyOrder.Short, key.PublicKey.Order);
        Assert.Equal(n, p * q);
        Assert.Equal((bits, bits / 2, bits / 2), (n.GetBitLength(), p.GetBitLength(), q.GetBitLength()));
        Assert.Equal((3, 3), (p % 4, q % 4));
        Assert.Equal(2, BigInteger.GreatestCommonDivisor(p - 1, q - 1));
        Assert.Equal((orderBits, orderBits), (u.GetBitLength(), v.GetBitLength()));
        Assert.Equal((0, 0), ((p - 1) % u, (q - 1) % v));
        Assert.All(new[] { p, q, u, v }, x => Assert.True(SmoothModulus.IsPrime(x)));
        Assert.True(BigInteger.ModPow(h, u * v, n).IsOne);
        Assert.False(BigInteger.ModPow(h, u, n).IsOne || BigInteger.ModPow(h, v, n).IsOne);
        for (int factor = 3; factor < 1 << Math.Min(16, orderBits - 1); factor += 2)
        {
            Assert.False(((p - 1) / u % factor).IsZero || ((q - 1) / v % factor).IsZero);
        }

        NativeStatus.Check(
            NativeMethods.PublicGetInfo(key.PublicKey.Handle, out NativePublicKeyInfo info), "public key");
        Assert.Equal(orderBits, info.OrderBits);
        Assert.Equal(orderBits, KeyFormat.OrderBitsOf(bits));
        Assert.True(key.PublicKey.VerifyModulus(key.ProveModulus()));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Small_keys_agree_with_the_textbook(string kernel) =>
        AgreesWithTextbook(TestKeys.ShortOfSize(kernel, 520), Values);

    [Theory, ClassData(typeof(KernelData))]
    public void Real_keys_agree_with_the_textbook(string kernel) =>
        AgreesWithTextbook(TestKeys.ShortOfSize(kernel, RealBits), [-1_000_000_007, BigInteger.Pow(3, 900)]);

    [Theory, ClassData(typeof(KernelData))]
    public void Vectors_survive_encryption_and_sums(string kernel)
    {
        PaillierPrivateKey key = TestKeys.ShortOfSize(kernel, 520);
        using var owner = new Encryptor(key);
        using var anybody = new Encryptor(key.PublicKey);
        using var rerandomizer = new Rerandomizer(key.PublicKey);
        Properties.Check(Properties.Vectors(520), values =>
        {
            using CiphertextBatch left = owner.Encrypt(values);
            using CiphertextBatch right = anybody.Encrypt(values);
            Assert.Equal(values, key.Decrypt(left));
            Evaluator.Negate(left.Range(0, values.Length), left);
            Evaluator.Add(left.Range(0, values.Length), right.Range(0, values.Length), left);
            rerandomizer.Rerandomize(left, 0, values.Length);
            Assert.All(key.Decrypt(left), sum => Assert.Equal(0, sum));
        });
    }

    /// <summary>With u = 5 and 7 all powers of h_s can be listed: encryptions of 0 are these, all of them.</summary>
    [Theory, ClassData(typeof(KernelData))]
    public void Randomness_fills_the_subgroup_and_stays_in_it(string kernel)
    {
        using PaillierPrivateKey key = Tiny(kernel);
        BigInteger square = key.PublicKey.Modulus * key.PublicKey.Modulus;
        BigInteger h = new(key.PublicKey.Base, isUnsigned: true);
        BigInteger hs = BigInteger.ModPow(h, key.PublicKey.Modulus, square);
        HashSet<BigInteger> powers = [.. Enumerable.Range(0, 35).Select(a => BigInteger.ModPow(hs, a, square))];
        Assert.Equal(35, powers.Count);
        foreach (bool constantTime in new[] { false, true })
        {
            var options = new EncryptorOptions { ConstantTime = constantTime };
            using var anybody = new Encryptor(key.PublicKey, options);
            using var owner = new Encryptor(key, options);
            using var rerandomizer = new Rerandomizer(key.PublicKey);

            // One of 35 powers is missing among so many once in 10^17 runs.
            using var zeros = new CiphertextBatch(key.PublicKey, 1500);
            anybody.EncryptZero(zeros, 0, zeros.Count);
            Assert.Equal(powers, zeros.Ciphertexts().ToHashSet());
            owner.EncryptZero(zeros, 0, zeros.Count);
            Assert.Equal(powers, zeros.Ciphertexts().ToHashSet());
            using var ones = new CiphertextBatch(key.PublicKey, 1500);
            rerandomizer.Rerandomize(ones, 0, ones.Count);
            Assert.Equal(powers, ones.Ciphertexts().ToHashSet());
        }
    }

    [Theory, ClassData(typeof(KernelData))]
    public void All_plaintexts_of_a_tiny_key_come_back(string kernel)
    {
        using PaillierPrivateKey key = Tiny(kernel);
        int n = (int)key.PublicKey.Modulus;
        BigInteger[] values = [.. Enumerable.Range(-(n / 2), n).Select(value => (BigInteger)value)];
        using var encryptor = new Encryptor(key);
        using CiphertextBatch batch = encryptor.Encrypt(values);
        Assert.Equal(values, key.Decrypt(batch));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void A_ciphertext_outside_the_subgroup_is_refused_with_all_beside_it(string kernel)
    {
        foreach (int bits in new[] { 128, 520 })
        {
            PaillierPrivateKey key = TestKeys.ShortOfSize(kernel, bits);
            var oracle = new TextbookPaillier(key);
            using var encryptor = new Encryptor(key);
            var decryptor = new Decryptor(key);
            BigInteger[] strangers = [oracle.Square - 1, oracle.Encrypt(7, oracle.RandomUnit())];
            foreach (BigInteger stranger in strangers)
            {
                foreach (int place in new[] { 0, 5, 299 })
                {
                    using CiphertextBatch batch = encryptor.Encrypt(new BigInteger[300]);
                    using CiphertextBatch one = BatchExtensions.ImportAll(key.PublicKey, stranger);
                    batch.Gather(one, [0], place);
                    foreach (int workers in new[] { 1, 4 })
                    {
                        ulong[] words = new ulong[300 * key.PublicKey.PlaintextWords];
                        Array.Fill(words, 7UL);
                        PaillierException refusal = Assert.Throws<PaillierException>(
                            () => decryptor.Decrypt(batch, 0, 300, words, new Execution(workers)));
                        Assert.Equal(PaillierError.Subgroup, refusal.Error);
                        Assert.DoesNotContain('\n', refusal.Message);
                        Assert.All(words, word => Assert.Equal(0UL, word));
                    }

                    Assert.Equal(
                        PaillierError.Subgroup, Assert.Throws<PaillierException>(() => key.Decrypt(one)).Error);
                }
            }
        }
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Keys_survive_export(string kernel)
    {
        PaillierPrivateKey key = TestKeys.ShortOfSize(kernel, RealBits);
        var options = new KeyOptions { Kernel = kernel, Order = KeyOrder.Short };
        byte[] exported = key.Export(), shown = key.PublicKey.Export();
        Assert.Equal("PSS1"u8, exported.AsSpan(0, 4));
        Assert.Equal("PPS1"u8, shown.AsSpan(0, 4));
        Assert.Equal(8 + (2 * 128) + (2 * 32) + 256, exported.Length);
        Assert.Equal(8 + (2 * 256), shown.Length);
        Assert.Equal(shown.Length, PaillierPublicKey.LengthAtStart(shown));
        Assert.Equal(KeyOrder.Short, PaillierPublicKey.OrderAtStart(shown));
        Assert.Equal(KeyOrder.Short, PaillierPrivateKey.OrderAtStart(exported));
        using PaillierPrivateKey copy = PaillierPrivateKey.Import(exported, options);
        using PaillierPublicKey publicCopy = PaillierPublicKey.Import(shown, options);
        Assert.Equal(exported, copy.Export());
        Assert.Equal(shown, copy.PublicKey.Export());
        Assert.Equal(shown, publicCopy.Export());

        using var encryptor = new Encryptor(publicCopy);
        using CiphertextBatch batch = encryptor.Encrypt([-123456789L]);
        using CiphertextBatch received = BatchExtensions.ImportAll(copy.PublicKey, batch.Ciphertexts());
        Assert.Equal([-123456789], copy.Decrypt(received));
    }

    [Fact]
    public void A_key_of_the_other_kind_is_refused()
    {
        PaillierPrivateKey shortOrder = TestKeys.ShortOfSize(PaillierLibrary.DefaultKernel, RealBits);
        PaillierPrivateKey full = TestKeys.Real(PaillierLibrary.DefaultKernel);
        Assert.Equal(KeyOrder.Full, full.PublicKey.Order);
        Assert.Equal(KeyOrder.Full, PaillierPublicKey.OrderAtStart(full.PublicKey.Export()));
        Assert.Equal(KeyOrder.Full, PaillierPrivateKey.OrderAtStart(full.Export()));
        var options = new KeyOptions { Order = KeyOrder.Short };
        Refused(() => PaillierPublicKey.Import(shortOrder.PublicKey.Export()));
        Refused(() => PaillierPrivateKey.Import(shortOrder.Export()));
        Refused(() => PaillierPublicKey.Import(full.PublicKey.Export(), options));
        Refused(() => PaillierPrivateKey.Import(full.Export(), options));

        // One that says to be what it is not: the base has another order.
        Refused(() => PaillierPrivateKey.Import(
            [.. shortOrder.Export().AsSpan(0, 8 + 256 + 64), .. full.PublicKey.Base], options));
    }

    [Fact]
    public void Damaged_private_keys_are_refused()
    {
        PaillierPrivateKey key = TestKeys.ShortOfSize(PaillierLibrary.DefaultKernel, RealBits);
        byte[] good = key.Export();
        Parts parts = Parts.Of(key);
        AssertRefused(good[..^1]);
        AssertRefused([.. good, 0]);
        AssertRefused(key.PublicKey.Export());
        AssertRefused(With(good, 264, [.. good.AsSpan(296, 32), .. good.AsSpan(264, 32)])); // u_q, u_p
        AssertRefused(With(good, 264, new byte[32]));
        AssertRefused(With(good, 264, [1, .. new byte[31]]));
        AssertRefused(With(good, 264, [(byte)(good[264] ^ 2)]));
        AssertRefused(With(good, 328, [2, .. new byte[255]]));                              // an ordinary base
        AssertRefused(With(good, 328, Bytes(BigInteger.ModPow(parts.H, parts.OrderP, parts.P * parts.Q))));
        AssertRefused(With(good, 328, Bytes((parts.P * parts.Q) - parts.H)));               // of twice the order

        static void AssertRefused(byte[] data) =>
            Refused(() => PaillierPrivateKey.Import(data, new KeyOptions { Order = KeyOrder.Short }));

        static byte[] Bytes(BigInteger value)
        {
            byte[] bytes = new byte[256];
            LittleEndian.WriteUnsigned(value, bytes);
            return bytes;
        }
    }

    [Theory]
    [InlineData(2048, 576, 256, 72)]
    [InlineData(4096, 576, 256, 72)]
    [InlineData(512, 192, 64, 24)]
    [InlineData(128, 96, 16, 12)]
    public void Exponents_and_windows_have_the_documented_length(int bits, int anybodys, int owners, int rows)
    {
        foreach (RandomnessProfile profile in Enum.GetValues<RandomnessProfile>())
        {
            Assert.Equal(anybodys, Encryptor.ExponentBits(bits, profile, KeyOrder.Short));
            Assert.Equal(owners, Encryptor.OwnerExponentBits(bits, profile, KeyOrder.Short));
            Assert.Equal(
                Encryptor.ExponentBits(bits, profile), Encryptor.OwnerExponentBits(bits, profile, KeyOrder.Full));
        }

        Assert.Equal(rows, Rerandomizer.Rows(bits, 8, KeyOrder.Short));
        Assert.Equal(Rerandomizer.Rows(bits, 8), Rerandomizer.Rows(bits, 8, KeyOrder.Full));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Tables_take_what_their_windows_take(string kernel)
    {
        PaillierPublicKey key = TestKeys.ShortOfSize(kernel, 520).PublicKey;
        foreach (int window in new[] { 2, 5, 8 })
        {
            using var rerandomizer = new Rerandomizer(key, window);
            long entries = (long)Rerandomizer.Rows(520, window, KeyOrder.Short) << window;
            Assert.Equal(entries * key.NumberBytes, rerandomizer.TableBytes);
        }
    }

    private static void AgreesWithTextbook(PaillierPrivateKey key, BigInteger[] values)
    {
        var oracle = new TextbookPaillier(key);
        using var anybody = new Encryptor(key.PublicKey);
        using var owner = new Encryptor(key);
        using var careful = new Encryptor(key, new EncryptorOptions { ConstantTime = true });
        using var rerandomizer = new Rerandomizer(key.PublicKey);
        foreach (Encryptor encryptor in new[] { anybody, owner, careful })
        {
            using CiphertextBatch batch = encryptor.Encrypt(values);
            BigInteger[] before = batch.Ciphertexts();
            Assert.Equal(values, before.Select(oracle.DecryptSigned));
            encryptor.Rerandomize(batch, 0, batch.Count);
            rerandomizer.Rerandomize(batch, 0, batch.Count);
            Assert.All(before.Zip(batch.Ciphertexts()), pair => Assert.NotEqual(pair.First, pair.Second));
            Assert.Equal(values, batch.Ciphertexts().Select(oracle.DecryptSigned));
            Assert.Equal(values, key.Decrypt(batch));
        }
    }

    /// <summary>p = 191, q = 239, u = 5 and 7.</summary>
    private static PaillierPrivateKey Tiny(string kernel)
    {
        const int P = 191, Q = 239, U = 5, V = 7;
        int h = Enumerable.Range(2, P * Q).First(x =>
            BigInteger.ModPow(x, U * V, P * Q).IsOne && x % P != 1 && x % Q != 1);
        return PaillierPrivateKey.Create(
            16, [P, Q, U, V], [(byte)h, (byte)(h >> 8)], TestKeys.Options(kernel) with { Order = KeyOrder.Short });
    }

    private static void Refused(Action action)
    {
        PaillierException exception = Assert.Throws<PaillierException>(action);
        Assert.Equal(PaillierError.Key, exception.Error);
        Assert.DoesNotContain('\n', exception.Message);
    }

    private static byte[] With(byte[] data, int index, ReadOnlySpan<byte> values)
    {
        byte[] copy = [.. data];
        values.CopyTo(copy.AsSpan(index));
        return copy;
    }

    private sealed record Parts(BigInteger P, BigInteger Q, BigInteger OrderP, BigInteger OrderQ, BigInteger H)
    {
        internal static Parts Of(PaillierPrivateKey key)
        {
            byte[] exported = key.Export();
            int at = KeyFormat.HeaderBytes, bits = key.PublicKey.Bits;
            int prime = KeyFormat.PrimeBytesOf(bits), order = KeyFormat.OrderBytesOf(bits, KeyOrder.Short);
            return new Parts(Next(prime), Next(prime), Next(order), Next(order), Next(KeyFormat.BytesOf(bits)));

            BigInteger Next(int bytes)
            {
                at += bytes;
                return new BigInteger(exported.AsSpan(at - bytes, bytes), isUnsigned: true);
            }
        }
    }
}
