using Popcorn.Cli.Data;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Tests.Data;

public sealed class FilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_model_replaces_models_and_nothing_else()
    {
        string model = Path.Combine(_folder.Root, "m.popcorn");
        Files.RequireModelOrNone(model);
        Files.RequireModelOrNone(_folder.Write("empty", []));
        var shape = new Shape(1, 1, 1);
        var network = new IntegerNetwork(
            new InputDescription(shape, 0, 255, 1), [new ReluLayer("relu", 0, shape)], 1);
        Files.Replace(model, ownerOnly: false, stream => ModelFile.Save(network, stream));
        Files.RequireModelOrNone(model);

        string other = _folder.Write("other", "POPCORM"u8.ToArray());
        foreach (string path in (string[])
            [other, _folder.Write("short", [1]), Path.Combine(_folder.Root, ".", "other"), _folder.Root])
        {
            Assert.Contains(
                path, Assert.Throws<PopcornException>(() => Files.RequireModelOrNone(path)).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_cannot_be_written_is_told_by_its_own_name_and_leaves_nothing()
    {
        string path = _folder.Write("kept", [1]);
        var full = new IOException("No space left on device : 'neighbour.tmp'");
        string message = Assert.Throws<PopcornException>(
            () => Files.Replace(path, ownerOnly: true, _ => throw full)).Message;
        Assert.StartsWith($"'{path}' cannot be written: No space left", message, StringComparison.Ordinal);
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.Root));
        Assert.Equal([1], File.ReadAllBytes(path));

        string nowhere = Path.Combine(_folder.Root, "absent", "file");
        foreach (Action write in (Action[])
            [() => Files.Replace(nowhere, ownerOnly: false, _ => { }), () => Files.TakeTurn(nowhere)])
        {
            Assert.Contains(
                $"no directory to write '{nowhere}'", Assert.Throws<PopcornException>(write).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Turns_follow_each_other_and_leave_nothing()
    {
        const int Takers = 8;
        string path = Path.Combine(_folder.Root, "shared");
        int inside = 0;
        Parallel.For(0, Takers, new ParallelOptions { MaxDegreeOfParallelism = Takers }, _ =>
        {
            using IDisposable turn = Files.TakeTurn(path);
            Assert.Equal(1, Interlocked.Increment(ref inside));
            Interlocked.Decrement(ref inside);
        });
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Root));
    }

    [Fact]
    public void A_mark_that_was_left_behind_is_named()
    {
        string path = Path.Combine(_folder.Root, "shared");
        string mark = _folder.Write("shared.lock", []);
        Assert.Contains(
            $"'{mark}' is there",
            Assert.Throws<PopcornException>(() => Files.TakeTurn(path, TimeSpan.Zero)).Message,
            StringComparison.Ordinal);
        Assert.True(File.Exists(mark));
    }
}
