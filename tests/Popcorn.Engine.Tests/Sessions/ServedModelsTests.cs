using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Protocols;
using Popcorn.Engine.Wire;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>Models that come and go while a server runs.</summary>
public sealed class ServedModelsTests
{
    private static readonly int[] Image = [.. Enumerable.Range(0, 16).Select(i => i % 3)];

    [Fact]
    public async Task A_session_keeps_the_model_that_it_began_with()
    {
        IntegerNetwork first = SampleNetworks.Squares(new Random(1)), second = SampleNetworks.Squares(new Random(2));
        using var old = new ServedModel("net", first, [new NoOpFamily()]);
        using var fresh = new ServedModel("net", second, [new NoOpFamily()]);
        var models = new ServedModels(old);
        (ClientSession before, Task serving) = await OpenAsync(models);
        Assert.Equal(LogitsOf(first), (await before.InferAsync(Image, null, default)).Logits);

        models.Put(fresh);
        (ClientSession after, Task servingAfter) = await OpenAsync(models);
        Assert.Equal(LogitsOf(second), (await after.InferAsync(Image, null, default)).Logits);
        Assert.Equal(LogitsOf(first), (await before.InferAsync(Image, null, default)).Logits);
        old.PlanFor(TestKeys.Bits); // not disposed

        await before.DisposeAsync();
        await serving;
        Assert.Throws<ObjectDisposedException>(() => old.PlanFor(TestKeys.Bits));
        Assert.Equal(LogitsOf(second), (await after.InferAsync(Image, null, default)).Logits);
        await after.DisposeAsync();
        await servingAfter;
        fresh.PlanFor(TestKeys.Bits); // nobody has replaced it
    }

    [Fact]
    public async Task What_is_removed_is_refused_and_may_come_back()
    {
        using var model = new ServedModel("net", SampleNetworks.Squares(new Random(1)), [new NoOpFamily()]);
        var models = new ServedModels(model);
        (ClientSession before, Task serving) = await OpenAsync(models);
        Assert.True(models.Remove("net"));
        Assert.False(models.Remove("net"));
        Assert.Empty(models.All);
        PopcornException refused = await Assert.ThrowsAsync<PopcornException>(() => OpenAsync(models));
        Assert.Contains("No model 'net' here", refused.Message, StringComparison.Ordinal);

        models.Add(model); // before its last session has ended: it is not disposed after all
        await before.DisposeAsync();
        await serving;
        (ClientSession after, Task servingAfter) = await OpenAsync(models);
        Assert.Equal(3, (await after.InferAsync(Image, null, default)).Logits.Count);
        await after.DisposeAsync();
        await servingAfter;
    }

    [Fact]
    public void Names_differ_and_what_nobody_uses_is_disposed_at_once()
    {
        using var first = new ServedModel("net", SampleNetworks.Squares(new Random(1)), [new NoOpFamily()]);
        using var second = new ServedModel("net", SampleNetworks.Squares(new Random(2)), [new NoOpFamily()]);
        using var other = new ServedModel("a", SampleNetworks.Squares(new Random(3)), [new NoOpFamily()]);
        Assert.Throws<PopcornException>(() => new ServedModels(first, second));
        var models = new ServedModels(first, other);
        Assert.Throws<PopcornException>(() => models.Add(second));
        Assert.Equal(["a", "net"], models.All.Select(model => model.Name));
        models.Put(first);
        first.PlanFor(TestKeys.Bits); // in its own place: not disposed
        models.Put(second);
        Assert.Throws<ObjectDisposedException>(() => first.PlanFor(TestKeys.Bits));
        Assert.Equal(2, models.Count);
    }

    private static BigInteger[] LogitsOf(IntegerNetwork network) => new PlainEvaluator(network).Run(Image);

    private static async Task<(ClientSession Session, Task Serving)> OpenAsync(ServedModels models)
    {
        (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
        Task serving = TestServer.ServeAsync(models, server);
        var options = new ClientOptions { Families = [new NoOpFamily()] };
        return (await ClientSession.OpenAsync(client, TestKeys.Key, "net", options, default), serving);
    }
}
