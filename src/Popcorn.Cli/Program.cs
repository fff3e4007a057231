using System.CommandLine;
using System.CommandLine.Invocation;
using Popcorn.Cli.Commands;
using Popcorn.Cli.Configuration;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;

namespace Popcorn.Cli;

internal static class Program
{
    /// <summary>All commands.</summary>
    public static readonly RootCommand Root = CreateRoot();

    private static async Task<int> Main(string[] args)
    {
        ParseResult parsed;
        try
        {
            parsed = ConfiguredOptions.Parse(Root, args);
        }
        catch (Exception e) when (e is PopcornException or IOException or UnauthorizedAccessException)
        {
            Output.Error(e.Message);
            return ExitStatus.Failure;
        }

        if (parsed.Action is ParseErrorAction)
        {
            foreach (string error in CommandAction.ErrorsOf(parsed))
            {
                Output.Error(error);
            }

            Console.Error.WriteLine($"Usage: {CommandAction.PathOf(parsed.CommandResult)} --help");
            return ExitStatus.Usage;
        }

        using var interruption = new Interruption();
        var configuration = new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        return await parsed.InvokeAsync(configuration, interruption.Token).ConfigureAwait(false);
    }

    private static RootCommand CreateRoot()
    {
        var root = new RootCommand("Popcorn: neural networks on Paillier ciphertexts. The server never sees the input.")
        {
            DemoCommand.Create(),
            KeygenCommand.Create(),
            ImportCommand.Create(),
            InspectCommand.Create(),
            EvalCommand.Create(),
            ServeCommand.Create(),
            TokenCommand.Create(),
            InferCommand.Create(),
            BenchCommand.Create(),
            DoctorCommand.Create(),
            CompletionCommand.Create(),
        };
        root.Options.Add(CommandAction.Json);
        OptionValues.RefuseEmptyWords(root);
        return root;
    }
}
