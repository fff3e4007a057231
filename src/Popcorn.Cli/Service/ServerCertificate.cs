using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Popcorn.Engine;

namespace Popcorn.Cli.Service;

/// <summary>A server's certificate with its chain, by PEM files that are read again when they have changed.</summary>
internal sealed class ServerCertificate
{
    private readonly FollowedFiles<SslStreamCertificateContext> _context;

    /// <summary>Reads the files.</summary>
    /// <param name="path">The certificate, and those that lead to a root that clients trust.</param>
    /// <param name="keyPath">Its private key; the same file, where both are in one.</param>
    /// <param name="report">Told of a change that cannot be read: then the certificate stays.</param>
    /// <exception cref="PopcornException">They cannot be read, or do not belong together.</exception>
    public ServerCertificate(string path, string keyPath, Action<string> report) => _context = new(
        [path, keyPath], () => Read(path, keyPath), why => report($"{why} The certificate known before stays."));

    /// <summary>What a connection is made with.</summary>
    public SslServerAuthenticationOptions Options => new() { ServerCertificateContext = _context.Value };

    private static SslStreamCertificateContext Read(string path, string keyPath)
    {
        try
        {
            using X509Certificate2 pem = X509Certificate2.CreateFromPemFile(path, keyPath);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(path);

            // Windows does not take a key that is in memory alone.
            X509Certificate2 certificate =
                X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), password: null);
            return SslStreamCertificateContext.Create(certificate, chain, offline: true);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new PopcornException(
                $"No certificate can be made of '{path}' and '{keyPath}': {OneLine.Of(e.Message)}", e);
        }
    }
}
