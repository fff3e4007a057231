using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Protocols;

public class OwnerTablesTests
{
    private static readonly EncryptorOptions Narrow = new() { WindowBits = 2 };
    private static readonly EncryptorOptions Wide = new() { WindowBits = 4 };

    [Fact]
    public void Those_of_one_key_and_size_are_made_once_and_wiped_after_the_last_user()
    {
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(512, TestKeys.Options);
        var first = OwnerTables.Rent(key, Narrow);
        var second = OwnerTables.Rent(key, Narrow with { });
        var wide = OwnerTables.Rent(key, Wide);
        Encryptor tables = first.Encryptor;
        Assert.Same(tables, second.Encryptor);
        Assert.NotSame(tables, wide.Encryptor);

        first.Dispose();
        first.Dispose();
        Assert.Throws<ObjectDisposedException>(() => first.Encryptor);
        AssertEncrypts(key, second.Encryptor);
        second.Dispose();
        Assert.Throws<ObjectDisposedException>(() => AssertEncrypts(key, tables));
        AssertEncrypts(key, wide.Encryptor);
        wide.Dispose();

        using var third = OwnerTables.Rent(key, Narrow);
        Assert.NotSame(tables, third.Encryptor);
        AssertEncrypts(key, third.Encryptor);
    }

    [Fact]
    public void Other_keys_have_others()
    {
        using PaillierPrivateKey one = PaillierPrivateKey.Generate(512, TestKeys.Options);
        using PaillierPrivateKey copy = PaillierPrivateKey.Import(one.Export(), TestKeys.Options);
        using var tables = OwnerTables.Rent(one, Narrow);
        using var ofCopy = OwnerTables.Rent(copy, Narrow);
        Assert.NotSame(tables.Encryptor, ofCopy.Encryptor);
    }

    [Fact]
    public async Task Many_threads_may_come_and_go()
    {
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(512, TestKeys.Options);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 50; i++)
            {
                using var tables = OwnerTables.Rent(key, i % 3 == 0 ? Wide : Narrow);
                AssertEncrypts(key, tables.Encryptor);
            }
        })));
    }

    private static void AssertEncrypts(PaillierPrivateKey key, Encryptor encryptor)
    {
        using var batch = new CiphertextBatch(key.PublicKey, 1);
        encryptor.Encrypt([-3], batch);
        Assert.Equal(-3, new Decryptor(key).DecryptSigned(batch)[0]);
    }
}
