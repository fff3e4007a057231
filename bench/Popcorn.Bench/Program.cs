using BenchmarkDotNet.Running;
using Popcorn.Bench;

BenchmarkSwitcher.FromAssembly(typeof(PaillierBenchmarks).Assembly)
    .Run(args.Length == 0 ? ["--filter", "*"] : args, new InProcessConfig());
