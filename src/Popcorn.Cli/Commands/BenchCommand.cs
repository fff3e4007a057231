using System.CommandLine;
using Popcorn.Cli.Measurement;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Families;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Sessions;
using Popcorn.Interop;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn bench</c>: figures of this machine.</summary>
internal static class BenchCommand
{
    public static Command Create() => new("bench", "Measure this machine.")
    {
        CreateKernels(), CreateTransfers(), CreateNetwork(),
    };

    private static Command CreateKernels()
    {
        Option<int> bits = KeygenCommand.BitsOption();
        var kernel = new Option<string?>("--isa")
        {
            Description = "Kernel to measure; by default the one this machine uses.",
            HelpName = "NAME",
        };
        Option<int> threads = new Option<int>("--threads")
        {
            Description = "Threads, at most one per core; 1 is what compares between machines.",
            DefaultValueFactory = _ => 1,
        }.InRange(1, Environment.ProcessorCount);
        var command = new Command("kernels", "Time every operation on ciphertexts.") { bits, kernel, threads };
        command.SetWork((parsed, output, cancellationToken) =>
        {
            KernelsReport report;
            using (var progress = new ProgressLine("bench"))
            {
                report = KernelBenchmark.Run(
                    parsed.GetValue(bits),
                    parsed.GetValue(kernel),
                    new Execution(parsed.GetValue(threads), cancellationToken),
                    (done, operation) => progress.Report(done, KernelBenchmark.Slices, operation));
            }

            Show(report, output);
            return Task.CompletedTask;
        });
        return command;
    }

    private static Command CreateTransfers()
    {
        var command = new Command(
            "transfers", "Time oblivious transfers and comparisons of shares, each party on one core.");
        command.SetWork((_, output, cancellationToken) =>
        {
            TransfersReport report;
            using (var progress = new ProgressLine("bench"))
            {
                report = TransfersBenchmark.Run(
                    (done, operation) => progress.Report(done, TransfersBenchmark.Slices, operation),
                    cancellationToken);
            }

            Show(report, output);
            return Task.CompletedTask;
        });
        return command;
    }

    private static Command CreateNetwork()
    {
        var file = new Argument<string>("model") { Description = "The integer network.", HelpName = "M.popcorn" };
        Option<int> bits = KeygenCommand.BitsOption();
        Option<int> threads = new Option<int>("--threads")
        {
            Description = "Threads of each party, at most one per core.",
            DefaultValueFactory = _ => Environment.ProcessorCount,
        }.InRange(1, Environment.ProcessorCount);
        Option<int> repeat = new Option<int>("--repeat")
        {
            Description = "Inferences to make; the fastest counts. By default as many as begin within three seconds.",
            HelpName = "N",
        }.InRange(1, 1000);
        Option<string?> order = KeyOrderOption.Create("The client's key");
        Option<bool> shortExponent = KeygenCommand.ShortExponentOption();
        var families = new FamilyOptions(
            "Family of protocols; by default the one that will be cheaper.", "over an emulated network");
        Option<int> images = InferCommand.ImagesPerQueryOption();
        Option<int> chunk = ServeCommand.ChunkOption();
        var command = new Command("network", "Measure an oblivious inference, both parties in this process.")
        {
            file, bits, order, threads, repeat, images, chunk, shortExponent,
        };
        families.AddTo(command);
        command.SetWork(async (parsed, output, cancellationToken) =>
        {
            NetworkReport report;
            using (var progress = new ProgressLine("bench"))
            {
                var benchmark = new NetworkBenchmark
                {
                    KeyBits = parsed.GetValue(bits),
                    KeyOrder = parsed.OrderIn(order),
                    Images = parsed.GetValue(images),
                    Offer = families.OfferIn(parsed, FamilyRegistry.Create(parsed.GetValue(chunk))),
                    Client = new ClientOptions
                    {
                        DegreeOfParallelism = parsed.GetValue(threads),
                        Profile = KeygenCommand.ProfileOf(parsed.GetValue(shortExponent)),
                    },
                    Repeat = parsed.GetValue(repeat),
                };
                report = await benchmark.RunAsync(parsed.GetRequiredValue(file), progress, cancellationToken)
                    .ConfigureAwait(false);
            }

            Show(report, output);
        });
        return command;
    }

