using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security;
using Popcorn.Docs.Tests;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.EndToEnd.Tests;

/// <summary>The packages as somebody outside the repository takes them: from a feed, in an empty folder.</summary>
public sealed class PackageTests(ITestOutputHelper output) : IDisposable
{
    private const string Program = """
        using Popcorn.Engine.Model;
        using Popcorn.Engine.Sessions;
        using Popcorn.Engine.Wire;
        using Popcorn.Interop;

        using FileStream file = File.OpenRead(args[0]);
        using var model = new ServedModel("digits", ModelFile.Load(file));
        byte[] pixels = File.ReadAllBytes(args[1])[16..(16 + (28 * 28))];
        using var key = PaillierPrivateKey.Generate();
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        var models = new ServedModels(model);
        Task serving = new ServerSession(models, new ServerOptions()).RunAsync(server, default);
        await using (ClientSession session =
            await ClientSession.OpenAsync(client, key, "digits", new ClientOptions(), default))
        {
            int[] image = Array.ConvertAll(pixels, pixel => (int)pixel);
            InferenceResult result = await session.InferAsync(image, null, default);
            Console.WriteLine($"It is a {result.Label}.");
        }

        await serving;
        """;

    private static readonly (string Name, string[] Options)[] WaysToPublish =
    [
        ("framework-dependent", []),
        ("for this system", ["--use-current-runtime", "--self-contained", "false"]),
        ("self-contained", ["--use-current-runtime", "--self-contained"]),
        ("single file", ["--use-current-runtime", "--self-contained", "-p:PublishSingleFile=true"]),
        ("trimmed", ["--use-current-runtime", "--self-contained", "-p:PublishTrimmed=true"]),
        ("ahead of time", ["--use-current-runtime", "-p:PublishAot=true"]),
    ];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("popcorn-packages-");

    private static (string Name, string Sdk, string Program)[] DocumentedPrograms =>
    [
        ("service", "Microsoft.NET.Sdk.Web", Document.ProgramOf("app.MapPopcorn(").Text),
        ("client", "Microsoft.NET.Sdk", Document.ProgramOf("new PopcornClient(").Text),
        (
            "worker", "Microsoft.NET.Sdk.Worker",
            Document.ProgramOf("AddPopcornClient(options", "docs/start/dotnet.md").Text),
    ];

    private string Feed => Path.Combine(_folder.FullName, "feed");

    [SlowFact]
    public async Task Packages_run_however_they_are_published()
    {
        await PackAsync("Interop", "ObliviousTransfer", "Engine");
        await WriteProjectAsync("app", "Microsoft.NET.Sdk", "Popcorn.Engine", Program);
        foreach ((string name, string[] options) in WaysToPublish)
        {
            var clock = Stopwatch.StartNew();
            string app = await PublishAsync("app", name, options);
            string said = await CommandRun.OtherAsync(
                app, Repository.Root, Sample("mnist-small.popcorn"), Sample("mnist-100-images.idx3-ubyte"));
            Assert.Equal("It is a 7.", said.Trim());
            output.WriteLine(
                $"{name}: {Directory.GetFiles(Path.GetDirectoryName(app)!).Length} files, "
                + $"{clock.Elapsed.TotalSeconds:0} s");
        }
    }

    /// <summary>The slow test below is rarely run, documents change often.</summary>
    [Fact]
    public void Its_programs_stand_in_the_documents() =>
        Assert.All(DocumentedPrograms, program => Assert.NotEmpty(program.Program));

