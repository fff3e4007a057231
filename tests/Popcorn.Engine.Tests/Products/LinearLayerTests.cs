using System.Numerics;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Products;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Products;

public class LinearLayerTests
{
    public static TheoryData<string, IntegerNetwork> Layers => new()
    {
        { "dense", Net(new Shape(20, 1, 1), b => b.Dense(7)) },
        { "dense over a plane", Net(new Shape(2, 3, 4), b => b.Dense(3)) },
        { "one weight", Net(new Shape(1, 1, 1), b => b.Dense(1, limit: 1)) },
        { "ternary", Net(new Shape(64, 1, 1), b => b.Dense(16, limit: 1)) },
        { "wide weights", Net(new Shape(5, 1, 1), b => b.Dense(4, limit: 2047)) },
        { "conv", Net(new Shape(2, 6, 5), b => b.Conv(3, 3, 1, 0)) },
        { "padded", Net(new Shape(2, 5, 5), b => b.Conv(3, 3, 1, 1)) },
        { "padding wider than the plane", Net(new Shape(1, 2, 2), b => b.Conv(2, 5, 1, 3)) },
        { "stride", Net(new Shape(1, 7, 7), b => b.Conv(4, 3, 2, 1)) },
        { "groups", Net(new Shape(4, 4, 4), b => b.Conv(6, 3, 1, 1, groups: 2)) },
        { "binary", Net(new Shape(40, 1, 1), b => b.Dense(40, limit: 1)) },
        { "binary conv", Net(new Shape(7, 6, 6), b => b.Conv(12, 3, 1, 1, limit: 1)) },
        { "4 bits in groups",
            Net(new Shape(14, 5, 5), b => b.Conv(24, 3, 2, 1, groups: 2, limit: 7)) },
        { "positive", Net(new Shape(12, 3, 3), b => b.Dense(30, limit: -3)) },
        { "depthwise", Net(new Shape(5, 4, 4), b => b.Conv(5, 3, 1, 1, groups: 5)) },
        { "average pool", Net(new Shape(3, 4, 4), b => b.AveragePool(2)) },
        { "tiles side by side", Net(new Shape(6, 10, 9), b => b.Conv(12, 3, 1, 1, limit: 3)) },
        { "tiles side by side, windows apart", Net(new Shape(3, 16, 18), b => b.Conv(5, 2, 2, 0, limit: 3)) },
        { "stride leaves positions unseen", Net(new Shape(4, 17, 17), b => b.Conv(9, 1, 2, 0, limit: 3)) },
    };

    [Theory]
    [MemberData(nameof(Layers))]
    public void Every_strategy_equals_the_plain_layer(string name, IntegerNetwork network)
    {
        // A single image, and as many as leave lanes empty at the end.
        var layer = (LinearLayer)network.Layers[0];
        Shape shape = network.Input.Shape;
        var plain = new PlainEvaluator(network);
        foreach (int images in (int[])[1, 3])
        {
            int[] input = RandomInput(images * shape.Size);
            BigInteger[] expected = [.. input.Chunk(shape.Size).SelectMany(image => plain.Run(image))];
            using CiphertextBatch encrypted = Encrypt(input);
            var geometry = new LayerGeometry(layer.Window, shape);
            foreach (Func<LinearLayer, LayerSums> way in LinearCompiler.WaysFor(layer))
            {
                var plan = new ProductPlan(geometry, way(layer));
                (BigInteger[] result, long products) =
                    Run(new BlindedLinear(layer, shape, LinearCompiler.Compile(plan)), encrypted, images);
                Assert.Equal(expected, result);
                Assert.True(products <= images * plan.Products, name);
            }
        }
    }

    [Theory]
    [InlineData(1)] // a row of outputs at a time
    [InlineData(400)]
    [InlineData(1000)]
    public void Bands_keep_few_shared_products_and_change_nothing(int sharedCiphertexts)
    {
        IntegerNetwork network = Net(new Shape(8, 13, 9), b => b.Conv(16, 3, 2, 2, limit: 2));
        var layer = (LinearLayer)network.Layers[0];
        Shape shape = network.Input.Shape;
        const int Images = 2;
        int[] input = RandomInput(Images * shape.Size);
        using CiphertextBatch encrypted = Encrypt(input);
        var geometry = new LayerGeometry(layer.Window, shape);
        CompiledLinear compiled =
            LinearCompiler.Compile(new ProductPlan(geometry, LayerSums.Offset(layer), sharedCiphertexts));
        (BigInteger[] result, _) = Run(new BlindedLinear(layer, shape, compiled), encrypted, Images);

        var plain = new PlainEvaluator(network);
        Assert.Equal(input.Chunk(shape.Size).SelectMany(image => plain.Run(image)), result);
        Assert.InRange(compiled.BufferSizes[(int)LayerBuffer.Shared], 0, sharedCiphertexts);
        int bands = compiled.Operations
            .OfType<RunOperation>().Count(run => run.Part.Target.Buffer == LayerBuffer.Shared);
        Assert.True(sharedCiphertexts == 1 ? bands == 0 : bands > 1);
    }

