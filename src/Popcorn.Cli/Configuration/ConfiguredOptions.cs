using System.Collections;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using Popcorn.Cli.Data;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Configuration;

/// <summary>
/// Options and arguments of a command that are not on its line but in the environment, or else in a file or a folder.
/// They become words of the line, so that the usual parser checks them and a command knows of no other way.
/// </summary>
internal static class ConfiguredOptions
{
    private const string Section = "Popcorn";
    private const int MostBytes = 1 << 20;

    /// <summary>The option that names the file; a command that takes it takes its variables too.</summary>
    public static readonly Option<string?> Config = new("--config")
    {
        Description = $"JSON file with a section \"{Section}\", or folder with a file for each key: values of these "
            + "options and of models, by the options' names without dashes. Variables named POPCORN_SERVE_NAME come "
            + "before it, this line before both.",
        HelpName = "FILE|DIR",
    };

    /// <summary>What precedes the names of a command's variables.</summary>
    public static string PrefixOf(string command) => $"POPCORN_{command.ToUpperInvariant()}_";

    /// <summary>Parses a command line together with what is configured.</summary>
    /// <exception cref="PopcornException">What is configured cannot be used; the message says where it stands.
    /// </exception>
    public static ParseResult Parse(RootCommand root, string[] line)
    {
        ParseResult given = root.Parse(line);
        Command command = given.CommandResult.Command;
        bool runs = given.Errors.Count > 0 || given.Action == command.Action;
        if (!runs || !command.Options.Contains(Config) || given.GetResult(Config)?.Errors.Any() == true)
        {
            return given;
        }

        Dictionary<Symbol, Setting> settings = SettingsOf(given);
        if (settings.Count == 0)
        {
            return given;
        }

        // Right behind the command's name: behind a '--' they would be no options.
        int place = Array.IndexOf(line, command.Name) + 1;
        ParseResult whole = root.Parse(
            [.. line[..place], .. settings.SelectMany(each => WordsOf(each.Key, each.Value)), .. line[place..]]);
        foreach (ParseError error in whole.Errors)
        {
            for (SymbolResult? result = error.SymbolResult; result is not null; result = result.Parent)
            {
                if (SymbolOf(result) is Symbol symbol && settings.TryGetValue(symbol, out Setting? setting))
                {
                    throw new PopcornException($"{setting.Place}: {error.Message}");
                }
            }
        }

        return whole;
    }

    private static Symbol? SymbolOf(SymbolResult result) => result switch
    {
        OptionResult option => option.Option,
        ArgumentResult argument => argument.Argument,
        _ => null,
    };

    /// <summary>What is configured and not on the line.</summary>
    private static Dictionary<Symbol, Setting> SettingsOf(ParseResult given)
    {
        Command command = given.CommandResult.Command;
        Dictionary<string, Symbol> symbols = command.Options.Where(option => !option.Hidden).Concat<Symbol>(
            command.Arguments).ToDictionary(symbol => Plain(symbol.Name));
        Dictionary<Symbol, Setting> variables = [];
        string prefix = PrefixOf(command.Name);
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            if (variable is { Key: string name, Value: string { Length: > 0 } value }
                && name.StartsWith(prefix, StringComparison.Ordinal))
            {
                Symbol symbol = Find(name[prefix.Length..], name);
                variables[symbol] = new Setting(name, symbol is Argument ? value.Split(Path.PathSeparator) : [value]);
            }
        }

        variables.Remove(Config, out Setting? named);
        Dictionary<Symbol, Setting> settings = [];
        symbols.Remove(Plain(Config.Name));
        string? path = given.GetResult(Config)?.Tokens is [Token token, ..] ? token.Value : named?.Values[0];
        if (path is not null)
        {
            foreach ((string key, string[] values) in Read(path))
            {
                string place = $"{path}, {key}";
                if (!settings.TryAdd(Find(key, place), new Setting(place, values)))
                {
                    throw new PopcornException($"{place}: it is there twice.");
                }
            }
        }

