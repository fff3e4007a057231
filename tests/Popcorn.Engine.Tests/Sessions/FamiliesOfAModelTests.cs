using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Protocols;
using Popcorn.Engine.Wire;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>Which families serve a model, and which of them a session takes.</summary>
public class FamiliesOfAModelTests
{
    [Fact]
    public void A_family_that_cannot_serve_a_model_is_left_out_and_told()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        Family unable = new Unable(), able = new NoOpFamily();
        var told = new List<string>();
        using var model = ServedModel.ForAble(
            "net", network, [unable, able], 2048, (family, why) => told.Add($"{family.Name}: {why.Message}"));
        Assert.Equal([able], model.Families);
        Assert.Equal(["unable: No squares here."], told);

        // Where all are wanted, or none is left, that is an error.
        Assert.Throws<PopcornException>(() => new ServedModel("net", network, [able, unable]));
        Assert.Throws<PopcornException>(() => ServedModel.ForAble("net", network, [unable], 2048, (_, _) => { }));
    }

    [Fact]
    public void A_model_that_names_no_family_is_served_by_all_that_can()
    {
        IntegerNetwork network = SampleNetworks.Squares(new Random(3));
        using var model = new ServedModel("net", network);
        using var told = ServedModel.ForAble("net", network, FamilyRegistry.All, 4096, (_, _) => { });
        Assert.NotEmpty(model.Families);
        Assert.Equal(told.Families, model.Families);
    }

    [Fact]
    public void A_family_without_a_plan_under_a_key_is_left_out()
    {
        var told = new List<string>();
        using var model = ServedModel.ForAble(
            "net", ManySquares(), [FamilyRegistry.All[0], new NoOpFamily()], TestKeys.Bits,
            (family, _) => told.Add(family.Name));
        Assert.Equal("no-op", Assert.Single(model.Families).Name);
        Assert.Equal([FamilyRegistry.All[0].Name], told);
    }

    [Fact]
    public async Task A_session_takes_the_next_family_where_the_first_has_no_plan_under_its_key()
    {
        var families = new Family[] { FamilyRegistry.All[0], new NoOpFamily() };
        using var model = new ServedModel("net", ManySquares(), families);
        Assert.Equal("no-op", await FamilyOfSessionAsync(model, families));
    }

    [Fact]
    public async Task The_preferred_family_is_taken_from_then_on()
    {
        var families = new Family[] { FamilyRegistry.All[0], new NoOpFamily() };
        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(3)), families);
        Assert.Equal(families[0].Name, await FamilyOfSessionAsync(model, families));
        model.Prefer(families[1]);
        Assert.Equal(families.Reverse(), model.Families);
        Assert.Equal("no-op", await FamilyOfSessionAsync(model, families));
        Assert.Equal(families[0].Name, await FamilyOfSessionAsync(model, families[0]));
    }

    private static async Task<string> FamilyOfSessionAsync(ServedModel model, params Family[] offered)
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = TestServer.ServeAsync(model, server);
        string family;
        await using (ClientSession session = await ClientSession.OpenAsync(
            client, TestKeys.Key, "net", new ClientOptions { Families = offered }, default))
        {
            family = session.Family;
        }

        await serving;
        return family;
    }

    /// <summary>Its values outgrow the plaintexts of small keys.</summary>
    private static IntegerNetwork ManySquares()
    {
        var builder = new SampleNetworks.Builder(new Random(3), new Shape(1, 2, 2));
        for (int i = 0; i < 7; i++)
        {
            builder = builder.Dense(2).Square();
        }

        return builder.Dense(2).Build();
    }

    private sealed class Unable : Family
    {
        public override string Name => "unable";

        internal override ServerModel Compile(IntegerNetwork network, PublicNetwork description) =>
            throw new PopcornException("No squares here.");

        internal override ClientParty CreateClient(PaillierPrivateKey key, PartyOptions options) =>
            throw new NotSupportedException();
    }
}
