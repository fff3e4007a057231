using System.Net;

namespace Popcorn.Hosting;

/// <summary>
/// The proxy that the system or the environment names, but never between two programs of one machine, and with networks
/// such as 10.0.0.0/8 in no_proxy, which .NET takes for names of hosts.
/// </summary>
internal sealed class SystemProxy : IWebProxy
{
    private readonly IWebProxy _proxy;
    private readonly IPNetwork[] _direct;

    /// <summary>That of the system, with exceptions.</summary>
    /// <param name="proxy">What .NET makes of the system's settings.</param>
    /// <param name="noProxy">Names and networks, between commas, that go without.</param>
    internal SystemProxy(IWebProxy proxy, string? noProxy)
    {
        _proxy = proxy;
        _direct = [.. (noProxy ?? "").Split(',', StringSplitOptions.TrimEntries)
            .Where(entry => IPNetwork.TryParse(entry, out _)).Select(entry => IPNetwork.Parse(entry))];
    }

    /// <summary>As things are when it is asked for.</summary>
    public static SystemProxy Current => new(
        HttpClient.DefaultProxy,
        Environment.GetEnvironmentVariable("no_proxy") ?? Environment.GetEnvironmentVariable("NO_PROXY"));

    /// <inheritdoc/>
    public ICredentials? Credentials
    {
        get => _proxy.Credentials;
        set => _proxy.Credentials = value;
    }

    /// <inheritdoc/>
    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : _proxy.GetProxy(destination);

    /// <inheritdoc/>
    public bool IsBypassed(Uri host) => host.IsLoopback
        || (IPAddress.TryParse(host.DnsSafeHost, out IPAddress? address)
            && Array.Exists(_direct, network => network.Contains(address)))
        || _proxy.IsBypassed(host);
}
