using Popcorn.Cli.Service;
using Popcorn.Cli.Tests.Data;
using Popcorn.Engine;

namespace Popcorn.Cli.Tests.Service;

/// <summary>A change is noticed wherever it takes place between a path and what is read.</summary>
public sealed class FollowedFilesTests : IDisposable
{
    /// <summary>Of all files here, as in an image whose files have no time of their own.</summary>
    private static readonly DateTime Time = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _reports = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_secret_that_Kubernetes_renews_is_read_again()
    {
        Write("..2024_1/tls.crt", "first");
        Write("..2024_2/tls.crt", "other");
        Link("..data", "..2024_1");
        Link("tls.crt", "..data/tls.crt");
        FollowedFiles<string> followed = Follow("tls.crt");
        Assert.Equal("first", followed.Value);
        Link("..data", "..2024_2");
        Assert.Equal("other", followed.Value);
    }

    [Fact]
    public void A_certificate_that_certbot_renews_is_read_again()
    {
        Write("archive/host/cert1.pem", "first");
        Write("archive/host/cert2.pem", "other");
        Link("live/host/cert.pem", "../../archive/host/cert1.pem");
        FollowedFiles<string> followed = Follow("live/host/../host/./cert.pem");
        Assert.Equal("first", followed.Value);
        Link("live/host/cert.pem", "../../archive/host/cert2.pem");
        Assert.Equal("other", followed.Value);
    }

    [Fact]
    public void What_a_link_leads_to_may_change_by_itself()
    {
        Write("target", "first");
        Link("folder/inner", Path.Combine(_folder.Root, "target"));
        Link("link", "folder/inner");
        FollowedFiles<string> followed = Follow("link");
        Assert.Equal("first", followed.Value);
        Write("target", "longer");
        Assert.Equal("longer", followed.Value);
        Write("target", "newer!", Time.AddTicks(1));
        Assert.Equal("newer!", followed.Value);
        Assert.Empty(_reports);
    }

    [Fact]
    public void A_file_that_goes_leaves_what_was_known_and_is_read_when_it_comes_back()
    {
        Write("target", "first");
        Link("link", "target");
        FollowedFiles<string> followed = Follow("link");
        File.Delete(Path.Combine(_folder.Root, "target"));
        Assert.Equal("first", followed.Value);
        Assert.Equal("first", followed.Value);
        Assert.Single(_reports);
        Link("link", "link");
        Assert.Equal("first", followed.Value);
        Write("target", "again");
        Link("link", "target");
        Assert.Equal("again", followed.Value);
    }

    private FollowedFiles<string> Follow(string name)
    {
        string path = Path.Combine(_folder.Root, name);
        return new FollowedFiles<string>([path], () => Read(path), _reports.Add);
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new PopcornException(e.Message, e);
        }
    }

    private void Write(string name, string content, DateTime? written = null) =>
        File.SetLastWriteTimeUtc(_folder.Write(name, System.Text.Encoding.ASCII.GetBytes(content)), written ?? Time);

    /// <summary>Makes a link, or has it lead elsewhere.</summary>
    private void Link(string name, string target)
    {
        string path = Path.Combine(_folder.Root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Delete(path);
        File.CreateSymbolicLink(path, target);
    }
}
