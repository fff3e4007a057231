using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.Engine.Tests.Import;

/// <summary>
/// The ONNX project's tests of single nodes, every node with each of its inputs in turn as a network's: the import is
/// right, or it refuses the network in words that say where and do not blame the file.
/// </summary>
public class OnnxNodeTests(ITestOutputHelper output)
{
    /// <summary>Cases that are right at least, so that refusing everything is no way to pass.</summary>
    private const int LeastRight = 100;

    /// <summary>A larger input is tried among the slow tests: one of a million takes as long as all others.</summary>
    private const int MostElements = 1 << 16;

    [NodeTestsFact]
    public void Nodes_are_right_or_refused()
    {
        var right = new List<string>();
        var refused = new List<string>();
        var wrong = new List<string>();
        foreach (NodeCase node in NodeTestsFactAttribute.Folders.SelectMany(NodeCase.In)
            .Where(node => SharedData.SlowTests || node.InputSize <= MostElements))
        {
            (NodeCase.Outcome outcome, string why) = node.Try();
            bool isBadlyRefused = outcome == NodeCase.Outcome.Refused
                && (why.Contains("damaged", StringComparison.Ordinal) || !node.IsNamedIn(why));
            List<string> list = isBadlyRefused || outcome == NodeCase.Outcome.Wrong ? wrong
                : outcome == NodeCase.Outcome.Refused ? refused
                : right;
            list.Add($"{node.Name}: {outcome} {why}");
        }

        string[] lines = [.. right, .. refused, .. wrong, $"{right.Count} right, {refused.Count} refused."];
        output.WriteLine(string.Join('\n', lines));
        Assert.True(wrong.Count == 0, $"{wrong.Count} wrong:\n{string.Join('\n', wrong)}");
        Assert.InRange(right.Count, LeastRight, int.MaxValue);
    }
}

/// <summary>A test that needs the data of ONNX's own tests and is skipped, saying so, where they are absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NodeTestsFactAttribute : FactAttribute
{
    private const string Variable = "POPCORN_ONNX_TESTS";

    public NodeTestsFactAttribute() => Skip = Folders.Length == 0
        ? $"ONNX's tests are absent: apt-get install libonnx-testdata, or name their folder in {Variable}"
        : null;

    /// <summary>A folder for each test.</summary>
    public static string[] Folders { get; } =
    [
        .. new[] { Environment.GetEnvironmentVariable(Variable), "/usr/share/libonnx-testdata/data" }
            .Where(Directory.Exists)
            .Take(1)
            .SelectMany(root => Directory.GetFiles(root!, "model.onnx", SearchOption.AllDirectories))
            .Select(path => Path.GetDirectoryName(path)!)
            .Order(),
    ];
}
