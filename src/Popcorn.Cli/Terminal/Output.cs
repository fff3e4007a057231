using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Popcorn.Engine;
using Spectre.Console;

namespace Popcorn.Cli.Terminal;

/// <summary>Results, one JSON object or tables for people, go to stdout; everything else goes to stderr.</summary>
internal sealed class Output
{
    private const int WidthOfPipes = 160;

    private readonly Lazy<IAnsiConsole> _console = new(() =>
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings());
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = WidthOfPipes;
        }

        return console;
    });

    public Output(bool json) => IsJson = json;

    /// <summary>Whether POPCORN_DEBUG=1 asks for stack traces.</summary>
    public static bool Debug => Environment.GetEnvironmentVariable("POPCORN_DEBUG") == "1";

    /// <summary>Whether the caller wants JSON: then nothing else may be written to stdout.</summary>
    public bool IsJson { get; }

    /// <summary>For tables; not to be used when <see cref="IsJson"/>.</summary>
    public IAnsiConsole Screen => _console.Value;

    /// <summary>Writes the one JSON object of a command.</summary>
    public static void WriteJson<T>(T value, JsonTypeInfo<T> type) =>
        Console.Out.WriteLine(JsonSerializer.Serialize(value, type));

    /// <summary>Writes one line for a person, unless JSON was asked for.</summary>
    public void Line(string text)
    {
        if (!IsJson)
        {
            Console.Out.WriteLine(text);
        }
    }

    /// <summary>Writes an error, on stderr.</summary>
    public static void Error(string message) => Console.Error.WriteLine($"popcorn: {Harmless(message)}");

    /// <summary>Writes a remark that is not part of the result, on stderr.</summary>
    public static void Note(string message) => Console.Error.WriteLine(Harmless(message));

    /// <summary>A message of one line or several, whoever wrote the names in it.</summary>
    internal static string Harmless(string message) =>
        string.Join('\n', message.Split('\n').Select(line => OneLine.Of(line)));
}
