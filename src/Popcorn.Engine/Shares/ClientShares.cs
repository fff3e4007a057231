using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Popcorn.Engine.Model;
using Popcorn.Interop;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Engine.Shares;

/// <summary>
/// The client's shares of all values of a query, which are known before its input: of the input and of what is compared
/// random numbers, of a linear layer what comes back from the server, of all else what follows from these. Whoever asks
/// for one first has it made.
/// </summary>
/// <param name="plan">The plan.</param>
internal sealed class ClientShares(SharesPlan plan) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly LocalSums _sums = new(plan.Layers, Party.Client);
    private readonly Task<SecretArray<ulong>>?[] _shares =
        new Task<SecretArray<ulong>>?[plan.Network.Layers.Count + 1];

    private readonly Task<SecretArray<ulong>>?[] _boards = new Task<SecretArray<ulong>>?[plan.Network.Layers.Count];
    private readonly SecretArray<ulong>?[] _chosen = new SecretArray<ulong>?[plan.Network.Layers.Count];
    private readonly Dictionary<int, TaskCompletionSource<SecretArray<ulong>>> _products = [];
    private readonly List<SecretArray<ulong>> _all = [];

    /// <summary>The shares of a value, of all images.</summary>
    public Task<SecretArray<ulong>> Of(int value)
    {
        lock (_lock)
        {
            return _shares[value] ??= MakeAsync(value);
        }
    }

    /// <summary>The shares that a packed linear layer reads, of all images.</summary>
    public Task<SecretArray<ulong>> ReadBy(int layer) => plan.Layers.RoundsOf(layer) is null
        ? Of(plan.Network.Layers[layer].Input)
        : Task.FromResult(ChosenOf(layer)); // a copy of its input

    /// <summary>The board of a layer's comparisons: what it reads, and random results.</summary>
    public Task<SecretArray<ulong>> BoardOf(int layer)
    {
        lock (_lock)
        {
            return _boards[layer] ??= MakeBoardAsync(layer);
        }
    }

    /// <summary>Room for the shares of a linear layer's result, wiped with all others.</summary>
    public SecretArray<ulong> NewProducts(int sizeOfImage) => New(sizeOfImage);

    /// <summary>All shares of a linear layer's result are there.</summary>
    public void Complete(int value, SecretArray<ulong> shares) => SourceOf(value).SetResult(shares);

    /// <summary>Whoever waits for shares waits in vain.</summary>
    public void Fail()
    {
        foreach (int value in Enumerable.Range(1, plan.Network.Layers.Count))
        {
            if (plan.Layers.Terms[value - 1] is PackedTerms)
            {
                SourceOf(value).TrySetCanceled();
            }
        }
    }

    /// <summary>A copy of the shares of a value, which is the caller's.</summary>
    public async Task<SecretArray<ulong>> TakeAsync(int value)
    {
        SecretArray<ulong> shares = await Of(value).ConfigureAwait(false);
        var copy = new SecretArray<ulong>(shares.Length);
        shares.Span.CopyTo(copy.Span);
        return copy;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _all.ForEach(shares => shares.Dispose());
            _all.Clear();
        }
    }

    private TaskCompletionSource<SecretArray<ulong>> SourceOf(int value)
    {
        lock (_lock)
        {
            if (!_products.TryGetValue(value, out TaskCompletionSource<SecretArray<ulong>>? source))
            {
                source = new(TaskCreationOptions.RunContinuationsAsynchronously);
                _products.Add(value, source);
            }

            return source;
        }
    }

    private async Task<SecretArray<ulong>> MakeAsync(int value)
    {
        if (value == 0)
        {
            return Random(plan.Network.Input.Shape.Size);
        }

        int layer = value - 1;
        if (plan.Layers.Terms[layer] is PackedTerms)
        {
            return await SourceOf(value).Task.ConfigureAwait(false);
        }

        PublicLayer description = plan.Network.Layers[layer];
        if (plan.Layers.RoundsOf(layer) is { } rounds)
        {
            SecretArray<ulong> result = New(description.Output.Size);
            if (rounds.IsChosen)
            {
                BoardNumbers.Select(ChosenOf(layer).Span, rounds, plan.Images, result.Span, skipped: rounds.Source);
            }
            else
            {
                SecretArray<ulong> board = await BoardOf(layer).ConfigureAwait(false);
                BoardNumbers.Select(board.Span, rounds, plan.Images, result.Span);
            }

            return result;
        }

        var sources = new Dictionary<int, SecretArray<ulong>>();
        foreach (int input in description.Inputs)
        {
            sources[input] = await Of(input).ConfigureAwait(false);
        }

        SecretArray<ulong> sums = _sums.Run(layer, plan.Images, input => sources[input]);
        Keep(sums);
        return sums;
    }

    private async Task<SecretArray<ulong>> MakeBoardAsync(int layer)
    {
        LayerRounds rounds = plan.Layers.RoundsOf(layer)!;
        SecretArray<ulong> source = await Of(plan.Network.Layers[layer].Input).ConfigureAwait(false);
        SecretArray<ulong> board = New(rounds.Board);
        BoardNumbers.Put(source.Span, plan.Images, board.Span, place: 0);
        BoardNumbers.Put(ChosenOf(layer).Span, plan.Images, board.Span, rounds.Source);
        return board;
    }

    /// <summary>The client's shares of what a layer's comparisons result in, which wait for nothing.</summary>
    private SecretArray<ulong> ChosenOf(int layer)
    {
        LayerRounds rounds = plan.Layers.RoundsOf(layer)!;
        lock (_lock)
        {
            return _chosen[layer] ??= Random(rounds.Board - rounds.Source);
        }
    }

    private SecretArray<ulong> Random(int sizeOfImage)
    {
        SecretArray<ulong> numbers = New(sizeOfImage);
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(numbers.Span));
        return numbers;
    }

    private SecretArray<ulong> New(int sizeOfImage)
    {
        var shares = new SecretArray<ulong>(checked(plan.Images * sizeOfImage));
        Keep(shares);
        return shares;
    }

    private void Keep(SecretArray<ulong> shares)
    {
        lock (_lock)
        {
            _all.Add(shares);
        }
    }
}
