using System.Diagnostics;
using System.Security.Cryptography;
using Popcorn.Cli.Data;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
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
    public void Save(PaillierPrivateKey key)
    {
        Directory.CreateDirectory(path);
        byte[] secret = key.Export();
        try
        {
            Files.Replace(PrivatePath, ownerOnly: true, file => file.Write(secret));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }

        Files.Replace(PublicPath, ownerOnly: false, file => file.Write(key.PublicKey.Export()));
    }

    /// <summary>Reads the private key, with a remark where others may read it too.</summary>
    /// <exception cref="PopcornException">There is no key, or the file holds something else.</exception>
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
            WarnOfOtherReaders(file);
            return new ClientKey(key, Seconds: null);
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

    private void WarnOfOtherReaders(FileStream file)
    {
        const UnixFileMode others = UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file.SafeFileHandle) & others) != 0)
        {
            Output.Note($"popcorn: warning: others can read '{PrivatePath}'; run chmod 600 on it.");
        }
    }
}
