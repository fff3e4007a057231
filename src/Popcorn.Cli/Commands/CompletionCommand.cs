using System.CommandLine;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn completion</c>: a script by which a shell asks the command how a line may go on.</summary>
internal static class CompletionCommand
{
    /// <summary>Shells by the names of their scripts in <c>Completion</c>.</summary>
    public static readonly string[] Shells = ["bash", "zsh", "fish", "pwsh"];

    public static Command Create()
    {
        Argument<string> shell = new Argument<string>("shell")
        {
            Description = "Whose script it is.",
            HelpName = string.Join('|', Shells),
        }.AcceptOnly(Shells);
        var command = new Command("completion", "Print a script that completes this command in a shell.") { shell };
        command.SetWork((parsed, _, _) =>
        {
            Console.Out.Write(ScriptOf(parsed.GetRequiredValue(shell)));
            return Task.CompletedTask;
        });
        return command;
    }

    private static string ScriptOf(string shell)
    {
        string name = $"popcorn.{shell}";
        using Stream script = typeof(CompletionCommand).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The resource {name} is missing from this build.");
        using var reader = new StreamReader(script);
        return reader.ReadToEnd();
    }
}
