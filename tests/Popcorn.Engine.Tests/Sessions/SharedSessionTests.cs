using System.Diagnostics;
using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Import;
using Popcorn.Engine.Wire;
using Popcorn.Interop;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>Real networks, obliviously: the plaintext network's logits, bit for bit.</summary>
public class SharedSessionTests(ITestOutputHelper output)
{
    [SharedTheory]
    [InlineData("mnist-d-minionn")]
    public Task Logits_are_those_of_the_plaintext_network(string name) => Agrees(name, TestKeys.Key);

    [SharedTheory(slow: true)]
    [InlineData("mnist-a-secureml")]
    [InlineData("mnist-b-cryptonets")]
    [InlineData("mnist-c-deepsecure")]
    public Task Logits_of_more_weights_are_those_of_the_plaintext_network(string name) => Agrees(name, TestKeys.Key);

    [SharedTheory(slow: true)]
    [InlineData("mnist-bin-lenet")]
    [InlineData("cifar10-minionn")]
    [InlineData("cifar10-bin-resnet18")]
    [InlineData("mobilenet_v1_0.25_128")]
    public async Task Logits_of_large_networks_are_those_of_the_plaintext_network(string name)
    {
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(2048);
        await Agrees(name, key);
    }

    private async Task Agrees(string name, PaillierPrivateKey key)
    {
        IntegerNetwork network = SharedNetworks.Import(name);
        int[] image = SharedNetworks.ImagesFor(name, network).Read(1);
        BigInteger[] expected = new PlainEvaluator(network).Run(image);

        using var model = new ServedModel(name, network);
        (IMessageChannel clientEnd, IMessageChannel serverEnd) = MemoryChannel.CreatePair();
        Task serving = TestServer.ServeAsync(
            model, serverEnd, TestServer.Options with { MinimumKeyBits = TestKeys.Bits });
        var watch = Stopwatch.StartNew();
        await using (ClientSession session = await ClientSession.OpenAsync(
            clientEnd, key, name, new ClientOptions(), default))
        {
            InferenceResult result = await session.InferAsync(image, null, default);
            Assert.Equal(expected, result.Logits);
        }

        await serving;
        output.WriteLine($"{name}: {watch.Elapsed.TotalSeconds:F1} s");
    }
}
