using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>Sessions under short-order keys.</summary>
public sealed class ShortOrderSessionTests : IDisposable
{
    private static readonly KeyOptions Options = TestKeys.Options with { Order = KeyOrder.Short };

    private readonly PaillierPrivateKey _key = PaillierPrivateKey.Generate(TestKeys.Bits, Options);

    public static TheoryData<string> Names => [.. FamilyRegistry.All.Select(family => family.Name)];

    public void Dispose()
    {
        _key.PublicKey.Dispose();
        _key.Dispose();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_server_that_accepts_short_orders_answers_exactly(string name)
    {
        IntegerNetwork network = Network();
        using var model = new ServedModel("net", network, [FamilyRegistry.All.Single(family => family.Name == name)]);
        var plain = new PlainEvaluator(network);
        var random = new Random(4);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = TestServer.ServeAsync(model, server, TestServer.Options with
        {
            AcceptShortOrder = true,
            DegreeOfParallelism = 1,
        });
        await using (ClientSession session = await OpenAsync(client, model))
        {
            for (int i = 0; i < 2; i++)
            {
                int[] input = [.. Enumerable.Range(0, network.Input.Shape.Size).Select(_ => random.Next(256))];
                Assert.Equal(plain.Run(input), (await session.InferAsync(input, null, default)).Logits);
            }
        }

        await serving;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Other_servers_refuse_them_and_say_what_to_do(string name)
    {
        using var model = new ServedModel(
            "net", Network(), [FamilyRegistry.All.Single(family => family.Name == name)]);
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = TestServer.ServeAsync(model, server);
        var told = await Assert.ThrowsAsync<PopcornException>(() => OpenAsync(client, model));
        Assert.Contains("--accept-short-order", told.Message, StringComparison.Ordinal);
        Assert.Contains("full order", told.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<PopcornException>(() => serving);
    }

    [Fact]
    public async Task Tables_are_not_shared_between_keys_of_one_modulus_and_other_bases()
    {
        // Somebody who knows the modulus of another's key makes one with a base of his own.
        byte[] exported = _key.PublicKey.Export();
        byte[] other = [.. exported];
        int h = exported.Length / 2 + 4;
        other.AsSpan(h).Clear();
        other[h] = 4;
        using PaillierPublicKey foreign = PaillierPublicKey.Import(other, Options);
        Assert.Equal(_key.PublicKey.Modulus, foreign.Modulus);

        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(3)), [FamilyRegistry.All[0]]);
        Plan plan = model.PlanFor(TestKeys.Bits);
        using var resources = new ServerResources();
        var options = new PartyOptions(1)
        {
            KeyOptions = TestKeys.Options,
            Resources = new SessionResources(resources, resources.NewAccount(), threads: 1),
        };
        using TableLease<KeyTables> own = await KeyTables.RentAsync(_key.PublicKey, plan, options, default);
        using TableLease<KeyTables> again = await KeyTables.RentAsync(_key.PublicKey, plan, options, default);
        using TableLease<KeyTables> theirs = await KeyTables.RentAsync(foreign, plan, options, default);
        Assert.Equal(2, resources.Use.Tables);

        // What is reserved is what they take.
        using var tables = new Rerandomizer(
            _key.PublicKey, TableSize.ForServer(plan, TestKeys.Bits, KeyOrder.Short));
        Assert.Equal(2 * tables.TableBytes, resources.Use.TableBytes);
    }

    /// <summary>One that every family serves.</summary>
    private static IntegerNetwork Network() => new SampleNetworks.Builder(new Random(3), new Shape(1, 5, 5))
        .Conv(2, 3, 1, 0).Shift(10, 6).Dense(3).Build();

    private Task<ClientSession> OpenAsync(IMessageChannel channel, ServedModel model) => ClientSession.OpenAsync(
        channel, _key, "net", new ClientOptions
        {
            Families = model.Families,
            DegreeOfParallelism = 1,
            IdleTimeout = Eventually.Patience,
        },
        default);
}
