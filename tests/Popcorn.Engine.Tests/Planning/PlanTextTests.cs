using System.Reflection;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Protocols;

namespace Popcorn.Engine.Tests.Planning;

/// <summary>Parties whose networks differ must see it by the hash of their plans, whatever the difference is.</summary>
public class PlanTextTests
{
    [Fact]
    public void Every_number_of_a_layer_is_part_of_a_plan() => AssertAllCount(
        PublicNetwork.From(SampleNetworks.ConvReluPoolDense(new Random(7))),
        network => network.Layers[0] with { },
        (network, layer) => network with { Layers = [layer, .. network.Layers.Skip(1)] });

    [Fact]
    public void Every_number_of_the_input_is_part_of_a_plan() => AssertAllCount(
        PublicNetwork.From(SampleNetworks.ConvReluPoolDense(new Random(7))),
        network => network.Input with { },
        (network, input) => network with { Input = input });

    /// <summary>Changes each property in turn. What the family makes of it does not matter: the no-op family nothing.
    /// </summary>
    private static void AssertAllCount<T>(
        PublicNetwork network, Func<PublicNetwork, T> copy, Func<PublicNetwork, T, PublicNetwork> with)
        where T : class
    {
        string text = TextOf(network);
        PropertyInfo[] settable =
        [
            .. typeof(T).GetProperties(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
                .Where(property => property.CanWrite),
        ];
        Assert.True(settable.Length > 4);
        foreach (PropertyInfo property in settable)
        {
            T changed = copy(network);
            property.SetValue(changed, Another(property.GetValue(changed), property.PropertyType));
            Assert.True(text != TextOf(with(network, changed)), $"{typeof(T).Name}.{property.Name} does not show.");
        }
    }

    private static string TextOf(PublicNetwork network) => NoOpFamily.NoOpPlan.Create(network, 0, images: 1).Text;

    private static object Another(object? value, Type type) => value switch
    {
        int number => number + 1,
        double number => number + 1,
        Shape shape => shape with { Height = shape.Height + 1 },
        Window window => window with { StrideX = window.StrideX + 1 },
        IReadOnlyList<int> list => (int[])[.. list, 0],
        Enum choice => Enum.GetValues(type).Cast<object>().First(other => !other.Equals(choice)),
        _ => throw new NotSupportedException($"Say what another {type.Name} is."),
    };
}
