using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Popcorn.Docs.Tests;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>
/// The commands of the documents, run as they stand, in a folder that has the files that they name: the lines of a
/// document one after the other, servers beside what comes after them. What builds from the sources (build.sh, dotnet)
/// has tests of its own, and what the commands' output is piped into is not run.
/// </summary>
public sealed partial class DocumentedCommandTests : IDisposable
{
    private const string Token = "TOKEN";

    private static readonly string[] Elsewhere = ["./build.sh", "dotnet", "cd", "POPCORN_GMP_SOURCE="];

    private readonly TestFiles _files = new();
    private readonly int _port = FreePort();
    private RunningServer? _server;
    private string _token = "";

    public static TheoryData<string> Documents =>
        [.. Document.All.Where(document => LinesOf(document).Any(IsCommand)).Select(document => document.Path)];

    public void Dispose() => _files.Dispose();

    [Theory]
    [MemberData(nameof(Documents))]
    public async Task Commands_run_as_they_stand(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return; // the paths are those of other systems
        }

        Document document = Document.All.Single(document => document.Path == path);
        await PrepareAsync(document);
        try
        {
            foreach (string line in LinesOf(document).Where(IsCommand))
            {
                await RunAsync(line);
            }
        }
        finally
        {
            await EndServerAsync();
        }
    }

    [Fact]
    public void There_are_no_other_commands()
    {
        string[] unknown = [.. Document.All.SelectMany(LinesOf)
            .Where(line => !IsCommand(line) && !Elsewhere.Any(line.StartsWith))];
        Assert.True(unknown.Length == 0, string.Join('\n', unknown));
    }

    /// <summary>Lines of a shell; drawings, which begin far in, are none.</summary>
    private static IEnumerable<string> LinesOf(Document document) => document.Blocks
        .Where(block => block.Language.Length == 0 && !Drawing().IsMatch(block.Text))
        .SelectMany(block => block.Text.Replace("\\\n", "").Split('\n'))
        .Select(line => Comment().Replace(line, ""))
        .Where(line => line.Length > 0);

    private static bool IsCommand(string line) =>
        line.Split(' ').SkipWhile(word => Variable().IsMatch(word)).First() is "popcorn" or "artifacts/popcorn/popcorn";

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task RunAsync(string line)
    {
        string[] words = [.. Words().Matches(Here(line.Split(" | ")[0])).Select(word => word.Value.Replace("\"", ""))];
        string[] settings = [.. words.TakeWhile(word => Variable().IsMatch(word))];
        string[] arguments = words[(settings.Length + 1)..];
        Dictionary<string, string?> variables = settings.Select(setting => setting.Split('=', 2))
            .ToDictionary(pair => pair[0], string? (pair) => pair[1]);
        variables["SSL_CERT_FILE"] = _files["certificate.pem"];
        if (arguments[0] == "serve")
        {
            await EndServerAsync();
            bool isPlaced = arguments.Contains("--listen") || arguments.Contains("--config");
            bool isSecure = arguments.Contains("--certificate") || arguments.Contains("--config");
            string[] place = isPlaced ? [] : ["--listen", "http://127.0.0.1:0"];
            _server = await RunningServer.StartAsync(
                isSecure ? "https" : "http", CommandRun.StartIn(_files[""], variables, [.. arguments, .. place]));
            return;
        }

        using Process process = CommandRun.StartIn(_files[""], variables, arguments);
        CommandRun run = await CommandRun.ToEnd(process);
        Assert.True(run.ExitCode == 0, $"{line}\n{run.Out}{run.Error}{_server?.Log}");
        _token = arguments[0] == "token" ? run.Out.Trim() : _token;
    }

    private async Task EndServerAsync()
    {
        if (_server is RunningServer server)
        {
            await using (server)
            {
                Assert.Equal(0, await server.EndAsync("TERM"));
            }

            _server = null;
        }
    }

    /// <summary>The same with this test's places and port.</summary>
    private string Here(string text) => text
        .Replace("/etc/popcorn", _files["etc"])
        .Replace("/var/lib/popcorn/models", _files["models"])
        .Replace("\"/models", $"\"{_files["models"]}")
        .Replace("//0.0.0.0:", "//127.0.0.1:").Replace("//host:", "//127.0.0.1:")
        .Replace(":7310", $":{_port}").Replace(":8080", $":{_port}")
        .Replace(Token, _token);

    /// <summary>What the documents' commands read.</summary>
    private async Task PrepareAsync(Document document)
    {
        string Sample(string name) => Path.Combine(Repository.Root, "samples", name);
        Directory.CreateSymbolicLink(_files["samples"], Path.Combine(Repository.Root, "samples"));
        Directory.CreateDirectory(_files["models"]);
        Directory.CreateDirectory(_files["etc"]);
        File.Copy(Sample("mnist-small.onnx"), _files["model.onnx"]);
        foreach (string model in (string[])[
            "model", "digits", "a", "b", "models/digits", "models/cifar"])
        {
            _files.Model($"{model}.popcorn", TestFiles.DigitsNetwork());
        }

        Compress(Sample("mnist-100-images.idx3-ubyte"), "t10k-images-idx3-ubyte.gz");
        Compress(Sample("mnist-100-labels.idx1-ubyte"), "t10k-labels-idx1-ubyte.gz");
        _files.Bytes("digit.png", Picture(28));
        (string certificate, string key) = _files.Certificate();
        string both = $"{await File.ReadAllTextAsync(certificate)}\n{await File.ReadAllTextAsync(key)}\n";
        await File.WriteAllTextAsync(_files["chain-and-key.pem"], both);
        await File.WriteAllTextAsync(_files["etc/chain-and-key.pem"], both);
        using var issuer = RSA.Create(2048);
        await File.WriteAllTextAsync(_files["issuer-public-key.pem"], issuer.ExportSubjectPublicKeyInfoPem());
        await CommandRun.Of("token", "bob", "--clients", _files["etc/clients.txt"]);
        if (document.Blocks.FirstOrDefault(block => block.Language == "json") is CodeBlock settings)
        {
            await File.WriteAllTextAsync(_files["etc/appsettings.json"], Here(settings.Text));
        }
    }

    private void Compress(string path, string name)
    {
        using FileStream target = File.Create(_files[name]);
        using var gzip = new GZipStream(target, CompressionLevel.Fastest);
        using FileStream source = File.OpenRead(path);
        source.CopyTo(gzip);
    }

    /// <summary>A grey square as a bitmap of 24 bits.</summary>
    private static byte[] Picture(int side)
    {
        const int Header = 54;
        var bitmap = new byte[Header + 3 * side * side];
        bitmap.AsSpan(Header).Fill(99);
        "BM"u8.CopyTo(bitmap);
        foreach ((int at, int value) in ((int, int)[])[
            (2, bitmap.Length), (10, Header), (14, 40), (18, side), (22, side), (26, 1 | 24 << 16)])
        {
            BinaryPrimitives.WriteInt32LittleEndian(bitmap.AsSpan(at), value);
        }

        return bitmap;
    }

    [GeneratedRegex("[│┌└#]{2}|[│┌└]|^ {4,}", RegexOptions.Multiline)]
    private static partial Regex Drawing();

    [GeneratedRegex(" {2,}#.*| +$")]
    private static partial Regex Comment();

    [GeneratedRegex("^[A-Z_]+=")]
    private static partial Regex Variable();

    [GeneratedRegex("(\"[^\"]*\"|[^\" ])+")]
    private static partial Regex Words();
}
