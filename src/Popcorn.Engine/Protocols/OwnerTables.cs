using System.Runtime.CompilerServices;
using Popcorn.Interop;

namespace Popcorn.Engine.Protocols;

/// <summary>
/// A key owner's tables of one size, which all sessions of a process under one key share: they are made for the first
/// and wiped after the last.
/// </summary>
internal sealed class OwnerTables : IDisposable
{
    private static readonly ConditionalWeakTable<PaillierPrivateKey, Dictionary<EncryptorOptions, Entry>> Keys = [];

    private readonly Dictionary<EncryptorOptions, Entry> _ofKey;
    private readonly EncryptorOptions _options;
    private Entry? _entry;

    private OwnerTables(Dictionary<EncryptorOptions, Entry> ofKey, EncryptorOptions options, Entry entry)
    {
        _ofKey = ofKey;
        _options = options;
        _entry = entry;
    }

    /// <summary>Encrypts by them; not after this was disposed.</summary>
    public Encryptor Encryptor =>
        (_entry ?? throw new ObjectDisposedException(nameof(OwnerTables))).Encryptor.Value;

    /// <summary>Uses tables; makes them where there are none.</summary>
    /// <param name="key">The key; must outlive the tables.</param>
    /// <param name="options">Their size.</param>
    /// <exception cref="PaillierException">No memory.</exception>
    public static OwnerTables Rent(PaillierPrivateKey key, EncryptorOptions options)
    {
        Dictionary<EncryptorOptions, Entry> ofKey = Keys.GetOrCreateValue(key);
        OwnerTables rented;
        lock (ofKey)
        {
            if (!ofKey.TryGetValue(options, out Entry? entry))
            {
                entry = new Entry(new Lazy<Encryptor>(() => new Encryptor(key, options)));
                ofKey.Add(options, entry);
            }

            entry.Users++;
            rented = new OwnerTables(ofKey, options, entry);
        }

        try
        {
            // Outside the lock: tables of other sizes need not wait for these.
            _ = rented.Encryptor;
            return rented;
        }
        catch
        {
            rented.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        lock (_ofKey)
        {
            if (_entry is null || --_entry.Users > 0)
            {
                _entry = null;
                return;
            }

            _ofKey.Remove(_options);
        }

        if (_entry.Encryptor.IsValueCreated)
        {
            _entry.Encryptor.Value.Dispose();
        }

        _entry = null;
    }

    private sealed class Entry(Lazy<Encryptor> encryptor)
    {
        public Lazy<Encryptor> Encryptor { get; } = encryptor;

        public int Users { get; set; }
    }
}
