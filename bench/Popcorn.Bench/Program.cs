using System.CommandLine;
using BenchmarkDotNet.Running;
using Popcorn.Bench;
using Popcorn.Bench.Dudect;
using Popcorn.Bench.Gate;
using Popcorn.Bench.Report;

// What begins with none of these words is BenchmarkDotNet's.
Command[] commands = [GateCommand.Create(), ReportCommand.Create(), DudectCommand.Create()];
if (Array.Find(commands, command => command.Name == args.FirstOrDefault()) is { } chosen)
{
    return chosen.Parse(args[1..]).Invoke();
}

BenchmarkSwitcher.FromAssembly(typeof(PaillierBenchmarks).Assembly)
    .Run(args.Length == 0 ? ["--filter", "*"] : args, new InProcessConfig());
return 0;
