using System.Reflection;
using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Tests.Sessions;

/// <summary>No program can bring the randomness: it is the operating system's.</summary>
public sealed class PublicSurfaceTests
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic
        | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly string[] Words = ["seed", "random", "rng", "entropy", "nonce", "prng", "generator"];

    [Fact]
    public void No_public_member_takes_a_seed_or_a_generator()
    {
        List<string> found = [.. FindIn(typeof(Transfers).Assembly.GetExportedTypes())];
        Assert.True(found.Count == 0, string.Join(", ", found));
        Assert.True(typeof(Transfers).Assembly.GetExportedTypes().Length > 20);
    }

    /// <summary>The same search finds what there is inside, and what others have.</summary>
    [Fact]
    public void One_that_did_would_be_found()
    {
        Assert.NotEmpty(FindIn([typeof(Seeded)]));
        Assert.NotEmpty(FindIn([typeof(Random)]));
        Assert.NotEmpty(FindIn([typeof(TakesGenerator)]));
    }

    /// <summary>What a program may derive from, whose constructors it could call, is not open either.</summary>
    [Fact]
    public void Nothing_that_holds_secrets_can_be_derived_from_or_made()
    {
        foreach (Type type in typeof(Transfers).Assembly.GetExportedTypes().Where(
            type => type.Namespace!.EndsWith("Sessions", StringComparison.Ordinal)
                || type.Namespace.EndsWith("Extension", StringComparison.Ordinal)))
        {
            if (type != typeof(TransferOptions) && type != typeof(Popcorn.ObliviousTransfer.Extension.FerretParameters))
            {
                Assert.DoesNotContain(type.GetConstructors(All), constructor => IsOpen(constructor));
            }
        }

        Assert.False(typeof(Randomness).IsVisible);
    }

    private static IEnumerable<string> FindIn(IEnumerable<Type> types) =>
        from type in types
        from member in type.GetMembers(All)
        where member is MethodBase method && IsOpen(method)
        from parameter in ((MethodBase)member).GetParameters()
        let name = (parameter.Name ?? string.Empty).ToLowerInvariant()
        where Words.Any(word => name.Contains(word))
            || typeof(Random).IsAssignableFrom(parameter.ParameterType)
            || typeof(RandomNumberGenerator).IsAssignableFrom(parameter.ParameterType)
            || typeof(Randomness).IsAssignableFrom(parameter.ParameterType)
            || typeof(Delegate).IsAssignableFrom(parameter.ParameterType)
        select $"{type.Name}.{member.Name}({parameter.ParameterType.Name} {parameter.Name})";

    private static bool IsOpen(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private sealed class TakesGenerator
    {
        public static void Fill(RandomNumberGenerator source) => source.GetBytes(new byte[1]);
    }
}
