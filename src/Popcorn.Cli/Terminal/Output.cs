using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Popcorn.Engine;

namespace Popcorn.Cli.Terminal;

/// <summary>Results, one JSON object or tables for people, go to stdout; everything else goes to stderr.</summary>
internal sealed class Output
{
    private const int WidthIfUnknown = 80;

    public Output(bool json) => IsJson = json;

    /// <summary>Whether POPCORN_DEBUG=1 asks for stack traces.</summary>
    public static bool Debug => Environment.GetEnvironmentVariable("POPCORN_DEBUG") == "1";

    /// <summary>Whether the caller wants JSON: then nothing else may be written to stdout.</summary>
    public bool IsJson { get; }

    /// <summary>Whether stdout takes more than ASCII.</summary>
    public static bool IsUnicode => Console.OutputEncoding.WebName.StartsWith("utf", StringComparison.Ordinal);

    /// <summary>Characters of a line: what COLUMNS says, or the terminal; in a pipe nothing is wrapped.</summary>
    private static int Width =>
        int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), out int asked) && asked > 0 ? asked
        : Console.IsOutputRedirected ? int.MaxValue
        : Console.WindowWidth is > 0 and int known ? known
        : WidthIfUnknown;

    /// <summary>Writes the one JSON object of a command.</summary>
    public static void WriteJson<T>(T value, JsonTypeInfo<T> type) =>
        Console.Out.WriteLine(JsonSerializer.Serialize(value, type));

    /// <summary>Writes one line for a person, unless JSON was asked for.</summary>
    public void Line(string text) => Write(TextLines.Wrap(text, Width));

    /// <summary>Writes a table between empty lines, unless JSON was asked for.</summary>
    public void Table(Table table) => Write(["", .. table.Lines(Width), ""]);

    /// <summary>Writes an error, on stderr.</summary>
    public static void Error(string message) => Note($"popcorn: {message}");

    /// <summary>Writes a remark that is not part of the result, on stderr.</summary>
    public static void Note(string message) => ProgressLine.WriteAbove(Console.Error, Harmless(message));

    /// <summary>A message of one line or several, whoever wrote the names in it.</summary>
    internal static string Harmless(string message) =>
        string.Join('\n', message.Split('\n').Select(line => OneLine.Of(line)));

    private void Write(IEnumerable<string> lines)
    {
        if (!IsJson)
        {
            ProgressLine.WriteAbove(Console.Out, string.Join(Environment.NewLine, lines));
        }
    }
}
