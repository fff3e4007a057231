using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;
using Popcorn.Cli.Measurement;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Resources;
using Popcorn.Interop;
using Popcorn.KernelTiming;
using Popcorn.KernelTiming.TwoParty;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn doctor</c>: what this machine has, whether it computes right, and what would be better.
/// </summary>
internal static class DoctorCommand
{
    private const long LittleMemory = 2L << 30;
    private const string HugePagesFile = "/sys/kernel/mm/transparent_hugepage/enabled";

    public static Command Create()
    {
        var command = new Command("doctor", "Say what this machine has, test the arithmetic, and advise.");
        command.SetWork((_, output, _) =>
        {
            Show(Examine(), output);
            return Task.CompletedTask;
        });
        return command;
    }

    private static DoctorReport Examine()
    {
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var report = new DoctorReport
        {
            Version = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
                .InformationalVersion,
            Rid = RuntimeInformation.RuntimeIdentifier,
            Runtime = RuntimeInformation.FrameworkDescription,
            Processor = Machine.Name,
            Cores = Environment.ProcessorCount,
            MemoryBytes = memory,
            BudgetBytes = MemoryBudget.DefaultBytes,
            Kernel = PaillierLibrary.DefaultKernel,
            Kernels = PaillierLibrary.Kernels,
            GmpVersion = PaillierLibrary.GmpVersion.ToString(),
            AesInstructions = AesYardstick.HasInstructions,
            AesVectors = NativeBlocks.IsSupported,
            HugePages = HugePages(),
            DataFolder = OperationTimesCache.WritableFolder,
            IsRight = Array.TrueForAll([.. PaillierLibrary.Kernels], IsRight),
        };
        return report with { Advice = [.. AdviceFor(report)] };
    }

    private static IEnumerable<string> AdviceFor(DoctorReport report)
    {
        if (!report.IsRight)
        {
            yield return "The arithmetic is wrong here: build the native library anew, and check the machine's memory.";
        }

        if (!report.Kernels.Contains("ifma"))
        {
            string time = report.Kernels.Contains("avx2") ? "a third" : "a sixth";
            yield return "No AVX-512 IFMA here: on a processor that has it (AMD Zen 4, Intel Ice Lake, or later) the "
                + $"work on ciphertexts takes {time} of the time.";
        }

        if (!report.AesInstructions)
        {
            yield return "No AES instructions: the shares family makes its transfers several times slower; prefer "
                + "--family blinded for small networks.";
        }

        if (report.HugePages is not (null or "always"))
        {
            yield return "Huge pages only for programs that ask for them: with \"always\" in "
                + $"{HugePagesFile} preparations of the shares family take up to a tenth less time.";
        }

        if (report.Cores == 1)
        {
            yield return "One core: a preparation that others share between two takes nearly twice as long.";
        }

        if (report.MemoryBytes < LittleMemory)
        {
            yield return $"Little memory: a server here allows one client {Units.Bytes(report.BudgetBytes / 2)}; "
                + "networks of ImageNet take up to a gigabyte (serve --memory sets the budget).";
        }

        if (report.DataFolder is null)
        {
            yield return "No folder to keep measured times in: each command that predicts measures for some seconds. "
                + "Set HOME or XDG_DATA_HOME to a folder that can be written.";
        }
    }

    /// <summary>For whom the system has large pages: what stands in brackets; null where it does not say.</summary>
    private static string? HugePages()
    {
        try
        {
            return File.ReadAllText(HugePagesFile).Split('[', ']') is [_, string chosen, _] ? chosen : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Encrypts, adds up with weights, and decrypts, under a key of real size.</summary>
    private static bool IsRight(string kernel)
    {
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(options: new KeyOptions { Kernel = kernel });
        using var encryptor = new Encryptor(key, new EncryptorOptions { WindowBits = 2 });
        using var inputs = new CiphertextBatch(key.PublicKey, 3);
        using var sum = new CiphertextBatch(key.PublicKey, 1);
        encryptor.Encrypt([3, -5, 7], inputs);
        Evaluator.Combine([inputs], [new Term(2, 0, 0, 0), new Term(9, 0, 1, 0), new Term(1, 0, 2, 4)], [0, 3], sum);
        return new Decryptor(key).DecryptSigned(sum)[0] == (2 * 3) - (9 * 5) + (16 * 7);
    }

    private static void Show(DoctorReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.DoctorReport);
            return;
        }

        var table = new Table("what", "here");
        table.Add("Popcorn", report.Version);
        table.Add("system", $"{report.Rid}, {report.Runtime}");
        table.Add("processor", $"{report.Processor}, cores: {report.Cores}");
        table.Add(
            "memory", $"{Units.Bytes(report.MemoryBytes)}; a server's clients get {Units.Bytes(report.BudgetBytes)}");
        table.Add(
            "ciphertexts",
            $"kernel {report.Kernel} of {string.Join(", ", report.Kernels)}; GMP {report.GmpVersion}; "
            + (report.IsRight ? "results are right" : "RESULTS ARE WRONG"));
        table.Add(
            "transfers",
            report.AesVectors ? "with vectors of AES (AVX-512 and VAES)"
            : report.AesInstructions ? "with AES instructions"
            : "without AES instructions");
        table.Add("huge pages", report.HugePages ?? "unknown");
        table.Add("measured times", report.DataFolder ?? "nowhere to keep them");
        output.Table(table);
        foreach (string line in report.Advice)
        {
            output.Line(line);
        }
    }
}
