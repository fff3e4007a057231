namespace Popcorn.Tests;

/// <summary>Real networks and data beside the repository, at <c>../shared</c>, on machines that have them.</summary>
public static class SharedData
{
    /// <summary>The folder, or null where it is absent.</summary>
    public static string? Root { get; } = Find();

    /// <summary>Whether tests of many minutes are wanted: the environment variable POPCORN_SLOW_TESTS is 1.</summary>
    public static bool SlowTests => Environment.GetEnvironmentVariable("POPCORN_SLOW_TESTS") == "1";

    /// <summary>Path of a file below the folder; only for tests marked <see cref="SharedFactAttribute"/>.</summary>
    public static string PathOf(string relative) =>
        Path.Combine(Root ?? throw new InvalidOperationException("This test needs ../shared."), relative);

    private static string? Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "global.json")))
            {
                string shared = Path.Combine(folder.FullName, "..", "shared");
                return Directory.Exists(shared) ? Path.GetFullPath(shared) : null;
            }
        }

        return null;
    }
}

/// <summary>A test that needs <c>../shared</c> and is skipped, saying so, where it is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedFactAttribute : FactAttribute
{
    public SharedFactAttribute(bool slow = false) => Skip = SharedSkip.Reason(slow);
}

/// <summary>The same for a test with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute(bool slow = false) => Skip = SharedSkip.Reason(slow);
}

/// <summary>A test of minutes that needs nothing, and is skipped, saying so, unless it is wanted.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SlowFactAttribute : FactAttribute
{
    public SlowFactAttribute() => Skip = SharedData.SlowTests ? null : "slow: set POPCORN_SLOW_TESTS=1";
}

file static class SharedSkip
{
    public static string? Reason(bool slow) =>
        SharedData.Root is null ? "../shared is absent"
        : slow && !SharedData.SlowTests ? "slow: set POPCORN_SLOW_TESTS=1"
        : null;
}
