using Popcorn.Engine.Model;

namespace Popcorn.Engine.Protocols;

/// <summary>
/// A query's values as one party holds them, by number: 0 is the input, i + 1 what layer i makes. Each is disposed when
/// the last layer that reads it is done.
/// </summary>
internal sealed class ValueStore<T>(PublicNetwork network) : IDisposable
    where T : class, IDisposable
{
    private readonly T?[] _values = new T?[network.Layers.Count + 1];
    private readonly int[] _lastReader = network.LastReaders();

    /// <summary>A value.</summary>
    public T this[int value] =>
        _values[value] ?? throw new InvalidOperationException($"Value {value} is not there (any more).");

    /// <summary>Keeps the input.</summary>
    public void SetInput(T input) => _values[0] = input;

    /// <summary>Keeps what a layer made, and lets go of what no later layer reads.</summary>
    public void Finish(int layer, T result)
    {
        _values[layer + 1] = result;
        foreach (int input in network.Layers[layer].Inputs.Where(input => _lastReader[input] == layer))
        {
            _values[input]?.Dispose();
            _values[input] = null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (T? value in _values)
        {
            value?.Dispose();
        }

        Array.Clear(_values);
    }
}