    /// <summary>The programs of the documents, each a project of the kind that a reader would begin with.</summary>
    [SlowFact]
    public async Task A_service_a_client_and_a_worker_run_however_they_are_published()
    {
        await PackAsync("Interop", "ObliviousTransfer", "Engine", "Hosting");
        (string Name, string Sdk, string Program)[] programs = DocumentedPrograms;
        foreach ((string name, string sdk, string program) in programs)
        {
            await WriteProjectAsync(name, sdk, "Popcorn.Hosting", program);
        }

        foreach ((string way, string[] options) in WaysToPublish)
        {
            var clock = Stopwatch.StartNew();
            string[] published = new string[programs.Length];
            for (int i = 0; i < programs.Length; i++)
            {
                published[i] = await PublishAsync(programs[i].Name, way, options);
            }

            using Process service = CommandRun.StartOther(
                published[0], Repository.Root, "--urls", "http://127.0.0.1:0");
            try
            {
                string url = await ServiceAddress.OfAsync(service);
                foreach (string asking in published[1..])
                {
                    string said = await CommandRun.OtherAsync(asking, Repository.Root, url);
                    Assert.Contains("It is a 7", said, StringComparison.Ordinal);
                }
            }
            finally
            {
                service.Kill();
            }

            output.WriteLine($"{way}: {clock.Elapsed.TotalSeconds:0} s");
        }
    }

    [SlowFact]
    public async Task The_command_is_installed_as_a_tool()
    {
        await PackAsync("Cli");
        string tools = Path.Combine(_folder.FullName, "tools");
        await CommandRun.OtherAsync(
            "dotnet", _folder.FullName,
            "tool", "install", "Popcorn.Cli", "--tool-path", tools, "--add-source", Feed, "--prerelease");
        string said = await CommandRun.OtherAsync(
            Path.Combine(tools, OperatingSystem.IsWindows() ? "popcorn.exe" : "popcorn"), _folder.FullName,
            "inspect", Sample("mnist-small.popcorn"), "--json");
        Assert.StartsWith("{", said, StringComparison.Ordinal);
    }

    [SlowFact]
    public async Task The_arithmetic_comes_with_its_native_libraries_and_their_terms()
    {
        await PackAsync("Interop");
        using ZipArchive package = ZipFile.OpenRead(Directory.GetFiles(Feed, "*.nupkg").Single());
        string[] names = [.. package.Entries.Select(entry => entry.FullName)];
        Assert.Contains("README.md", names);
        Assert.Contains("NOTICES.md", names);
        Assert.Contains("icon.png", names);
        string native = $"runtimes/{RuntimeInformation.RuntimeIdentifier}/native/";
        Assert.Contains(names, name => name.StartsWith(native, StringComparison.Ordinal)
            && name.Contains("popcorn_native", StringComparison.Ordinal));
        if (OperatingSystem.IsLinux())
        {
            Assert.Contains(native + "libgmp.so.10", names);
        }

        Assert.DoesNotContain(names, name => name.StartsWith("content", StringComparison.Ordinal));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static string Sample(string name) => Path.Combine(Repository.Root, "samples", name);

    private async Task WriteProjectAsync(string name, string sdk, string package, string program)
    {
        string project = Directory.CreateDirectory(Path.Combine(_folder.FullName, name)).FullName;
        await File.WriteAllTextAsync(Path.Combine(project, "Program.cs"), program);
        string cache = SecurityElement.Escape(Path.Combine(_folder.FullName, "cache"));
        await File.WriteAllTextAsync(Path.Combine(project, $"{name}.csproj"), $"""
            <Project Sdk="{sdk}">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <RestoreAdditionalProjectSources>{SecurityElement.Escape(Feed)}</RestoreAdditionalProjectSources>
                <RestorePackagesPath>{cache}</RestorePackagesPath>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="{package}" Version="*-*" />
              </ItemGroup>
            </Project>
            """);
    }

    /// <summary>Publishes a project in one way.</summary>
    /// <returns>The program.</returns>
    private async Task<string> PublishAsync(string name, string way, string[] options)
    {
        string to = Path.Combine(_folder.FullName, way, name);
        await CommandRun.OtherAsync(
            "dotnet", Path.Combine(_folder.FullName, name), ["publish", "-c", "Release", "-o", to, .. options]);
        return Path.Combine(to, OperatingSystem.IsWindows() ? name + ".exe" : name);
    }

    private async Task PackAsync(params string[] projects)
    {
        foreach (string project in projects)
        {
            await CommandRun.OtherAsync(
                "dotnet", Repository.Root, "pack", $"src/Popcorn.{project}", "-c", "Release", "-o", Feed);
        }
    }
}