    private static void Show(NetworkReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.NetworkReport);
            return;
        }

        var table = new Table("", ">measured", ">predicted");
        table.Add("seconds", report.Seconds.ToString("0.00"), report.PredictedSeconds.ToString("0.00"));
        table.Add("products", Units.Count(report.Products), Units.Count(report.PredictedProducts));
        table.Add("server at work", Units.Seconds(report.ServerSeconds), "");
        table.Add("client at work", Units.Seconds(report.ClientSeconds), "");
        table.Add("up", Units.Bytes(report.BytesUp), "");
        table.Add("down", Units.Bytes(report.BytesDown), "");
        table.Add("rounds", report.Rounds.ToString(), "");
        foreach ((string name, PhaseUse? phase) in (ReadOnlySpan<(string, PhaseUse?)>)
            [("prepared", report.Use.Prepare), ("online", report.Use.Prepare is null ? null : report.Use.Online)])
        {
            if (phase is not null)
            {
                table.Add($"seconds {name}", phase.Seconds.ToString("0.00"), "");
                table.Add($"up {name}", Units.Bytes(phase.BytesUp), "");
                table.Add($"down {name}", Units.Bytes(phase.BytesDown), "");
                table.Add($"rounds {name}", phase.Rounds.ToString(), "");
            }
        }

        table.Add("peak memory", Units.Bytes(report.PeakMemoryBytes), "");
        table.Add("managed memory taken", Units.Bytes(report.AllocatedBytes), "");
        output.Table(table);
        output.Line(
            $"family {report.Family}, kernel {report.Isa}, key of {report.KeyBits} bits and {report.KeyOrder} order, "
            + $"threads of each party: {report.Threads}, images: {report.Images}, "
            + $"inferences: {report.Inferences}; logits "
            + (report.Exact ? "equal the plaintext network's" : "DIFFER from the plaintext network's")
            + $"; before: compiled in {Units.Seconds(report.CompileSeconds)}, "
            + $"key in {Units.Seconds(report.KeySeconds)}, tables in {Units.Seconds(report.TableSeconds)}"
            + (report.SetupBytes is long bytes ? $", {Units.Bytes(bytes)} to set up" : ""));
    }

    private static void Show(KernelsReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.KernelsReport);
            return;
        }

        var table = new Table("operation", ">microseconds", ">ratio to powm");
        foreach (MeasuredOperation operation in report.Operations)
        {
            table.Add(
                operation.Name, operation.Microseconds.ToString("N2"), operation.RatioToPowm.ToString("0.00000"));
        }

        output.Table(table);
        output.Line(
            $"kernel {report.Isa}, key of {report.KeyBits} bits, threads: {report.Threads}; "
            + $"GMP's mpz_powm (2048-bit exponent, 4096-bit modulus): {report.ReferencePowmMicroseconds:N0} µs");
    }

    private static void Show(TransfersReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.TransfersReport);
            return;
        }

        TransferFigures soft = report.SoftSpoken;
        var table = new Table("operation", ">server, ns", ">client, ns", ">AES blocks", ">bits");
        foreach (MeasuredTransfer operation in report.Operations.Append(new MeasuredTransfer(
            TransfersBenchmark.SoftSpoken, soft.Nanoseconds, soft.ServerNanoseconds, soft.ClientNanoseconds,
            soft.Bits)))
        {
            table.Add(
                operation.Name,
                operation.ServerNanoseconds.ToString("N1"),
                operation.ClientNanoseconds.ToString("N1"),
                (operation.Nanoseconds / report.AesBlockNanoseconds).ToString("N1"),
                operation.Bits.ToString("0.###"));
        }

        output.Table(table);
        output.Line(
            $"AES block {report.AesBlockNanoseconds:0.00} ns, "
            + (report.Instructions ? "with" : "without") + " the processor's instructions; AES blocks: of the slower "
            + "party; set-up "
            + $"{Units.Seconds(report.SetUp.Seconds)} (server {Units.Seconds(report.SetUp.ServerSeconds)}, client "
            + $"{Units.Seconds(report.SetUp.ClientSeconds)}), {Units.Bytes(report.SetUp.Bytes)}; a million ReLU "
            + $"tickets: server {Units.Bytes(report.TicketBytes.Server)}, client "
            + $"{Units.Bytes(report.TicketBytes.Client)}");
    }
}
