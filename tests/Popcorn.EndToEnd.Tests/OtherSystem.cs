using System.Text.Json;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>
/// The system that POPCORN_RID names, for which the command was published and whose programs run here: the preset of
/// its native tests says by what. Without the variable it is this system.
/// </summary>
internal static class OtherSystem
{
    private static readonly string Name = Environment.GetEnvironmentVariable("POPCORN_RID") ?? "";
    private static readonly string Native = Path.Combine(Repository.Root, "native");

    static OtherSystem()
    {
        if (Name.Length == 0)
        {
            return;
        }

        string folder = Path.Combine(Repository.Root, "artifacts", "systems", Name, "popcorn");
        Command = Path.Combine(folder, Name.StartsWith("win", StringComparison.Ordinal) ? "popcorn.exe" : "popcorn");
        using JsonDocument presets = JsonDocument.Parse(File.ReadAllText(Path.Combine(Native, "CMakePresets.json")));
        JsonElement Preset(string kind) => presets.RootElement.GetProperty(kind).EnumerateArray()
            .Single(preset => preset.GetProperty("name").GetString() == Name);
        if (Preset("configurePresets").GetProperty("cacheVariables")
            .TryGetProperty("CMAKE_CROSSCOMPILING_EMULATOR", out JsonElement emulator))
        {
            Emulator = emulator.GetString()!.Split(';');
        }

        if (Preset("testPresets").TryGetProperty("environment", out JsonElement environment))
        {
            Variables = environment.EnumerateObject().ToDictionary(
                variable => variable.Name,
                string? (variable) =>
                    variable.Value.GetString()!.Replace("${sourceDir}", Native, StringComparison.Ordinal));
        }
    }

    /// <summary>The command for it; null on this system.</summary>
    public static string? Command { get; }

    /// <summary>What its programs are handed to, with options; empty where they run by themselves.</summary>
    public static string[] Emulator { get; } = [];

    /// <summary>What its programs need in their environment.</summary>
    public static IReadOnlyDictionary<string, string?> Variables { get; } = new Dictionary<string, string?>();
}
