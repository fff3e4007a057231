using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Popcorn.Cli.Service;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A server that knows clients by what somebody else has signed: <c>serve --jwt-key</c> and its kin.</summary>
public sealed class SignedTokenTests : IDisposable
{
    private const string Audience = "popcorn-of-tests";

    private readonly TestFiles _files = new();
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly ECDsa _curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private static long Soon => DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds();

    private static long Past => DateTimeOffset.UtcNow.AddHours(-1).ToUnixTimeSeconds();

    public void Dispose()
    {
        _files.Dispose();
        _rsa.Dispose();
        _curve.Dispose();
    }

    [Fact]
    public async Task Only_a_token_for_this_server_signed_by_its_key_lets_in()
    {
        string pem = _files["key.pem"];
        await File.WriteAllTextAsync(pem, _rsa.ExportSubjectPublicKeyInfoPem());
        await using RunningServer server = await StartAsync("--jwt-key", pem);
        string right = Signed(new { sub = "alice", aud = Audience, exp = Soon });
        Assert.Equal((HttpStatusCode.OK, ""), await AnswerAsync(server, right));
        using RSA other = RSA.Create(2048);
        byte[] publicKey = await File.ReadAllBytesAsync(pem);
        string[] parts = right.Split('.');
        (string Token, string Words)[] wrong =
        [
            ("x", "no token signed by a key"),
            (Signed(new { sub = "alice", aud = Audience, exp = Soon }, Rs256(other)), "no token signed by a key"),
            (Signed(new { sub = "alice", aud = Audience, exp = Soon }, ("none", _ => [])), "no token signed by a key"),
            (Signed(new { sub = "alice", aud = Audience, exp = Soon },
                ("HS256", data => HMACSHA256.HashData(publicKey, data))), "no token signed by a key"),
            (Signed(new { sub = "alice", aud = Audience, exp = Soon }, Es256(_curve)), "no token signed by a key"),
            ($"{parts[0]}.{Base64Url.EncodeToString("{}"u8)}.{parts[2]}", "no token signed by a key"),
            (Signed(new { sub = "alice", aud = Audience, exp = Past }), "has expired"),
            (Signed(new { sub = "alice", aud = Audience }), "has no end"),
            (Signed(new { sub = "alice", aud = Audience, exp = Soon + 60, nbf = Soon }), "not valid yet"),
            (Signed(new { sub = "alice", aud = "another", exp = Soon }), "for somebody else"),
            (Signed(new { sub = "alice", exp = Soon }), "for somebody else"),
            (Signed(new { aud = Audience, exp = Soon }), "names no subject"),
            (Signed(new { sub = "a\nb", aud = Audience, exp = Soon }), "names no subject"),
            (Signed(new { sub = "alice", aud = Audience, exp = Soon, popcorn_rate = -1 }), "makes no sense"),
            (Signed(new { sub = "alice", aud = Audience, exp = Soon, popcorn_bundles = 0 }), "makes no sense"),
            (Signed(new { sub = "alice", aud = Audience, exp = Soon, popcorn_memory = "much" }), "makes no sense"),
            (Signed(new { sub = "alice", aud = Audience, exp = Soon, popcorn_models = Array.Empty<string>() }),
                "makes no sense"),
        ];
        foreach ((string token, string words) in wrong)
        {
            (HttpStatusCode status, string line) = await AnswerAsync(server, token);
            Assert.Equal(HttpStatusCode.Unauthorized, status);
            Assert.Contains(words, line, StringComparison.Ordinal);
            Assert.Single(line.TrimEnd().Split('\n'));
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await AnswerAsync(server, null)).Status);
        Assert.DoesNotContain("connected from", server.Log, StringComparison.Ordinal);

