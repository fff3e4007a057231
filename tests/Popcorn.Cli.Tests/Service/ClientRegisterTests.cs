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

    private static void Add(string path, string name) =>
        ClientRegister.Add(path, new RegisteredClient(name, "", 0, null, []));
}
