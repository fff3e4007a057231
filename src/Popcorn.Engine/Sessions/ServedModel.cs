using System.Collections.Concurrent;
using System.Numerics;
using Popcorn.Engine.Linear;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// A model ready to serve: its linear layers compiled once, shared by all sessions. Serves any number of sessions at
/// once.
/// </summary>
public sealed class ServedModel : IDisposable
{
    private readonly CompiledLinear?[] _linear;
    private readonly ConcurrentDictionary<(int KeyBits, int Images), Plan> _plans = new();

    private readonly int _chunkCiphertexts;

    /// <summary>Compiles a network.</summary>
    /// <param name="name">The name by which clients ask for it.</param>
    /// <param name="network">The integer network; validated.</param>
    /// <param name="chunkCiphertexts">See <see cref="Plan.ChunkCiphertexts"/>.</param>
    /// <exception cref="PopcornException">The network is malformed or holds a layer without a protocol.</exception>
    public ServedModel(
        string name, IntegerNetwork network, int chunkCiphertexts = Plan.DefaultChunkCiphertexts)
    {
        Name = name;
        Network = network;
        _chunkCiphertexts = chunkCiphertexts;
        Public = PublicNetwork.From(network);
        Public.Validate();
        _linear = new CompiledLinear?[network.Layers.Count];
        Parallel.For(0, _linear.Length, i => _linear[i] = network.Layers[i] switch
        {
            LinearLayer linear => LinearCompiler.Compile(linear, network.ShapeOf(linear.Input)),
            AddLayer add => LinearCompiler.Compile(AsLinear(add), BothOf(add)),
            _ => null,
        });
    }

    /// <summary>The name by which clients ask for it.</summary>
    public string Name { get; }

    /// <summary>The integer network; secret.</summary>
    public IntegerNetwork Network { get; }

    /// <summary>What clients may know of it.</summary>
    public PublicNetwork Public { get; }

    /// <summary>The plan for a key size and a number of images in a query.</summary>
    /// <exception cref="PopcornException">
    /// A value outgrows the plaintexts of such a key, or these are too many images.
    /// </exception>
    public Plan PlanFor(int keyBits, int images = 1)
    {
        // Few are common; a client that tries them all must not fill the memory.
        const int Kept = 8;
        if (_plans.TryGetValue((keyBits, images), out Plan? plan))
        {
            return plan;
        }

        plan = Plan.Create(Public, keyBits, images, _chunkCiphertexts);
        return _plans.Count < Kept ? _plans.GetOrAdd((keyBits, images), plan) : plan;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (CompiledLinear? linear in _linear)
        {
            linear?.Dispose();
        }
    }

    /// <summary>
    /// A sum as a linear layer over both values with their channels in turn: first, second, first, …
    /// </summary>
    private static LinearLayer AsLinear(AddLayer add) => new(
        add.Name, add.Input, add.Output, Window.Pointwise(add.Output.Height, add.Output.Width), add.Output.Channels,
        [.. add.Factors.Zip(add.SecondFactors).SelectMany(f => (int[])[f.First, f.Second])],
        new BigInteger[add.Output.Channels]);

    private static Shape BothOf(AddLayer add) => add.Output with { Channels = 2 * add.Output.Channels };

    /// <summary>The compiled form of a linear layer, or of a sum over both its values with channels in turn.</summary>
    internal CompiledLinear LinearAt(int layer) =>
        _linear[layer] ?? throw new InvalidOperationException($"Layer {layer} is not linear.");
}
