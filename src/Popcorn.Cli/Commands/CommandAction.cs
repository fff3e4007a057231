using System.CommandLine;
using System.CommandLine.Parsing;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Interop;

namespace Popcorn.Cli.Commands;

/// <summary>What all commands share: <c>--json</c>, and how an exception becomes one line and an exit status.</summary>
internal static class CommandAction
{
    public static readonly Option<bool> Json = new("--json")
    {
        Description = "Print one JSON object on stdout and nothing else there.",
        Recursive = true,
    };

    /// <summary>Runs a command's work off the main thread: Ctrl-C is answered even while native code computes.
    /// </summary>
    public static void SetWork(this Command command, Func<ParseResult, Output, CancellationToken, Task> work) =>
        command.SetAction((parsed, cancellationToken) => Task.Run(async () =>
        {
            try
            {
                await work(parsed, new Output(parsed.GetValue(Json)), cancellationToken).ConfigureAwait(false);
                return ExitStatus.Success;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return Interruption.Tell();
            }
            catch (Exception e)
            {
                Output.Error(e switch
                {
                    PopcornException or PaillierException => e.Message,
                    IOException or UnauthorizedAccessException => e.Message,
                    OutOfMemoryException => "out of memory",
                    _ => $"internal error: {e.GetType().Name}: {e.Message} (POPCORN_DEBUG=1 shows where)",
                });
                if (Output.Debug)
                {
                    await Console.Error.WriteLineAsync(e.ToString()).ConfigureAwait(false);
                }

                return ExitStatus.Failure;
            }
        }, CancellationToken.None));

    /// <summary>The words that led to a command: <c>popcorn keygen</c>.</summary>
    public static string PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : "popcorn";

    /// <summary>What is wrong with a command line. A word that is no command explains that none was given.</summary>
    public static IEnumerable<string> ErrorsOf(ParseResult parsed) =>
        parsed.CommandResult.Command.Subcommands.Count > 0 && parsed.UnmatchedTokens is [string word, ..]
            ? [$"'{PathOf(parsed.CommandResult)}' has no command or option '{word}'."]
            : parsed.Errors.Select(error => error.Message);
}