        foreach ((Symbol symbol, Setting setting) in variables)
        {
            settings[symbol] = setting;
        }

        foreach (Symbol symbol in settings.Keys.Where(IsGiven).ToArray())
        {
            settings.Remove(symbol);
        }

        return settings;

        Symbol Find(string key, string place) => symbols.GetValueOrDefault(Plain(key)) ?? throw new PopcornException(
            $"{place}: 'popcorn {command.Name}' has no such option; see 'popcorn {command.Name} --help'.");

        bool IsGiven(Symbol symbol) => symbol switch
        {
            Option option => given.GetResult(option) is { Implicit: false },
            Argument argument => given.GetResult(argument)?.Tokens.Count > 0,
            _ => false,
        };
    }

    private static string Plain(string name) =>
        string.Concat(name.Where(c => c is not ('-' or '_'))).ToLowerInvariant();

    /// <summary>Words that the parser takes for this symbol's and for no other's.</summary>
    private static IEnumerable<string> WordsOf(Symbol symbol, Setting setting) => setting.Values.Select(
        value => symbol switch
        {
            Option<bool> when !bool.TryParse(value, out _) =>
                throw new PopcornException($"{setting.Place}: it must be true or false."),
            Option => $"{symbol.Name}={value}",
            _ when value is ['-' or '@', ..] =>
                throw new PopcornException($"{setting.Place}: write ./{value}, to tell it from an option."),
            _ => value,
        });

    private static IEnumerable<(string Key, string[] Values)> Read(string path) =>
        Directory.Exists(path) ? ReadFolder(path) : ReadFile(path);

    /// <summary>As Kubernetes lays out what it mounts, beside names that begin with a dot.</summary>
    private static IEnumerable<(string Key, string[] Values)> ReadFolder(string path) =>
        from file in Directory.GetFiles(path).Order(StringComparer.Ordinal)
        where !Path.GetFileName(file).StartsWith('.')
        select (Path.GetFileName(file), ReadAll(file).TrimEnd().Split('\n', StringSplitOptions.TrimEntries));

    private static List<(string Key, string[] Values)> ReadFile(string path)
    {
        var settings = new List<(string, string[])>();
        try
        {
            using JsonDocument json = JsonDocument.Parse(
                ReadAll(path),
                new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            JsonElement section = json.RootElement.ValueKind == JsonValueKind.Object
                ? json.RootElement.EnumerateObject().FirstOrDefault(
                    property => property.Name.Equals(Section, StringComparison.OrdinalIgnoreCase)).Value
                : default;
            if (section.ValueKind != JsonValueKind.Object)
            {
                throw new PopcornException($"{path} has no section \"{Section}\": {{ … }}.");
            }

            foreach (JsonProperty property in section.EnumerateObject())
            {
                JsonElement value = property.Value;
                settings.Add((
                    property.Name,
                    value.ValueKind == JsonValueKind.Array
                        ? [.. value.EnumerateArray().Select(each => TextOf(property.Name, each))]
                        : [TextOf(property.Name, value)]));
            }
        }
        catch (JsonException e)
        {
            throw new PopcornException($"{path} is no JSON: {e.Message}", e);
        }

        return settings;

        string TextOf(string key, JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number => value.GetRawText(),
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            _ => throw new PopcornException($"{path}, {key}: a text, a number, true, false or a list of them is due."),
        };
    }

    private static string ReadAll(string path)
    {
        using FileStream stream = Files.OpenRead(path);
        using var reader = new StreamReader(new MemoryStream(BoundedStream.ReadAll(stream, MostBytes, path)));
        return reader.ReadToEnd();
    }

    /// <param name="Place">Where it stands, as an error says it.</param>
    /// <param name="Values">What it says; several for what takes several.</param>
    private sealed record Setting(string Place, string[] Values);
}
