using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>Commands that measure the machine, and what they keep of it.</summary>
public sealed class MeasuringCommandTests : IDisposable
{
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Bench_kernels_times_every_operation()
    {
        JsonElement report = await CommandRun.Json("bench", "kernels");
        CommandRun.AssertKeys(report, "isa", "keyBits", "threads", "referencePowmMicroseconds", "operations");
        Assert.Equal(2048, report.GetProperty("keyBits").GetInt32());
        Assert.Equal(1, report.GetProperty("threads").GetInt32());
        double powm = report.GetProperty("referencePowmMicroseconds").GetDouble();
        JsonElement[] operations = [.. report.GetProperty("operations").EnumerateArray()];
        Assert.Equal(
            [
                "keygen", "encryptOwner", "encryptOwnerShort", "encryptPublic", "encryptPublicShort", "decrypt",
                "decryptSingle", "add", "multiply8bit", "macBinary", "mac4bit", "mac4bitSparse80", "pack64",
                "invertBatch",
            ],
            operations.Select(operation => operation.GetProperty("name").GetString()));
        Assert.All(operations, operation => Assert.Equal(
            operation.GetProperty("microseconds").GetDouble() / powm,
            operation.GetProperty("ratioToPowm").GetDouble(),
            precision: 9));
        await CommandRun.Fails(1, "abacus", "bench", "kernels", "--isa", "abacus");
        string tooMany = (Environment.ProcessorCount + 1).ToString(CultureInfo.InvariantCulture);
        Assert.Equal(2, (await CommandRun.Of("bench", "kernels", "--threads", tooMany)).ExitCode);
    }

    [Fact]
    public async Task Bench_transfers_times_both_parties_and_counts_bits()
    {
        JsonElement report = await CommandRun.Json("bench", "transfers");
        CommandRun.AssertKeys(
            report, "instructions", "aesBlockNanoseconds", "operations", "softSpoken", "setUp", "ticketBytes");
        CommandRun.AssertKeys(
            report.GetProperty("softSpoken"), "nanoseconds", "serverNanoseconds", "clientNanoseconds", "bits");
        Assert.Equal(31, report.GetProperty("softSpoken").GetProperty("bits").GetDouble());
        JsonElement setUp = report.GetProperty("setUp");
        CommandRun.AssertKeys(setUp, "seconds", "serverSeconds", "clientSeconds", "bytes");
        Assert.Equal(
            setUp.GetProperty("serverSeconds").GetDouble() + setUp.GetProperty("clientSeconds").GetDouble(),
            setUp.GetProperty("seconds").GetDouble(),
            precision: 6);
        JsonElement tickets = report.GetProperty("ticketBytes");
        CommandRun.AssertKeys(tickets, "server", "client");
        Assert.InRange(tickets.GetProperty("server").GetInt64(), 1_000_000, 60_000_000);

        JsonElement[] operations = [.. report.GetProperty("operations").EnumerateArray()];
        Assert.Equal(
            ["cot", "rot", "rot8", "triple", "reluTicket20", "relu20", "sign13"],
            operations.Select(operation => operation.GetProperty("name").GetString()));
        Assert.Equal(
            [0.2106, 0, 3, 0, 19, 154, 90],
            operations.Select(operation => Math.Round(operation.GetProperty("bits").GetDouble(), 4)));
        Assert.All(operations, operation =>
        {
            CommandRun.AssertKeys(operation, "name", "nanoseconds", "serverNanoseconds", "clientNanoseconds", "bits");
            Assert.Equal(
                Math.Max(
                    operation.GetProperty("serverNanoseconds").GetDouble(),
                    operation.GetProperty("clientNanoseconds").GetDouble()),
                operation.GetProperty("nanoseconds").GetDouble());
            Assert.True(operation.GetProperty("clientNanoseconds").GetDouble() > 0);
        });

        CommandRun text = await CommandRun.Of("bench", "transfers");
        Assert.Equal(0, text.ExitCode);
        Assert.All(
            ["reluTicket20", "softSpoken", "AES block", "a million ReLU tickets", "ns", "bits", "MB"],
            word => Assert.Contains(word, text.Out, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Kernel_times_are_measured_once_and_a_damaged_record_of_them_harms_nothing()
    {
        // A record of its own: commands of other tests read and write theirs meanwhile.
        string model = _files.Model("tiny.popcorn"), home = _files["data-home"];
        async Task<double> Predicted(params string[] options) =>
            (await CommandRun.JsonWith(home, ["inspect", model, "--key-order", "short", .. options]))
                .GetProperty("predicted").GetProperty("seconds").GetDouble();
        string record = Path.Combine(home, "popcorn", "kernel-times.json");
        Directory.CreateDirectory(Path.GetDirectoryName(record)!);
        await File.WriteAllTextAsync(record, "{ damaged");
        double first = await Predicted();
        Assert.True(first > 0);
        if (OperatingSystem.IsWindows())
        {
            return; // The record is the user's own there.
        }

        Assert.Equal(first, await Predicted());
        double anew = await Predicted("--measure");
        Assert.NotEqual(first, anew);
        Assert.Equal(anew, await Predicted());
    }

    [Fact]
    public async Task A_server_says_what_its_queries_will_cost()
    {
        using Process server =
            CommandRun.Start("serve", _files.Model("tiny.popcorn"), "--listen", "http://127.0.0.1:0");
        try
        {
            string? line;
            do
            {
                line = await server.StandardError.ReadLineAsync().WaitAsync(Eventually.Patience);
            }
            while (line?.Contains("an inference under a key of 2048 bits", StringComparison.Ordinal) == false);
            Assert.NotNull(line);
        }
        finally
        {
            server.Kill();
        }
    }
}
