using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;
using Popcorn.Tests;

namespace Popcorn.Docs.Tests;

/// <summary>
/// A C# block of a document as a program of its own, compiled against the assemblies of this build as a project with
/// Sdk="Microsoft.NET.Sdk.Web", nullable references and implicit usings would be.
/// </summary>
internal sealed partial class DocumentedProgram
{
    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Net.Http.Json;
        global using System.Threading;
        global using System.Threading.Tasks;
        global using Microsoft.AspNetCore.Builder;
        global using Microsoft.AspNetCore.Hosting;
        global using Microsoft.AspNetCore.Http;
        global using Microsoft.AspNetCore.Routing;
        global using Microsoft.Extensions.Configuration;
        global using Microsoft.Extensions.DependencyInjection;
        global using Microsoft.Extensions.Hosting;
        global using Microsoft.Extensions.Logging;
        """;

    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path)),
    ];

    private readonly CodeBlock _block;
    private readonly CSharpCompilation _compilation;

    public DocumentedProgram(CodeBlock block)
    {
        _block = block;
        var language = new CSharpParseOptions(LanguageVersion.Latest);
        _compilation = CSharpCompilation.Create(
            $"{Path.GetFileNameWithoutExtension(block.Path)}-{block.Line}",
            [
                CSharpSyntaxTree.ParseText(ImplicitUsings, language),
                CSharpSyntaxTree.ParseText($"#line {block.Line} \"{block.Path}\"\n{block.Text}", language),
            ],
            References,
            new CSharpCompilationOptions(
                OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
    }

    /// <summary>What the program prints: the comments behind its calls of Console.WriteLine.</summary>
    public IReadOnlyList<string> Promised =>
        [.. Promise().Matches(_block.Text).Select(match => match.Groups[1].Value)];

    /// <summary>Errors and warnings, each with document and line.</summary>
    public IReadOnlyList<string> Complaints =>
    [
        .. _compilation.GetDiagnostics()
            .Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning)
            .Select(diagnostic => diagnostic.ToString()),
    ];

    /// <summary>Starts the program in a process of its own, in the repository's root as the documents assume.</summary>
    public Process Start(params string[] arguments)
    {
        string path = Path.Combine(AppContext.BaseDirectory, _compilation.AssemblyName + ".dll");
        EmitResult result = _compilation.Emit(path);
        Assert.True(result.Success, string.Join('\n', Complaints));

        // Beside the assemblies of this test, in the same frameworks.
        string own = Path.ChangeExtension(typeof(DocumentedProgram).Assembly.Location, ".runtimeconfig.json");
        File.Copy(own, Path.ChangeExtension(path, ".runtimeconfig.json"), overwrite: true);
        return Process.Start(new ProcessStartInfo("dotnet", ["exec", path, .. arguments])
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }

    /// <summary>Runs the program, which must end well and print what it promises.</summary>
    public async Task RunsAsPromisedAsync(params string[] arguments)
    {
        using Process process = Start(arguments);
        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            Task<string> error = process.StandardError.ReadToEndAsync(patience.Token);
            string output = await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            Assert.True(process.ExitCode == 0, $"{_block.Path}({_block.Line}): {await error}");
            Assert.NotEmpty(Promised);
            Assert.Equal(Promised, output.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n'));
        }
        finally
        {
            process.Kill();
        }
    }

    [GeneratedRegex(@"Console\.WriteLine\(.*\); +// (.*)$", RegexOptions.Multiline)]
    private static partial Regex Promise();
}
