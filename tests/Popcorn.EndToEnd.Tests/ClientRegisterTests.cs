using System.Diagnostics;
using Popcorn.Engine;
using Popcorn.Hosting;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A server that knows its clients: <c>popcorn token</c> and <c>serve --clients</c>.</summary>
public sealed class ClientRegisterTests : IDisposable
{
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Clients_get_what_their_tokens_allow_and_no_other_gets_anything()
    {
        string register = _files["clients.txt"];
        string any = await TokenAsync("any"), late = await TokenAsync("late", "--until", "2020-01-01");
        string other = await TokenAsync("other", "--model", "cifar");
        string twice = await TokenAsync("twice", "--rate", "2");
        string written = await File.ReadAllTextAsync(register);
        Assert.DoesNotContain(any, written, StringComparison.Ordinal);
        await CommandRun.Fails(1, "'any' already", "token", "any", "--clients", register);
        await CommandRun.Fails(1, "without spaces", "token", "a b", "--clients", register);

        await using RunningServer server =
            await RunningServer.StartAsync(_files.Model("tiny.popcorn"), "--clients", register);
        string images = _files.Images(3, labels: false);
        string[] infer = ["infer", "--server", server.Url, "--model", "tiny", "--image", images, "--index"];
        await CommandRun.Json([.. infer, "0-2", .. Header(any)]);
        foreach (string[] shown in (string[][])[[], Header("x"), Header(late), ["--header", $"Authorization: {any}"]])
        {
            await CommandRun.Fails(1, "wants credentials", [.. infer, "0", .. shown]);
        }

        // Refused before its key is looked at; and in the middle, with the time after which it goes on.
        await CommandRun.Fails(1, "no model 'tiny'; it has none for you", [.. infer, "0", .. Header(other)]);
        CommandRun half = await CommandRun.Of([.. infer, "0-2", "--json", .. Header(twice)]);
        Assert.Equal(2, half.AssertFailureHalfWay(1, "try again in").GetProperty("results").GetArrayLength());
        using var http = new HttpClient();
        Assert.Contains(
            "ok", await http.GetStringAsync(new Uri(new Uri(server.Url), "/health")), StringComparison.Ordinal);

        var options = new PopcornClientOptions
        {
            Server = new Uri(server.Url),
            Model = "tiny",
            Connection = new ConnectionOptions
            {
                Headers = new Dictionary<string, string> { ["Authorization"] = $"Bearer {any}" },
            },
        };
        await using var connected = new PopcornClient(options);
        await connected.InferAsync(new int[36]);

        // Without a restart: one leaves, one comes, and a file that makes no sense changes nothing.
        await File.WriteAllLinesAsync(
            register, written.Split('\n').Where(line => !line.StartsWith("any ", StringComparison.Ordinal)));
        string fresh = await TokenAsync("fresh");
        PopcornException gone = await Assert.ThrowsAsync<PopcornException>(() => connected.InferAsync(new int[36]));
        Assert.Equal(PopcornError.Forbidden, gone.Error);
        await CommandRun.Fails(1, "wants credentials", [.. infer, "0", .. Header(any)]);
        await CommandRun.Json([.. infer, "0", .. Header(fresh)]);
        await File.WriteAllTextAsync(register, "nonsense");
        await CommandRun.Json([.. infer, "0", .. Header(fresh)]);
        await server.LogsAsync("the clients known before stay");
        await CommandRun.Fails(1, "line 1", "serve", _files["tiny.popcorn"], "--clients", register);

        static string[] Header(string token) => ["--header", $"Authorization: Bearer {token}"];

        async Task<string> TokenAsync(string name, params string[] options) =>
            (await CommandRun.Json(["token", name, "--clients", register, .. options]))
                .GetProperty("token").GetString()!;
    }

    [Fact]
    public async Task A_server_may_have_a_certificate_of_its_own_which_is_read_again()
    {
        if (!OperatingSystem.IsLinux())
        {
            return; // No variable says there whom to trust.
        }

        (string Certificate, string Key) files = _files.Certificate();
        await using RunningServer server = await RunningServer.StartSecureAsync(files, _files.Model("tiny.popcorn"));
        string[] infer =
        [
            "infer", "--server", server.Url, "--model", "tiny", "--image", _files.Images(1, labels: false), "--json",
        ];
        Assert.Equal(0, (await InferAsync()).ExitCode);
        await CommandRun.Fails(1, "certificate", infer[..^1]);

        // Another certificate, which is trusted from now on in place of the first.
        _files.Certificate();
        Assert.Equal(0, (await InferAsync()).ExitCode);
        await File.WriteAllTextAsync(files.Key, "nonsense");
        Assert.Equal(0, (await InferAsync()).ExitCode);
        await server.LogsAsync("The certificate known before stays");
        await CommandRun.Fails(
            1, "No certificate can be made", "serve", _files["tiny.popcorn"], "--listen", "https://127.0.0.1:0",
            "--certificate", files.Certificate, "--certificate-key", files.Key);

        async Task<CommandRun> InferAsync()
        {
            using Process client = CommandRun.StartIn(new() { ["SSL_CERT_FILE"] = files.Certificate }, infer);
            return await CommandRun.ToEnd(client);
        }
    }
}
