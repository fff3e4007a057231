using Popcorn.Cli.Service;
using Popcorn.Cli.Tests.Data;
using Popcorn.Engine;
using Popcorn.Interop;

namespace Popcorn.Cli.Tests.Service;

public sealed class KeyDirectoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ClientKey[] _made =
        [ClientKey.Generate(2048, KeyOrder.Full), ClientKey.Generate(2048, KeyOrder.Full)];

    public void Dispose()
    {
        Array.ForEach(_made, key => key.Dispose());
        _folder.Dispose();
    }

    [Fact]
    public void Of_keys_that_are_saved_at_once_one_is_there_and_whole()
    {
        int saved = 0;
        Parallel.ForEach(_made, key =>
        {
            try
            {
                new KeyDirectory(_folder.Root).Save(key.Key, replace: false);
                Interlocked.Increment(ref saved);
            }
            catch (PopcornException e)
            {
                Assert.Contains("exists; --force", e.Message, StringComparison.Ordinal);
            }
        });
        Assert.Equal(1, saved);
        Assert.Equal(["key.priv", "key.pub"], NamesInFolder());

        Parallel.ForEach(_made, key => new KeyDirectory(_folder.Root).Save(key.Key, replace: true));
        using ClientKey kept = new KeyDirectory(_folder.Root).Load();
        Assert.Contains(kept.Key.PublicKey.Modulus, _made.Select(key => key.Key.PublicKey.Modulus));
        Assert.Equal(["key.priv", "key.pub"], NamesInFolder());
    }

    [Fact]
    public void A_public_key_of_somebody_else_is_noticed()
    {
        var keys = new KeyDirectory(_folder.Root);
        keys.Save(_made[0].Key, replace: false);
        byte[] whole = File.ReadAllBytes(keys.PublicPath);
        foreach (byte[] wrong in (byte[][])[_made[1].Key.PublicKey.Export(), whole[..^1], [.. whole, 0], []])
        {
            File.WriteAllBytes(keys.PublicPath, wrong);
            string message = Assert.Throws<PopcornException>(() => keys.Load()).Message;
            Assert.Contains($"'{keys.PublicPath}' and '{keys.PrivatePath}'", message, StringComparison.Ordinal);
        }

        File.Delete(keys.PublicPath);
        keys.Load().Dispose();
    }

    private IEnumerable<string?> NamesInFolder() =>
        Directory.GetFileSystemEntries(_folder.Root).Select(Path.GetFileName).Order();
}
