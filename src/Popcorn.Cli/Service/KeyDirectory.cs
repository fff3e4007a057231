using System.Diagnostics;
using System.Security.Cryptography;
using Popcorn.Cli.Data;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Cli.Service;

/// <summary>A client's key pair.</summary>
/// <param name="Key">The private key; the public one goes with it.</param>
/// <param name="Seconds">What making it took, where it is fresh.</param>
internal sealed record ClientKey(PaillierPrivateKey Key, double? Seconds) : IDisposable
{
    /// <summary>Makes one.</summary>
    public static ClientKey Generate(int bits, KeyOrder order)
    {
        using var progress = new ProgressLine($"making a key of {bits} bits");
        long start = Stopwatch.GetTimestamp();
        PaillierPrivateKey key = PaillierPrivateKey.Generate(bits, new KeyOptions { Order = order });
        return new ClientKey(key, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Key.PublicKey.Dispose();
        Key.Dispose();
    }
}

/// <summary>A directory with a key pair: <c>key.pub</c>, and <c>key.priv</c> for its owner's eyes only.</summary>
internal sealed class KeyDirectory(string path)
{
    private const int MaxFileBytes = 1 << 16;

    /// <summary>Key sizes that a user may ask for, in bits.</summary>
    public static readonly int[] AllowedBits = [2048, 3072, 4096];

    public string PublicPath { get; } = Path.Combine(path, "key.pub");

    public string PrivatePath { get; } = Path.Combine(path, "key.priv");

    /// <summary>Refuses to go on where a key is there already.</summary>
    /// <exception cref="PopcornException">One of the two files exists.</exception>
    public void RequireAbsent()
    {
        foreach (string file in new[] { PublicPath, PrivatePath })
        {
            if (File.Exists(file))
            {
                throw new PopcornException($"'{file}' exists; --force replaces it (and what it encrypted is lost).");
            }
        }
    }

    /// <summary>Writes both files, making the directory where there is none.</summary>
    /// <param name="key">The key.</param>
    /// <param name="replace">Whether it may take the place of another.</param>
    /// <exception cref="PopcornException">There is another, or they cannot be written.</exception>
    public void Save(PaillierPrivateKey key, bool replace)
    {
        Directory.CreateDirectory(path);

        // Another process may have made a key since this one was begun; two at once would leave half of each.
        using IDisposable turn = Files.TakeTurn(PublicPath);
        if (!replace)
        {
            RequireAbsent();
        }

        byte[] secret = key.Export();
        try
        {
            Files.Replace(PrivatePath, ownerOnly: true, file =>
            {
                file.Write(secret);
                file.Flush();

                // Both have found room on the disk before the first takes the place of another.
                Files.Replace(PublicPath, ownerOnly: false, shared => shared.Write(key.PublicKey.Export()));
            });
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    /// <summary>Reads the private key, with a remark where others may read it too.</summary>
    /// <exception cref="PopcornException">
    /// There is no key, the file holds something else, or the public key beside it is another's.
    /// </exception>
    public ClientKey Load()
    {
        using FileStream file = Files.OpenRead(PrivatePath);
        if (file.Length > MaxFileBytes)
        {
            throw new PopcornException($"'{PrivatePath}' is not a private key; make one with popcorn keygen.");
        }

        byte[] secret = GC.AllocateArray<byte>((int)file.Length, pinned: true);
        try
        {
            file.ReadExactly(secret);
            PaillierPrivateKey key = PaillierPrivateKey.Import(
                secret, new KeyOptions { Order = PaillierPrivateKey.OrderAtStart(secret) });
            var pair = new ClientKey(key, Seconds: null);
            try
            {
                RequireItsOwnPublicKey(key);
            }
            catch
            {
                pair.Dispose();
                throw;
            }

            WarnOfOtherReaders(file);
            return pair;
        }
        catch (PaillierException e) when (e.Error == PaillierError.Key)
        {
            throw new PopcornException($"{PrivatePath}: {e.Message}", e);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    /// <summary>Whoever was given the public key encrypts to it: the private one must be able to read that.</summary>
    private void RequireItsOwnPublicKey(PaillierPrivateKey key)
    {
        if (!File.Exists(PublicPath))
        {
            return; // Not everybody who has the private key needs it.
        }

        using FileStream file = Files.OpenRead(PublicPath);
        if (file.Length > MaxFileBytes
            || !BoundedStream.ReadAll(file, MaxFileBytes, PublicPath).AsSpan().SequenceEqual(key.PublicKey.Export()))
        {
            throw new PopcornException(
                $"'{PublicPath}' and '{PrivatePath}' are not of one key: put back the one that is right, or delete "
                + "key.pub.");
        }
    }

    private void WarnOfOtherReaders(FileStream file)
    {
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file.SafeFileHandle) & others) != 0)
        {
            Output.Note($"popcorn: warning: others can read '{PrivatePath}'; run chmod 600 on it.");
        }
    }
}
