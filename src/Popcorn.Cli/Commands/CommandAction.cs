using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
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
                Interruption.Tell();
                return ExitStatus.Interrupted;
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

    /// <summary>Refuses, as a matter of usage, numbers outside a range.</summary>
    public static Option<T> InRange<T>(this Option<T> option, T least, T greatest)
        where T : IComparable<T>, IParsable<T> =>
        option.Require(
            value => value.CompareTo(least) >= 0 && value.CompareTo(greatest) <= 0, $"from {least} to {greatest}");

    /// <summary>Refuses, as a matter of usage, numbers other than some.</summary>
    public static Option<int> AcceptOnly(this Option<int> option, params int[] allowed) =>
        option.Require(value => allowed.Contains(value), $"one of {string.Join(", ", allowed)}");

    /// <summary>Refuses, as a matter of usage, words other than some.</summary>
    public static Option<string?> AcceptOnly(this Option<string?> option, params string[] allowed)
    {
        option.CompletionSources.Add(allowed);
        option.Validators.Add(result =>
        {
            if (result.Tokens is [Token token] && !allowed.Contains(token.Value))
            {
                result.AddError($"{option.Name} must be one of {string.Join(", ", allowed)}.");
            }
        });
        return option;
    }

    /// <summary>The words that led to a command: <c>popcorn keygen</c>.</summary>
    public static string PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : "popcorn";

    /// <summary>What is wrong with a command line. A word that is no command explains that none was given.</summary>
    public static IEnumerable<string> ErrorsOf(ParseResult parsed) =>
        parsed.CommandResult.Command.Subcommands.Count > 0 && parsed.UnmatchedTokens is [string word, ..]
            ? [$"'{PathOf(parsed.CommandResult)}' has no command or option '{word}'."]
            : parsed.Errors.Select(error => error.Message);

    private static Option<T> Require<T>(this Option<T> option, Func<T, bool> allowed, string what)
        where T : IParsable<T>
    {
        option.Validators.Add(result =>
        {
            // What does not even parse has an error of its own.
            if (result.Tokens is [Token token]
                && T.TryParse(token.Value, CultureInfo.InvariantCulture, out T? value) && !allowed(value))
            {
                result.AddError($"{option.Name} must be {what}.");
            }
        });
        return option;
    }
}
