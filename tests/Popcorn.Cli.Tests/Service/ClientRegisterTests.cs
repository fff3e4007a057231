using System.Diagnostics;
using Popcorn.Cli.Service;
using Popcorn.Cli.Tests.Data;
using Popcorn.Engine;

namespace Popcorn.Cli.Tests.Service;

public sealed class ClientRegisterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Clients_that_are_added_at_once_are_all_there()
    {
        const int Clients = 8;
        string path = Path.Combine(_folder.Root, "clients");
        Parallel.For(
            0, Clients, new ParallelOptions { MaxDegreeOfParallelism = Clients }, i => Add(path, $"client{i}"));
        Assert.Equal(1 + Clients, File.ReadAllLines(path).Length);
    }

    [Fact]
    public void A_file_of_something_else_is_not_written_over()
    {
        byte[] content = [.. "weights\n"u8, 0xff, 0];
        string path = _folder.Write("m.onnx", content);
        Assert.Contains(
            $"'{path}', line 1", Assert.Throws<PopcornException>(() => Add(path, "a")).Message,
            StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_client_is_added_to_the_file_that_is_there_behind_its_link_and_its_readers_stay()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // Modes and owners are of Unix.
        }

        string path = _folder.Write("target", [.. "# ours"u8]);
        string link = Path.Combine(_folder.Root, "clients");
        File.CreateSymbolicLink(link, "target");
        const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        File.SetUnixFileMode(path, Mode);
        bool mayGive = Environment.IsPrivilegedProcess;
        if (mayGive)
        {
            Output("chown", "12:34", path);
        }

        Add(link, "a");
        Add(path, "b");
        Assert.Equal("target", new FileInfo(link).LinkTarget);
        Assert.Equal(Mode, File.GetUnixFileMode(path));
        Assert.Equal(["#", "a", "b"], File.ReadAllLines(path).Select(line => line.Split(' ')[0]));
        Assert.True(!mayGive || Output("ls", "-n", path).Split(' ', StringSplitOptions.RemoveEmptyEntries)
            is [_, _, "12", "34", ..]);

        string fresh = Path.Combine(_folder.Root, "fresh");
        Add(fresh, "a");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(fresh));
    }

    [Theory]
    [InlineData("- -", int.MaxValue, long.MaxValue)]
    [InlineData("3 -", 3, long.MaxValue)]
    [InlineData("- 64", int.MaxValue, 64L << 20)]
    [InlineData("3 64", 3, 64L << 20)]
    public void A_line_says_what_its_client_may_have(string limits, int prepared, long bytes)
    {
        string line = $"a {new string('0', 64)} 60 2030-01-31 digits,cats {limits}";
        RegisteredClient client = RegisteredClient.Parse(line)!;
        Assert.Equal((prepared, bytes), (client.Allowance.Bundles, client.Allowance.MemoryBytes));
        Assert.Equal(line, client.ToString());
    }

    [Theory]
    [InlineData("60 - -", true)]
    [InlineData("60 - - 1", true)]
    [InlineData("60 - - 0 -", false)]
    [InlineData("60 - - - -1", false)]
    [InlineData("60 - - - 99999999", false)]
    [InlineData("60 - - - - -", false)]
    [InlineData("60 -", false)]
    public void Lines_of_before_are_read_and_nonsense_is_not(string rest, bool isRead) =>
        Assert.Equal(isRead, RegisteredClient.Parse($"a {new string('0', 64)} {rest}") is not null);

    private static string Output(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }

    private static void Add(string path, string name) =>
        ClientRegister.Add(path, new RegisteredClient(name, "", 0, null, []));
}
