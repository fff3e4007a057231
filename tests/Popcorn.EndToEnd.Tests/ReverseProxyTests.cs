using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A service behind nginx, by the documented configuration: TLS, and a token.</summary>
public sealed class ReverseProxyTests : IDisposable
{
    private const string Nginx = "/usr/sbin/nginx";

    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [NginxFact]
    public async Task The_documented_configuration_serves_those_who_know_the_token()
    {
        await using RunningServer server = await RunningServer.StartAsync(_files.Model("tiny.popcorn"));
        int port = FreePort();
        (string certificate, string key) = _files.Certificate();
        string configuration = (await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs/deploy/nginx.conf")))
            .Replace("127.0.0.1:7310", new Uri(server.Url).Authority, StringComparison.Ordinal)
            .Replace("listen 443 ssl", $"listen 127.0.0.1:{port} ssl", StringComparison.Ordinal)
            .Replace("/etc/popcorn/certificate.pem", certificate, StringComparison.Ordinal)
            .Replace("/etc/popcorn/key.pem", key, StringComparison.Ordinal)
            .Replace("events {}", $"pid {_files["nginx.pid"]}; daemon off; events {{}}", StringComparison.Ordinal);
        string path = _files.Bytes("nginx.conf", Encoding.UTF8.GetBytes(configuration));
        using Process nginx = Process.Start(new ProcessStartInfo(Nginx, ["-c", path, "-e", _files["error.log"]]))!;
        try
        {
            await Eventually.IsTrueAsync(() => Answers(port), "nginx does not listen.");
            string images = _files.Images(1, labels: false);
            string[] infer =
            [
                "infer", "--server", $"https://localhost:{port}", "--model", "tiny",
                "--image", images,
            ];
            var trust = new Dictionary<string, string?> { ["SSL_CERT_FILE"] = certificate };
            using Process right = CommandRun.StartIn(
                trust, [.. infer, "--header", "Authorization: Bearer CHANGE-ME", "--json"]);
            CommandRun served = await CommandRun.ToEnd(right);
            Assert.True(served.ExitCode == 0, served.Error);
            JsonElement result = JsonDocument.Parse(served.Out).RootElement.GetProperty("results")[0];
            Assert.Equal(
                (await TwoProcessTests.EvalAsync(_files["tiny.popcorn"], images))[0], TwoProcessTests.Logits(result));

            using Process wrong = CommandRun.StartIn(trust, [.. infer, "--header", "Authorization: Bearer other"]);
            (await CommandRun.ToEnd(wrong)).AssertFailure(1, "wants credentials");
            using Process stranger = CommandRun.StartIn([], infer);
            (await CommandRun.ToEnd(stranger)).AssertFailure(1, "certificate");
        }
        finally
        {
            nginx.Kill(entireProcessTree: true);
            await nginx.WaitForExitAsync();
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static bool Answers(int port)
    {
        try
        {
            using var client = new TcpClient("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private sealed class NginxFactAttribute : FactAttribute
    {
        public NginxFactAttribute() => Skip = File.Exists(Nginx) ? null : $"there is no {Nginx} here";
    }
}
