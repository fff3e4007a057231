using System.Numerics;
using System.Reflection;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Blinded;

/// <summary>
/// What holds for every kind of round of the blinded family. The kinds are found in the engine itself: one that no
/// network here plays fails too.
/// </summary>
public sealed class RoundContractTests : IDisposable
{
    private const int Items = 60;
    private const int Runs = 8;

    private static readonly Type[] Kinds =
    [
        .. typeof(RoundStep).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(RoundStep)) && !type.IsAbstract)
    ];

    private readonly Rerandomizer _server = new(TestKeys.Key.PublicKey, 4);
    private readonly Encryptor _client = new(TestKeys.Key, new EncryptorOptions { WindowBits = 4 });
    private readonly Decryptor _decryptor = new(TestKeys.Key);
    private readonly CiphertextBatchPool _pool = new(TestKeys.Key.PublicKey);

    public static TheoryData<int> Inputs => [0, 1, -1, 99, -100];

    public void Dispose()
    {
        _pool.Dispose();
        _server.Dispose();
        _client.Dispose();
    }

    [Fact]
    public void Every_kind_is_played_here() => Assert.Equal(
        Kinds.Select(kind => kind.Name).Order(StringComparer.Ordinal),
        Networks().SelectMany(network => StepsOf(network)).Select(step => step.GetType().Name).Distinct()
            .Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Inputs))]
    public async Task What_the_client_sees_tells_nothing_of_what_is_compared(int value)
    {
        foreach (IntegerNetwork network in Networks())
        {
            // All items are the same: a sign that shows is a coin nevertheless, and a masked value never comes again.
            var signs = new Dictionary<(int Step, int Field), (int Positive, int Count)>();
            var masked = new Dictionary<int, List<BigInteger>>();
            BigInteger[] x = [.. Enumerable.Repeat((BigInteger)value, network.Input.Shape.Size)];
            for (int run = 0; run < Runs; run++)
            {
                foreach ((RoundStep step, int field, BigInteger content) in await FieldsAsync(network, x))
                {
                    if (field < 0)
                    {
                        masked.TryAdd(step.Index, []);
                        masked[step.Index].Add(content);
                        continue;
                    }

                    (int positive, int count) = signs.GetValueOrDefault((step.Index, field));
                    bool isPositive = content >> (step.Layout.Fields.SignedBits - 1) > 0;
                    signs[(step.Index, field)] = (positive + (isPositive ? 1 : 0), count + 1);
                }
            }

            Assert.All(signs, sign => Assert.InRange(
                sign.Value.Positive / (double)sign.Value.Count, 0.5 - Allowed(sign.Value.Count),
                0.5 + Allowed(sign.Value.Count)));
            Assert.All(masked, step => Assert.Distinct(step.Value));
            Assert.True(signs.Count + masked.Count > 0);
        }

        // Seven standard deviations of a coin.
        static double Allowed(int count) => 3.5 / Math.Sqrt(count);
    }

    /// <summary>Parties whose rounds differ do not understand each other: the hash of their plans tells.</summary>
    [Fact]
    public void Every_number_of_a_round_is_part_of_its_description()
    {
        var varied = new HashSet<string>();
        foreach (RoundStep step in Networks().SelectMany(network => StepsOf(network)))
        {
            foreach (ConstructorInfo constructor in step.GetType().GetConstructors())
            {
                ParameterInfo[] parameters = constructor.GetParameters();
                object?[] values = [.. parameters.Select(parameter => ValueOf(step, parameter))];
                string described = ((RoundStep)constructor.Invoke(values)).Describe();
                for (int i = 0; i < values.Length; i++)
                {
                    // Numbers of the layer stand in the plan beside its steps.
                    if (values[i] is int number && parameters[i].Name != nameof(ClipStep.SaturationBits))
                    {
                        object?[] others = [.. values];
                        others[i] = number + 1;
                        Assert.NotEqual(described, ((RoundStep)constructor.Invoke(others)).Describe());
                        varied.Add(step.GetType().Name);
                    }
                }
            }
        }

        // A round of a tournament is made by its layer alone.
        Assert.Equal(
            Kinds.Where(kind => kind != typeof(CompareStep)).Select(kind => kind.Name)
                .Order(StringComparer.Ordinal),
            varied.Order(StringComparer.Ordinal));
    }

    private static object? ValueOf(RoundStep step, ParameterInfo parameter) =>
        step.GetType().GetProperty(parameter.Name!)?.GetValue(step)
        ?? throw new InvalidOperationException($"{step.GetType().Name} has no property '{parameter.Name}'.");

    /// <summary>One layer each, of every kind of which the client sees something.</summary>
    private static IEnumerable<IntegerNetwork> Networks()
    {
        var shape = new Shape(Items, 1, 1);
        BigInteger[] caps = [.. Enumerable.Repeat((BigInteger)50, Items)];
        Layer[] layers =
        [
            new ReluLayer("relu", 0, shape),
            new ClipLayer("clip", 0, shape, caps),
            new SignLayer("sign", 0, shape),
            new SquareLayer("square", 0, shape),
            new RescaleLayer("rescale", 0, shape, 3),
            new ShiftLayer("shift", 0, shape, 3, 0),
            new ShiftLayer("saturation", 0, shape, 3, 2),
        ];
        foreach (Layer layer in layers)
        {
            yield return new IntegerNetwork(new InputDescription(shape, -100, 100, 1), [layer], 1);
        }

        var window = new Window(2, 2, 2, 2, 1, 1, 0, 0, 1, 1);
        var pooled = new InputDescription(new Shape(Items, 2, 2), -100, 100, 1);
        yield return new IntegerNetwork(pooled, [new MaxPoolLayer("pool", 0, shape, window, WithZero: true)], 1);
    }

    private static IEnumerable<RoundStep> StepsOf(IntegerNetwork network)
    {
        using var model = new BlindedServerModel(network, PublicNetwork.From(network), 16);
        return [.. model.PlanFor(TestKeys.Bits).Steps.OfType<RoundStep>()];
    }

    /// <summary>Every field that the client sees in a query: signed ones by number, masked ones as −1.</summary>
    private async Task<List<(RoundStep Step, int Field, BigInteger Content)>> FieldsAsync(
        IntegerNetwork network, BigInteger[] x)
    {
        using var model = new BlindedServerModel(network, PublicNetwork.From(network), 16);
        BlindedPlan plan = model.PlanFor(TestKeys.Bits);
        using var input = new CiphertextBatch(TestKeys.Key.PublicKey, x.Length);
        _client.Encrypt(x, input);
        using var query = new BlindedServerQuery(
            model, plan, _server, new CiphertextBatchPool(_server.Key), threads: 1);
        var exchange = new PlayedClient(plan, input, new ClientContext(_client, _decryptor, _pool, default));
        await query.PrepareAsync(exchange);
        await query.RunAsync(exchange);

        var fields = new List<(RoundStep, int, BigInteger)>();
        foreach ((RoundStep step, BigInteger[] plaintexts, int items) in exchange.Seen)
        {
            for (int item = 0; item < items; item++)
            {
                SlotLayout layout = step.Layout;
                BigInteger plaintext = plaintexts[item / layout.ItemsPerCiphertext];
                int slot = item % layout.ItemsPerCiphertext;
                for (int field = 0; layout.Fields.SignedBits > 0 && field < layout.Fields.SignedFields; field++)
                {
                    fields.Add(
                        (step, field, Cut(plaintext, layout.SignedShift(slot, field), layout.Fields.SignedBits)));
                }

                if (layout.Fields.MaskedBits > 0)
                {
                    fields.Add((step, -1, Cut(plaintext, layout.MaskedShift(slot), layout.Fields.MaskedBits)));
                }
            }
        }

        return fields;

        static BigInteger Cut(BigInteger plaintext, int shift, int bits) =>
            plaintext >> shift & (BigInteger.One << bits) - 1;
    }
}