    [Fact]
    public void Every_way_to_pay_for_negative_weights_is_used()
    {
        // Many inputs and few outputs: invert outputs. Few inputs and many outputs: invert inputs. An offset: see
        // below.
        Assert.Equal(NegativeWeights.NegateOutputs, WayOf(Net(new Shape(500, 1, 1), b => b.Dense(2, limit: 1))));
        Assert.Equal(NegativeWeights.NegateInputs, WayOf(Net(new Shape(4, 1, 1), b => b.Dense(50))));
        Assert.Equal(NegativeWeights.None, WayOf(Net(new Shape(2, 2, 2), b => b.AveragePool(2))));
    }

    [Fact]
    public void Outputs_share_products()
    {
        // 64 outputs of 256 inputs: a fifth of a product for each binary weight, two thirds for 4 bits, 1.2 where
        // four of five weights are zero.
        var random = new Random(6);
        Assert.InRange(ProductsPerWeight(_ => 2 * random.Next(2) - 1), 0.1, 0.2);
        Assert.InRange(ProductsPerWeight(_ => random.Next(-7, 8) | 1), 0.4, 0.7);
        Assert.InRange(ProductsPerWeight(i => i % 5 == 0 ? random.Next(-7, 8) : 0), 0.8, 1.25);

        double ProductsPerWeight(Func<int, int> weight)
        {
            int[] weights = [.. Enumerable.Range(0, 64 * 256).Select(weight)];
            random.Shuffle(weights);
            var layer = new LinearLayer(
                "dense", 0, new Shape(64, 1, 1), Window.Whole(1, 1), 1, weights, new BigInteger[64]);
            using CompiledLinear compiled = LinearCompiler.Compile(layer, new Shape(256, 1, 1));
            Assert.Equal(
                layer.NonZero == weights.Length ? NegativeWeights.Offset : compiled.Negatives, compiled.Negatives);
            return (double)compiled.Products / layer.NonZero;
        }
    }

    [Fact]
    public void Pruned_layers_cost_nothing()
    {
        var layer = new LinearLayer(
            "zeros", 0, new Shape(3, 1, 1), Window.Whole(1, 1), 1, new int[3 * 10],
            [.. Enumerable.Range(0, 3).Select(i => (BigInteger)(i - 1))]);
        using var encrypted = new CiphertextBatch(TestKeys.ForProducts.PublicKey, 10);
        (BigInteger[] result, long products) = Run(new BlindedLinear(layer, new Shape(10, 1, 1)), encrypted, images: 1);
        Assert.Equal(0, products);
        Assert.Equal([-1, 0, 1], result);
    }

    [Fact]
    public void Fewer_weights_cost_fewer_products()
    {
        var shape = new Shape(200, 1, 1);
        var dense = (LinearLayer)Net(shape, b => b.Dense(10)).Layers[0];
        int[] weights = [.. dense.Weights.Select((w, i) => i % 5 == 0 ? w : 0)];
        using CompiledLinear full = LinearCompiler.Compile(dense, shape);
        using CompiledLinear pruned = LinearCompiler.Compile(dense with { Weights = weights }, shape);
        Assert.True(pruned.Products < full.Products / 2);
    }

    /// <summary>Runs a layer, and disposes of it, and counts what it does.</summary>
    private static (BigInteger[] Result, long Products) Run(BlindedLinear layer, CiphertextBatch input, int images)
    {
        using (layer)
        using (var rerandomizer = new Rerandomizer(TestKeys.ForProducts.PublicKey, 4))
        using (var pool = new CiphertextBatchPool(TestKeys.ForProducts.PublicKey))
        {
            var context = new ServerContext(rerandomizer, pool, default, new ProductCounter());
            using CiphertextBatch result = layer.Run(input, images, context);
            Assert.Equal(images * layer.Compiled.Products, context.Counter.Total);
            return (new Decryptor(TestKeys.ForProducts).DecryptSigned(result), context.Counter.Total);
        }
    }

    private static int[] RandomInput(int count)
    {
        var random = new Random(count);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(-300, 300))];
    }

    private static CiphertextBatch Encrypt(int[] input)
    {
        using var encryptor = new Encryptor(TestKeys.ForProducts, new EncryptorOptions { WindowBits = 4 });
        var encrypted = new CiphertextBatch(TestKeys.ForProducts.PublicKey, input.Length);
        encryptor.Encrypt([.. input.Select(x => (long)x)], encrypted);
        return encrypted;
    }

    private static NegativeWeights WayOf(IntegerNetwork network)
    {
        using CompiledLinear compiled =
            LinearCompiler.Compile((LinearLayer)network.Layers[0], network.Input.Shape);
        return compiled.Negatives;
    }

    private static IntegerNetwork Net(Shape input, Action<SampleNetworks.Builder> grow)
    {
        var builder = new SampleNetworks.Builder(new Random(input.Size), input, -300, 300);
        grow(builder);
        return builder.Build();
    }
}
