using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;

namespace Popcorn.EndToEnd.Tests;

/// <summary>Every command's flags, JSON and errors, each run as a process of its own.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("keygen")]
    [InlineData("keygen --out x --bits 1024")]
    [InlineData("keygen --out x --bits many")]
    [InlineData("keygen --out x --colour red")]
    [InlineData("keygen --out x --key-order odd")]
    [InlineData("import m.onnx")]
    [InlineData("import m.onnx --out m.popcorn --weight-bits 0")]
    [InlineData("import m.onnx --out m.popcorn --sparsity 1.5")]
    [InlineData("import m.onnx --out m.popcorn --mean 0,5")]
    [InlineData("import m.onnx --out m.popcorn --input-scale 0,0039")]
    [InlineData("eval m.popcorn")]
    [InlineData("eval m.popcorn --data d --limit 0")]
    [InlineData("serve")]
    [InlineData("infer --server http://127.0.0.1:1 --image a.png")]
    [InlineData("demo --count 0")]
    [InlineData("demo --count 101")]
    [InlineData("demo --family cleartext")]
    [InlineData("inspect m.popcorn --family Blinded")]
    [InlineData("inspect m.popcorn --delay -1")]
    [InlineData("serve m.popcorn --bandwidth much")]
    [InlineData("bench kernels --threads 0")]
    [InlineData("bench kernels --bits 1024")]
    public async Task Wrong_usage_ends_with_status_2(string arguments)
    {
        CommandRun run = await CommandRun.Of(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, run.ExitCode);
        Assert.Empty(run.Out);
        Assert.StartsWith("popcorn: ", run.Error, StringComparison.Ordinal);
        Assert.Contains("--help", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("serve m.popcorn")]
    [InlineData("infer --server http://127.0.0.1:1 --model m --image a.png")]
    [InlineData("inspect m.popcorn")]
    [InlineData("bench network m.popcorn")]
    [InlineData("demo")]
    public async Task An_unknown_family_is_answered_with_the_names_of_all(string command)
    {
        CommandRun run = await CommandRun.Of([.. command.Split(' '), "--family", "cleartext"]);
        Assert.Equal(2, run.ExitCode);
        string names = string.Join(", ", FamilyRegistry.All.Select(family => family.Name));
        Assert.Contains($"--family must be one of {names}.", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense", "'popcorn' has no command or option 'nonsense'.")]
    [InlineData("bench --quick", "'popcorn bench' has no command or option '--quick'.")]
    [InlineData("infer --server http://h --model m --image i --key k --bits 3072", "--bits is for a fresh key")]
    [InlineData("infer --server http://h --model m --image i --key k --key-order short", "--key-order is for a fresh")]
    public async Task A_mistake_is_told_once(string arguments, string words)
    {
        string[] lines = (await CommandRun.Of(arguments.Split(' '))).Error.TrimEnd().Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Contains(words, lines[0], StringComparison.Ordinal);
        Assert.StartsWith("Usage: ", lines[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--out", "keygen --out ''")]
    [InlineData("'onnx'", "import '' --out m.popcorn")]
    [InlineData("--key", "infer --server http://h --model m --image i --key ''")]
    [InlineData("--config", "serve m.popcorn --config ''")]
    public async Task An_empty_word_is_told_by_what_it_stands_for(string name, string arguments)
    {
        CommandRun run = await CommandRun.Of([.. arguments.Split(' ').Select(word => word == "''" ? "" : word)]);
        Assert.Equal(2, run.ExitCode);
        string[] lines = run.Error.TrimEnd().Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Contains($"{name} is empty", lines[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("infer --help")]
    [InlineData("--version")]
    public async Task Help_and_version_succeed(string arguments)
    {
        CommandRun run = await CommandRun.Of(arguments.Split(' '));
        Assert.Equal(0, run.ExitCode);
        Assert.NotEmpty(run.Out);
        Assert.Empty(run.Error);
    }

    [Fact]
    public async Task A_missing_or_foreign_native_library_is_told_by_its_name_and_system()
    {
        string copy = Directory.CreateDirectory(_files["copy"]).FullName;
        string[] native = ["libpopcorn_native.so", "libpopcorn_native.dylib", "popcorn_native.dll"];
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(CommandRun.Executable)!))
        {
            if (!native.Contains(Path.GetFileName(file)))
            {
                File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            }
        }

        string program = Path.Combine(copy, Path.GetFileName(CommandRun.Executable));
        string[] keygen = ["keygen", "--out", _files["keys"]];
        (await CommandRun.OfCopy(program, keygen)).AssertFailure(
            1, $" for {RuntimeInformation.RuntimeIdentifier}, or the GMP");
        foreach (string file in native)
        {
            await File.WriteAllTextAsync(Path.Combine(copy, file), "of no system");
        }

        (await CommandRun.OfCopy(program, keygen)).AssertFailure(1, "popcorn_native");
    }

    [Fact]
    public async Task Keygen_writes_a_pair_that_only_its_owner_reads()
    {
        JsonElement report = await CommandRun.Json("keygen", "--out", _files["keys"]);
        Assert.Equal(2048, report.GetProperty("bits").GetInt32());
        Assert.Equal(_files["keys/key.pub"], report.GetProperty("publicKey").GetString());
        Assert.Equal(_files["keys/key.priv"], report.GetProperty("privateKey").GetString());
        Assert.Equal(["key.priv", "key.pub"], Directory.GetFiles(_files["keys"]).Select(Path.GetFileName).Order());
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_files["keys/key.priv"]));
        }

        byte[] key = await File.ReadAllBytesAsync(_files["keys/key.priv"]);
        await CommandRun.Fails(1, "--force", "keygen", "--out", _files["keys"]);
        Assert.Equal(key, await File.ReadAllBytesAsync(_files["keys/key.priv"]));

        await CommandRun.Json("keygen", "--out", _files["keys"], "--force");
        Assert.NotEqual(key, await File.ReadAllBytesAsync(_files["keys/key.priv"]));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_files["keys/key.priv"]));
        }
    }

    [Fact]
    public async Task Of_several_keygen_at_once_one_makes_the_key()
    {
        CommandRun[] runs = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => CommandRun.Of("keygen", "--out", _files["keys"])));
        Assert.Single(runs, run => run.ExitCode == 0);
        Assert.All(runs.Where(run => run.ExitCode != 0), run => run.AssertFailure(1, "exists; --force"));
        Assert.Equal(["key.priv", "key.pub"], Directory.GetFiles(_files["keys"]).Select(Path.GetFileName).Order());

        string[] infer =
        [
            "infer", "--server", "http://no-such-host.invalid:1", "--model", "tiny", "--image", _files.Images(1),
            "--key", _files["keys"],
        ];
        await CommandRun.Fails(1, "no-such-host.invalid", infer);
        await CommandRun.Json("keygen", "--out", _files["other"]);
        File.Copy(_files["other/key.pub"], _files["keys/key.pub"], overwrite: true);
        await CommandRun.Fails(1, "are not of one key", infer);
    }

    [Fact]
    public async Task Short_order_keys_are_for_servers_that_accept_them()
    {
        JsonElement made = await CommandRun.Json("keygen", "--out", _files["keys"], "--key-order", "short");
        Assert.Equal("short", made.GetProperty("keyOrder").GetString());
        string model = _files.Model("tiny.popcorn");
        string[] infer =
        [
            "infer", "--model", "tiny", "--image", _files.Images(1, labels: false), "--family",
            FamilyRegistry.All[0].Name, "--server",
        ];
        await using (RunningServer server = await RunningServer.StartAsync(model))
        {
            await CommandRun.Fails(1, "--accept-short-order", [.. infer, server.Url, "--key", _files["keys"]]);
            JsonElement full = await CommandRun.Json([.. infer, server.Url]);
            Assert.Equal("full", full.GetProperty("keyOrder").GetString());
        }

        await using (RunningServer server = await RunningServer.StartAsync("--accept-short-order", model))
        {
            foreach (string[] key in (string[][])[["--key", _files["keys"]], ["--key-order", "short"]])
            {
                JsonElement report = await CommandRun.Json([.. infer, server.Url, .. key]);
                Assert.Equal("short", report.GetProperty("keyOrder").GetString());
            }
        }

        JsonElement inspect = await CommandRun.Json("inspect", model, "--key-order", "short");
        Assert.Equal("short", inspect.GetProperty("keyOrder").GetString());
        JsonElement bench = await CommandRun.Json(
            "bench", "network", model, "--key-order", "short", "--repeat", "1", "--family", FamilyRegistry.All[0].Name);
        Assert.Equal("short", bench.GetProperty("keyOrder").GetString());
        Assert.True(bench.GetProperty("exact").GetBoolean());
    }

    [Fact]
    public async Task Import_writes_a_network_and_sums_it_up()
    {
        string onnx = _files.Onnx("net.onnx", "Relu");
        string model = _files["net.popcorn"];
        JsonElement report = await CommandRun.Json("import", onnx, "--out", model, "--sparsity", "0.5");
        Assert.Equal(model, report.GetProperty("model").GetString());
        Assert.Equal(new FileInfo(model).Length, report.GetProperty("bytes").GetInt64());
        Assert.Equal([1, 6, 6], report.GetProperty("input").EnumerateArray().Select(side => side.GetInt32()));
        Assert.Equal(3, report.GetProperty("outputs").GetInt32());
        Assert.Equal(108, report.GetProperty("weights").GetInt32());
        Assert.InRange(report.GetProperty("nnz").GetInt32(), 40, 54);
        Assert.InRange(report.GetProperty("sparsity").GetDouble(), 0.5, 0.6);
        JsonElement dense = report.GetProperty("layers").EnumerateArray().Last();
        CommandRun.AssertKeys(
            dense, "name", "kind", "output", "weights", "nnz", "sparsity", "weightBits", "distinctWeights",
            "boundBits");
        Assert.InRange(dense.GetProperty("weightBits").GetInt32(), 2, 8);
        Assert.InRange(dense.GetProperty("distinctWeights").GetInt32(), 2, 255);

        JsonElement eval = await CommandRun.Json("eval", model, "--data", _files.Images(3));
        Assert.Equal(3, eval.GetProperty("count").GetInt32());
    }

    [Fact]
    public async Task Import_prunes_single_layers_and_rounds_by_samples()
    {
        string onnx = _files.Onnx("net.onnx", "Relu");
        string[] target = ["--out", _files["net.popcorn"]];
        JsonElement plain = await CommandRun.Json(["import", onnx, .. target, "--weight-bits", "3"]);
        string name = plain.GetProperty("layers").EnumerateArray().Last().GetProperty("name").GetString()!;
        byte[] nearest = await File.ReadAllBytesAsync(_files["net.popcorn"]);

        JsonElement pruned = await CommandRun.Json(["import", onnx, .. target, "--layer-sparsity", name + "=0.75"]);
        JsonElement[] layers = [.. pruned.GetProperty("layers").EnumerateArray()];
        Assert.InRange(layers[^1].GetProperty("sparsity").GetDouble(), 0.75, 0.8);
        await CommandRun.Fails(1, "absent", ["import", onnx, .. target, "--layer-sparsity", "absent=0.5"]);
        await CommandRun.Fails(1, "NAME=0.9", ["import", onnx, .. target, "--layer-sparsity", name]);
        await CommandRun.Fails(1, "sparsity of 1", ["import", onnx, .. target, "--layer-sparsity", name + "=1"]);

        string[] samples = ["--calibration", _files.Images(20)];
        await CommandRun.Json(["import", onnx, .. target, "--weight-bits", "3", .. samples]);
        Assert.NotEqual(nearest, await File.ReadAllBytesAsync(_files["net.popcorn"]));
        await CommandRun.Fails(1, "absent", ["import", onnx, .. target, "--calibration", _files["absent"]]);
    }

    [Fact]
    public async Task Import_measures_the_network_and_when_strict_writes_no_bad_one()
    {
        string onnx = _files.Onnx("net.onnx", "Relu");
        string[] import = ["import", onnx, "--out", _files["net.popcorn"]];
        string[] bad = [.. import, "--weight-bits", "1"];
        await CommandRun.Fails(1, "not written", [.. bad, "--strict"]);
        Assert.False(File.Exists(_files["net.popcorn"]));
        CommandRun run = await CommandRun.Of(bad);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("warning: the integer network is far from the float network", run.Error);
        Assert.Contains("more --weight-bits", run.Error);
        Assert.True(File.Exists(_files["net.popcorn"]));

        JsonElement generated = (await CommandRun.Json([.. import, "--strict"])).GetProperty("fidelity");
        CommandRun.AssertKeys(
            generated, "images", "areGenerated", "meanCosine", "worstCosine", "agreement", "prunedCosine",
            "roundedCosine", "worstLayer", "worstLayerCosine", "isBad");
        Assert.True(generated.GetProperty("areGenerated").GetBoolean());
        Assert.InRange(generated.GetProperty("meanCosine").GetDouble(), 0.99, 1);
        run = await CommandRun.Of([.. import, "--strict", "--calibration", _files.Images(20)]);
        Assert.Equal(0, run.ExitCode);
        Assert.Matches(
            @"logits: cosine (1\.0000|0\.99\d\d) with the float network's on 20 calibration images \(worst layer "
            + @"'\w+': \d\.\d{4}\), labels agree on [\d.]+ %\r?\n",
            run.Out);
    }

    [Fact]
    public async Task Import_tells_accuracies_and_the_sensitivity_of_layers()
    {
        string[] import =
        [
            "import", TestFiles.Sample("mnist-small.onnx"), "--out", _files["net.popcorn"], "--sparsity", "0.9",
            "--weight-bits", "3",
        ];
        string[] data = ["--data", TestFiles.Sample("mnist-100-images.idx3-ubyte")];
        JsonElement report = await CommandRun.Json([.. import, .. data, "--sensitivity", "--limit", "60"]);
        double before = report.GetProperty("accuracyBefore").GetDouble();
        Assert.InRange(before, 0.97, 1);
        Assert.InRange(report.GetProperty("accuracy").GetDouble(), 0.1, before);
        JsonElement[] layers = [.. report.GetProperty("sensitivity").EnumerateArray()];
        Assert.Equal([392, 41_984, 820], layers.Select(layer => layer.GetProperty("weights").GetInt32()));
        Assert.All(layers, layer =>
        {
            JsonElement[] tried = [.. layer.GetProperty("accuracy").EnumerateArray()];
            Assert.Equal(
                [0, 0.5, 0.7, 0.8, 0.9, 0.95], tried.Select(each => each.GetProperty("sparsity").GetDouble()));
            Assert.All(tried, each => Assert.InRange(each.GetProperty("accuracy").GetDouble(), 0, 1));

            // No layer bears all of it; most of the weights have been pruned in training.
            Assert.True(tried[^1].GetProperty("accuracy").GetDouble() <= tried[0].GetProperty("accuracy").GetDouble());
        });
        await CommandRun.Fails(1, "--data", [.. import, "--sensitivity"]);
        await CommandRun.Fails(1, "--data", [.. import, "--limit", "5"]);
        await CommandRun.Fails(1, "labels", [.. import, "--data", _files.Images(3, side: 28, labels: false)]);
        JsonElement plain = await CommandRun.Json(import);
        Assert.False(plain.TryGetProperty("accuracy", out _));
    }

    [Fact]
    public async Task Import_refuses_by_operator_and_node()
    {
        string[] target = ["--out", _files["net.popcorn"]];
        await CommandRun.Fails(1, "Round", ["import", _files.Onnx("net.onnx", "Round"), .. target]);
        await CommandRun.Fails(1, "middle", ["import", _files["net.onnx"], .. target]);
        await CommandRun.Fails(1, "garbage.onnx", ["import", _files.Bytes("garbage.onnx", 1, 2, 3), .. target]);
        Assert.False(File.Exists(_files["net.popcorn"]));

        string onnx = _files.Onnx("net.onnx", "Relu");
        await CommandRun.Fails(1, "directory", "import", onnx, "--out", _files["absent/net.popcorn"]);
    }

    [Fact]
    public async Task Import_writes_over_models_alone()
    {
        string onnx = _files.Onnx("net.onnx", "Relu");
        byte[] content = await File.ReadAllBytesAsync(onnx);
        Directory.CreateDirectory(_files["folder"]);
        string images = _files.Images(3);
        List<string> targets = [onnx, _files["folder/../net.onnx"], images];
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(_files["link.onnx"], onnx);
            await CommandRun.OtherAsync("ln", _files["."], "net.onnx", "hard.onnx");
            targets.AddRange([_files["link.onnx"], _files["hard.onnx"]]);
            await CommandRun.Fails(1, onnx, "import", _files["link.onnx"], "--out", onnx);
        }

        foreach (string target in targets)
        {
            await CommandRun.Fails(1, target, "import", onnx, "--calibration", images, "--out", target);
        }

        Assert.Equal(content, await File.ReadAllBytesAsync(onnx));
        await CommandRun.Json("import", onnx, "--out", _files["net.popcorn"]);
        await CommandRun.Json("import", onnx, "--out", _files["net.popcorn"]);
    }

    [Fact]
    public async Task A_demo_without_room_for_temporary_files_names_the_folder()
    {
        foreach (string folder in (string[])[_files["absent"], _files.Bytes("file")])
        {
            using Process demo = CommandRun.StartIn(new() { ["TMPDIR"] = folder, ["TMP"] = folder }, "demo");
            (await CommandRun.ToEnd(demo)).AssertFailure(1, folder);
        }
    }

    [Fact]
    public async Task Inspect_reports_layers_and_predicted_cost()
    {
        JsonElement report = await CommandRun.Json(
            "inspect", _files.Model("tiny.popcorn"), "--family", FamilyRegistry.All[0].Name);
        JsonElement[] layers = [.. report.GetProperty("layers").EnumerateArray()];
        Assert.Equal(["conv", "relu", "dense"], layers.Select(layer => layer.GetProperty("name").GetString()));
        string[] keys = ["name", "kind", "outputs", "macs", "nnz", "strategy", "products", "boundBits"];
        Assert.All(layers, layer => CommandRun.AssertKeys(
            layer,
            layer.GetProperty("kind").GetString() == "relu" ? keys : [.. keys, "weightBits", "distinctWeights"]));
        Assert.Equal([32, 32, 3], layers.Select(layer => layer.GetProperty("outputs").GetInt32()));
        Assert.Equal(2 * 9 * 16, layers[0].GetProperty("macs").GetInt32());
        JsonElement predicted = report.GetProperty("predicted");
        CommandRun.AssertKeys(
            predicted, "seconds", "serverSeconds", "clientSeconds", "bytesUp", "bytesDown", "rounds", "products",
            "serverMemoryBytes");
        Assert.All(predicted.EnumerateObject(), figure => Assert.True(figure.Value.GetDouble() > 0, figure.Name));
    }

    [Fact]
    public async Task Doctor_tells_what_is_here_and_tests_it()
    {
        JsonElement report = await CommandRun.Json("doctor");
        Assert.True(report.GetProperty("isRight").GetBoolean());
        Assert.Contains(
            report.GetProperty("kernel").GetString(),
            report.GetProperty("kernels").EnumerateArray().Select(kernel => kernel.GetString()));
        Assert.Equal(Environment.ProcessorCount, report.GetProperty("cores").GetInt32());
        Assert.True(report.GetProperty("memoryBytes").GetInt64() > 1 << 20);
        CommandRun shown = await CommandRun.Of("doctor");
        Assert.Contains("results are right", shown.Out, StringComparison.Ordinal);
        Assert.Contains("huge pages", shown.Out, StringComparison.Ordinal);
        Assert.Equal(
            report.GetProperty("advice").EnumerateArray().Any(line => line.GetString()!.Contains("No AVX-512 IFMA")),
            shown.Out.Contains("No AVX-512 IFMA", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Inspect_predicts_every_family_and_takes_the_cheaper_one()
    {
        string model = _files.Model("tiny.popcorn");
        string[] link = ["--delay", "10", "--bandwidth", "100"];
        JsonElement report = await CommandRun.Json(["inspect", model, .. link]);
        JsonElement[] families = [.. report.GetProperty("families").EnumerateArray()];
        Assert.Equal(
            FamilyRegistry.All.Select(family => family.Name).Order(),
            families.Select(family => family.GetProperty("family").GetString()).Order());
        Assert.Equal(families[0].GetProperty("family").GetString(), report.GetProperty("family").GetString());
        double[] seconds = [.. families.Select(family => family.GetProperty("linkSeconds").GetDouble())];
        Assert.Equal(seconds.Order(), seconds);
        Assert.All(families, family =>
        {
            JsonElement predicted = family.GetProperty("predicted");
            double Figure(string name) => predicted.GetProperty(name).GetDouble();
            Assert.Equal(
                Figure("seconds") + Figure("rounds") * 0.02 + (Figure("bytesUp") + Figure("bytesDown")) * 8 / 1e8,
                family.GetProperty("linkSeconds").GetDouble(),
                precision: 9);
        });
        foreach (string name in FamilyRegistry.All.Select(family => family.Name))
        {
            JsonElement one = await CommandRun.Json("inspect", model, "--family", name);
            Assert.Equal(name, one.GetProperty("family").GetString());
            Assert.Single(one.GetProperty("families").EnumerateArray());
        }
    }

    [Fact]
    public async Task Inspect_says_by_how_much_a_layer_shifts()
    {
        var shape = new Shape(4, 1, 1);
        Layer[] layers = [new ShiftLayer("a", 0, shape, 3, 4), new ShiftLayer("b", 1, shape, 1, 0)];
        string model = _files.Model(
            "shifted.popcorn", new IntegerNetwork(new InputDescription(shape, -255, 255, 1), layers, 1));
        JsonElement report = await CommandRun.Json("inspect", model);
        JsonElement[] told = [.. report.GetProperty("layers").EnumerateArray()];
        Assert.All(told, layer => Assert.Equal("shift", layer.GetProperty("kind").GetString()));
        Assert.Equal([3, 1], told.Select(layer => layer.GetProperty("shift").GetInt32()));
        Assert.Equal(4, told[0].GetProperty("saturationBits").GetInt32());
        Assert.False(told[1].TryGetProperty("saturationBits", out _));
        CommandRun text = await CommandRun.Of("inspect", model);
        Assert.True(text.Out.Contains("shift >>3, 4 bits", StringComparison.Ordinal), text.Out + text.Error);
    }

    [Fact]
    public async Task Eval_reports_accuracy_and_exact_logits()
    {
        string model = _files.Model("tiny.popcorn");
        string images = _files.Images(7);
        JsonElement report = await CommandRun.Json("eval", model, "--data", images, "--logits", "--limit", "5");
        Assert.InRange(report.GetProperty("accuracy").GetDouble(), 0, 1);
        Assert.Equal(5, report.GetProperty("count").GetInt32());
        JsonElement[] logits = [.. report.GetProperty("logits").EnumerateArray()];
        Assert.Equal(5, logits.Length);
        Assert.All(logits, row => Assert.Equal(3, row.GetArrayLength()));
        Assert.All(logits[0].EnumerateArray(), logit => Assert.True(long.TryParse(logit.GetString(), out _)));

        report = await CommandRun.Json("eval", model, "--data", images);
        Assert.Equal(7, report.GetProperty("count").GetInt32());
        Assert.False(report.TryGetProperty("logits", out _));
    }

    [Fact]
    public async Task Eval_needs_labels_unless_logits_are_wanted()
    {
        string model = _files.Model("tiny.popcorn");
        string images = _files.Images(2, labels: false);
        await CommandRun.Fails(1, "--labels", "eval", model, "--data", images);
        JsonElement report = await CommandRun.Json("eval", model, "--data", images, "--logits");
        Assert.False(report.TryGetProperty("accuracy", out _));
    }

    [Fact]
    public async Task A_picture_has_the_logits_of_the_same_pixels_in_a_data_set()
    {
        string model = _files.Model("tiny.popcorn");
        string images = _files.Images(1);
        byte[] bmp = Bmp((await File.ReadAllBytesAsync(images))[^36..]);
        JsonElement expected = await CommandRun.Json("eval", model, "--data", images, "--logits");
        JsonElement report = await CommandRun.Json(
            "eval", model, "--data", _files.Bytes("picture.bmp", bmp), "--logits");
        Assert.Equal(
            expected.GetProperty("logits")[0].EnumerateArray().Select(logit => logit.GetString()),
            report.GetProperty("logits")[0].EnumerateArray().Select(logit => logit.GetString()));
    }

    [Fact]
    public async Task Eval_tells_of_the_pictures_before_one_that_cannot_be_read()
    {
        string model = _files.Model("tiny.popcorn");
        byte[] bmp = Bmp(new byte[36]);
        Directory.CreateDirectory(_files["set"]);
        _files.Bytes("set/0.bmp", bmp);
        _files.Bytes("set/1.bmp", bmp[..^9]);
        _files.Bytes("set/labels.csv", "0.bmp,0\n1.bmp,1"u8.ToArray());
        string[] eval = ["eval", model, "--data", _files["set"], "--logits"];
        JsonElement report = (await CommandRun.Of([.. eval, "--json"])).AssertFailureHalfWay(1, "1.bmp");
        Assert.Equal(1, report.GetProperty("count").GetInt32());
        Assert.Equal(
            [JsonValueKind.Array, JsonValueKind.Null],
            report.GetProperty("logits").EnumerateArray().Select(logits => logits.ValueKind));

        CommandRun run = await CommandRun.Of(eval);
        Assert.StartsWith("0: ", run.Out, StringComparison.Ordinal);
        Assert.Contains("1 of 2 images", run.Out, StringComparison.Ordinal);
        Assert.Equal(1, run.ExitCode);
    }

    [Fact]
    public async Task Files_that_cannot_be_used_are_refused_by_name()
    {
        string model = _files.Model("tiny.popcorn");
        await CommandRun.Fails(1, "absent.popcorn", "inspect", _files["absent.popcorn"]);
        await CommandRun.Fails(1, "absent.onnx", "import", _files["absent.onnx"], "--out", _files["m.popcorn"]);
        await CommandRun.Fails(1, "absent.png", "eval", model, "--data", _files["absent.png"]);

        byte[] bytes = await File.ReadAllBytesAsync(model);
        string cut = _files.Bytes("cut.popcorn", bytes[..(bytes.Length / 2)]);
        await CommandRun.Fails(1, "cut.popcorn", "inspect", cut);
        bytes[bytes.Length / 2] ^= 1;
        await CommandRun.Fails(1, "bent.popcorn", "serve", _files.Bytes("bent.popcorn", bytes));

        string notAnImage = _files.Bytes("image.png", 0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10, 0, 0);
        await CommandRun.Fails(1, "image.png", "eval", model, "--data", notAnImage);
        await CommandRun.Fails(1, "1x28x28", "eval", model, "--data", _files.Images(1, side: 28));
    }

    [Fact]
    public async Task A_port_in_use_and_equal_names_are_refused()
    {
        string model = _files.Model("tiny.popcorn");
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string url = $"http://{taken.LocalEndpoint}";
        await CommandRun.Fails(1, "in use", "serve", model, "--listen", url);
        await CommandRun.Fails(1, "--listen", "serve", model, "--listen", "https://127.0.0.1:0");
        await CommandRun.Fails(1, "--listen", "serve", model, "--listen", "somewhere");
        await CommandRun.Fails(1, "no address 192.0.2.1", "serve", model, "--listen", "http://192.0.2.1:8080");

        Directory.CreateDirectory(_files["other"]);
        File.Copy(model, _files["other/tiny.popcorn"]);
        await CommandRun.Fails(1, "'tiny'", "serve", model, _files["other/tiny.popcorn"]);
    }

    [Fact]
    public async Task Nobody_there_or_somebody_else_is_one_clear_line()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string url = $"http://{listener.LocalEndpoint}";
        string[] infer = ["infer", "--model", "tiny", "--image", _files.Images(1), "--server"];

        // Something that answers, but not HTTP.
        Task<CommandRun> run = CommandRun.Of([.. infer, url]);
        using (TcpClient client = await listener.AcceptTcpClientAsync())
        {
            await client.GetStream().WriteAsync("220 mail.example ESMTP\r\n"u8.ToArray());
        }

        (await run).AssertFailure(1, "not a Popcorn service");

        // A port that nobody listens on and nobody else can get meanwhile.
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await CommandRun.Fails(1, "refused", [.. infer, $"http://{closed.LocalEndPoint}"]);
        await CommandRun.Fails(1, "no-such-host.invalid", [.. infer, "http://no-such-host.invalid:1"]);
        using (Process proxied = CommandRun.StartIn(
            new() { ["http_proxy"] = $"http://{closed.LocalEndPoint}", ["no_proxy"] = null },
            [.. infer, "http://192.0.2.1:8080"]))
        {
            (await CommandRun.ToEnd(proxied)).AssertFailure(1, $"the proxy at http://{closed.LocalEndPoint}");
        }

        await CommandRun.Fails(1, "http://host:port", [.. infer, "ftp://127.0.0.1"]);
        await CommandRun.Fails(1, "http://host:port", [.. infer, "127.0.0.1:80"]);
    }

    /// <summary>A gray picture of 6×6 pixels.</summary>
    private static byte[] Bmp(byte[] pixels)
    {
        const int Side = 6, HeaderBytes = 54, RowBytes = 20;
        var bmp = new byte[HeaderBytes + Side * RowBytes];
        "BM"u8.CopyTo(bmp);
        (bmp[10], bmp[14], bmp[18], bmp[26], bmp[28]) = (HeaderBytes, 40, Side, 1, 24);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(22), -Side);
        for (int i = 0; i < pixels.Length; i++)
        {
            bmp.AsSpan(HeaderBytes + i / Side * RowBytes + i % Side * 3, 3).Fill(pixels[i]);
        }

        return bmp;
    }
}
