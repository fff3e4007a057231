using FsCheck;
using FsCheck.Fluent;

namespace Popcorn.Engine.Tests.Model;

/// <summary>Properties over everything that can be made from a seed; a failure prints the seed.</summary>
internal static class Seeds
{
    public static void Check(Action<int> property, int count = 100) =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), property)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(count));
}
