using System.CommandLine;
using System.Text.Json;
using BenchmarkDotNet.Running;
using Popcorn.Bench;
using Popcorn.Bench.Dudect;
using Popcorn.Bench.Gate;
using Popcorn.Bench.Report;
using Popcorn.Interop;

const int Failure = 1;
const int Usage = 2;

// What begins with none of these words is BenchmarkDotNet's.
Command[] commands = [GateCommand.Create(), ReportCommand.Create(), NetworksCommand.Create(), DudectCommand.Create()];
if (Array.Find(commands, command => command.Name == args.FirstOrDefault()) is { } chosen)
{
    ParseResult parsed = chosen.Parse(args[1..]);
    try
    {
        int status = parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        return parsed.Errors.Count > 0 ? Usage : status;
    }
    catch (Exception e) when (e is PaillierException or JsonException or IOException or UnauthorizedAccessException)
    {
        Console.Error.WriteLine($"bench: {e.Message}");
        return Failure;
    }
}

BenchmarkSwitcher.FromAssembly(typeof(PaillierBenchmarks).Assembly)
    .Run(args.Length == 0 ? ["--filter", "*"] : args, new InProcessConfig());
return 0;