        // Another key in its place, of the other kind, without a restart; and one that cannot be read changes nothing.
        await File.WriteAllTextAsync(pem, _curve.ExportSubjectPublicKeyInfoPem());
        Assert.Equal(HttpStatusCode.Unauthorized, (await AnswerAsync(server, right)).Status);
        string anew = Signed(new { sub = "alice", aud = new[] { "x", Audience }, exp = Soon }, Es256(_curve));
        Assert.Equal(HttpStatusCode.OK, (await AnswerAsync(server, anew)).Status);
        await File.WriteAllTextAsync(pem, "nonsense");
        Assert.Equal(HttpStatusCode.OK, (await AnswerAsync(server, anew)).Status);
        await server.LogsAsync("The key known before stays");
        await FailsAsync("no public key in PEM");
        await File.WriteAllTextAsync(pem, _rsa.ExportPkcs8PrivateKeyPem());
        await FailsAsync("is a private key");

        Task FailsAsync(string words) => CommandRun.Fails(
            1, words, "serve", _files["tiny.popcorn"], "--jwt-key", pem, "--jwt-audience", Audience);
    }

    [Fact]
    public async Task Claims_say_what_a_client_may_do()
    {
        await File.WriteAllTextAsync(_files["key.pem"], _rsa.ExportSubjectPublicKeyInfoPem());
        await using RunningServer server = await StartAsync("--jwt-key", _files["key.pem"]);
        string[] infer =
        [
            "infer", "--server", server.Url, "--model", "tiny", "--image", _files.Images(3, labels: false), "--index",
        ];
        await CommandRun.Json([.. infer, "0-2", .. Header(new { sub = "alice", aud = Audience, exp = Soon })]);
        await server.LogsAsync("connected from alice at ");
        await CommandRun.Json([.. infer, "0", .. Header(new
        {
            sub = "auth0|bob", aud = Audience, exp = Soon, popcorn_models = new[] { "cifar", "tiny" },
        })]);
        await CommandRun.Json(
            [.. infer, "0", .. Header(new { sub = "eve", aud = Audience, exp = Soon, popcorn_models = "tiny cifar" })]);
        await CommandRun.Fails(1, "no model 'tiny'; it has none for you", [.. infer, "0", .. Header(new
        {
            sub = "carol", aud = Audience, exp = Soon, popcorn_models = "cifar",
        })]);
        CommandRun half = await CommandRun.Of([.. infer, "0-2", "--json", .. Header(new
        {
            sub = "dave", aud = Audience, exp = Soon, popcorn_rate = 2,
        })]);
        half.AssertFailureHalfWay(1, "try again in");
        await CommandRun.Fails(
            1, "wants credentials", [.. infer, "0", .. Header(new { sub = "alice", aud = Audience, exp = Past })]);

        string[] Header(object claims) => ["--header", $"Authorization: Bearer {Signed(claims)}"];
    }

    [Fact]
    public async Task A_client_is_no_longer_known_when_its_token_has_expired()
    {
        await File.WriteAllTextAsync(_files["key.pem"], _rsa.ExportSubjectPublicKeyInfoPem());
        var clock = new Clock();
        SignedTokens tokens = SignedTokens.OfKey(_files["key.pem"], Audience, _ => { }, clock);
        Func<KnownClient?> now = await tokens.IdentifyAsync(
            Signed(new { sub = "alice", aud = Audience, exp = Soon, popcorn_bundles = 3, popcorn_memory = 64 }),
            default);
        Assert.Equal("alice", now()?.Name);
        Assert.Equal((3, 64L << 20), (now()!.Allowance.Bundles, now()!.Allowance.MemoryBytes));
        clock.Now += TimeSpan.FromMinutes(59);
        Assert.Equal("alice", now()?.Name);
        clock.Now += TimeSpan.FromMinutes(2);
        Assert.Null(now());
    }

    [Fact]
    public async Task An_authority_tells_its_keys_and_its_name_itself()
    {
        await using WebApplication authority = await AuthorityAsync();
        string url = authority.Urls.Single();
        await using RunningServer server = await StartAsync("--jwt-authority", url);
        Assert.Equal(
            HttpStatusCode.OK,
            (await AnswerAsync(server, Signed(new { sub = "a", aud = Audience, exp = Soon, iss = url }))).Status);
        (HttpStatusCode status, string line) =
            await AnswerAsync(server, Signed(new { sub = "a", aud = Audience, exp = Soon, iss = "https://other" }));
        Assert.Equal(HttpStatusCode.Unauthorized, status);
        Assert.Contains("issuer", line, StringComparison.Ordinal);
        using RSA other = RSA.Create(2048);
        (status, _) = await AnswerAsync(
            server, Signed(new { sub = "a", aud = Audience, exp = Soon, iss = url }, Rs256(other)));
        Assert.Equal(HttpStatusCode.Unauthorized, status);

        // One that is not there: not the client's fault, and said as such.
        await using RunningServer lost = await StartAsync("--jwt-authority", "http://127.0.0.1:1");
        (status, line) = await AnswerAsync(lost, Signed(new { sub = "a", aud = Audience, exp = Soon, iss = url }));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains("try again later", line, StringComparison.Ordinal);
        await CommandRun.Fails(
            1, "write the https:// URL", "serve", _files["tiny.popcorn"], "--jwt-authority", "http://example.org",
            "--jwt-audience", Audience);
    }

    [Theory]
    [InlineData("--jwt-key k.pem", "--jwt-audience belongs to")]
    [InlineData("--jwt-audience a", "--jwt-audience belongs to")]
    [InlineData("--clients c.txt --jwt-audience a", "--jwt-audience belongs to")]
    [InlineData("--clients c.txt --jwt-key k.pem --jwt-audience a", "--clients and --jwt-key are two ways")]
    public async Task Ways_to_know_clients_are_not_mixed(string options, string words)
    {
        CommandRun run = await CommandRun.Of(["serve", "m.popcorn", .. options.Split(' ')]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(words, run.Error, StringComparison.Ordinal);
    }

    private static (string, Func<byte[], byte[]>) Rs256(RSA key) =>
        ("RS256", data => key.SignData(data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

    private static (string, Func<byte[], byte[]>) Es256(ECDsa key) =>
        ("ES256", data => key.SignData(data, HashAlgorithmName.SHA256));

    private static async Task<(HttpStatusCode Status, string Line)> AnswerAsync(RunningServer server, string? token)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(new Uri(server.Url), "/models"));
        if (token is not null)
        {
            request.Headers.Authorization = new("Bearer", token);
        }

        using HttpResponseMessage response = await http.SendAsync(request);
        return (
            response.StatusCode, response.IsSuccessStatusCode ? "" : await response.Content.ReadAsStringAsync());
    }

    private Task<RunningServer> StartAsync(params string[] options) =>
        RunningServer.StartAsync([_files.Model("tiny.popcorn"), .. options, "--jwt-audience", Audience]);

    private string Signed(object claims, (string Algorithm, Func<byte[], byte[]> Sign)? by = null)
    {
        (string algorithm, Func<byte[], byte[]> sign) = by ?? Rs256(_rsa);
        string content = Part(new { alg = algorithm, typ = "JWT" }) + "." + Part(claims);
        return $"{content}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(content)))}";

        static string Part(object value) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(value));
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UtcNow;

        public override DateTimeOffset GetUtcNow() => Now;
    }

    /// <summary>An OpenID provider, as far as a server asks one.</summary>
    private async Task<WebApplication> AuthorityAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        WebApplication host = builder.Build();
        host.Urls.Add("http://127.0.0.1:0");
        RSAParameters key = _rsa.ExportParameters(includePrivateParameters: false);
        host.Run(context => context.Response.WriteAsync(
            context.Request.Path == "/keys"
                ? JsonSerializer.Serialize(new
                {
                    keys = new[]
                    {
                        new
                        {
                            kty = "RSA", use = "sig",
                            n = Base64Url.EncodeToString(key.Modulus), e = Base64Url.EncodeToString(key.Exponent),
                        },
                    },
                })
                : JsonSerializer.Serialize(
                    new { issuer = host.Urls.Single(), jwks_uri = $"{host.Urls.Single()}/keys" })));
        await host.StartAsync();
        return host;
    }
}
