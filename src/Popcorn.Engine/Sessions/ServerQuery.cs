using System.Diagnostics;
using Popcorn.Engine.Linear;
using Popcorn.Engine.Model;
using Popcorn.Engine.Nonlinear;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Wire;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>One inference on the server's side: the plan's steps over encrypted values, one after the other.</summary>
internal sealed class ServerQuery(
    ServedModel model, Plan plan, Encryptor encryptor, CiphertextBatchPool pool, Connection connection,
    ReceiveTimeout receiver, ServerOptions options, CancellationToken cancellationToken)
    : IRoundExchange
{
    private readonly ServerContext _context = new(
        encryptor, pool, new Execution(options.DegreeOfParallelism, cancellationToken), new ProductCounter());

    /// <summary>Encrypted values by number (0 is the input); disposed when their last reader is done.</summary>
    private readonly CiphertextBatch?[] _values = new CiphertextBatch?[plan.Network.Layers.Count + 1];

    /// <summary>Runs the query.</summary>
    public async Task<QueryReport> RunAsync()
    {
        var clock = Stopwatch.StartNew();
        long received = connection.BytesReceived;
        long sent = connection.BytesSent;
        TimeSpan waited = connection.Waited;
        try
        {
            using var random = new SecretRandom();
            foreach (PlanStep step in plan.Steps)
            {
                await RunStepAsync(step, random).ConfigureAwait(false);
            }
        }
        finally
        {
            foreach (CiphertextBatch? value in _values)
            {
                value?.Dispose();
            }
        }

        return new QueryReport(
            model.Name, plan.KeyBits, plan.Images, clock.Elapsed.TotalSeconds,
            (clock.Elapsed - (connection.Waited - waited)).TotalSeconds, connection.BytesReceived - received,
            connection.BytesSent - sent, _context.Counter.Total);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// A few challenges travel ahead of their answers, so that both parties have work; no more, so that neither ever
    /// waits to send while the other does too.
    /// </remarks>
    public async Task RunAsync(ServerRound round)
    {
        RoundStep step = round.Step;
        round.Prepare();
        int sent = 0;
        for (int absorbed = 0; absorbed < step.Chunks; absorbed++)
        {
            for (; sent < step.Chunks && sent - absorbed < WireLimits.ChunksInFlight; sent++)
            {
                byte[] challenge = round.Challenge(sent);
                await connection.SendChunkAsync(step.Index, step.FirstOf(sent), challenge, cancellationToken)
                    .ConfigureAwait(false);
            }

            ReadOnlyMemory<byte> answer = await receiver.ReceiveChunkAsync(step.Index, step.FirstOf(absorbed))
                .ConfigureAwait(false);
            round.Absorb(absorbed, answer.Span);
            Report(step, step.FirstOf(absorbed) + step.ItemsIn(absorbed), step.Items);
        }
    }

    private async Task RunStepAsync(PlanStep step, SecretRandom random)
    {
        switch (step)
        {
            case InputStep input:
                _values[0] = await ReceiveInputAsync(input).ConfigureAwait(false);
                break;
            case LocalStep when model.Network.Layers[step.Layer] is LinearLayer or AddLayer or ConcatLayer:
                Report(step, 0, 1);
                Finish(step.Layer, RunLocally(step.Layer));
                Report(step, 1, 1);
                break;
            case LocalStep or RoundStep { Round: 0 }:
                // Later rounds of the layer belong to the same protocol run.
                NonlinearLayer layer = NonlinearLayer.For(plan, step.Layer, model.Network.Layers[step.Layer]);
                Finish(step.Layer, await layer.RunAsync(_context, InputOf(step.Layer), random, this)
                    .ConfigureAwait(false));
                break;
            case OutputStep output:
                await SendLogitsAsync(output).ConfigureAwait(false);
                break;
            default:
                break;
        }
    }

    /// <summary>A layer without the client, image by image.</summary>
    private CiphertextBatch RunLocally(int layer)
    {
        if (plan.Images == 1)
        {
            return RunLocally(layer, 0);
        }

        int size = plan.Network.Layers[layer].Output.Size;
        var result = new CiphertextBatch(_context.Key, plan.Images * size);
        try
        {
            for (int image = 0; image < plan.Images; image++)
            {
                using CiphertextBatch part = RunLocally(layer, image);
                result.Gather(part, Range(0, size), image * size);
            }

            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    private CiphertextBatch RunLocally(int layer, int image)
    {
        switch (model.Network.Layers[layer])
        {
            case ConcatLayer concat:
                return Join(concat, image);
            case AddLayer add:
                using (CiphertextBatch both = Alternate(add, image))
                {
                    return RunLinear(both);
                }

            default:
                CiphertextBatch all = InputOf(layer);
                if (plan.Images == 1)
                {
                    return RunLinear(all);
                }

                int size = all.Count / plan.Images;
                using (CiphertextBatch own = _context.Gather(all, Range(image * size, size)))
                {
                    return RunLinear(own);
                }
        }

        CiphertextBatch RunLinear(CiphertextBatch input)
        {
            CiphertextBatch result =
                LinearExecutor.Run(model.LinearAt(layer), input, _context.Execution, out long products);
            _context.Counter.Add(products);
            return result;
        }
    }

    private CiphertextBatch Join(ConcatLayer concat, int image)
    {
        var joined = new CiphertextBatch(_context.Key, concat.Output.Size);
        int next = 0;
        foreach (int value in concat.Inputs)
        {
            int size = plan.Network.ShapeOf(value).Size;
            joined.Gather(_values[value]!, Range(image * size, size), next);
            next += size;
        }

        return joined;
    }

    /// <summary>Both values of a sum, a plane of each in turn.</summary>
    private CiphertextBatch Alternate(AddLayer add, int image)
    {
        int area = add.Output.Area;
        var both = new CiphertextBatch(_context.Key, 2 * add.Output.Size);
        for (int channel = 0; channel < add.Output.Channels; channel++)
        {
            int[] plane = Range(image * add.Output.Size + channel * area, area);
            both.Gather(_values[add.Input]!, plane, 2 * channel * area);
            both.Gather(_values[add.Second]!, plane, (2 * channel + 1) * area);
        }

        return both;
    }

    private static int[] Range(int start, int count) => [.. Enumerable.Range(start, count)];

    private async Task<CiphertextBatch> ReceiveInputAsync(InputStep step)
    {
        var input = new CiphertextBatch(encryptor.Key, step.Items);
        try
        {
            for (int chunk = 0; chunk < step.Chunks; chunk++)
            {
                int first = step.FirstOf(chunk);
                int count = step.ItemsIn(chunk);
                ReadOnlyMemory<byte> bytes = await receiver.ReceiveChunkAsync(step.Index, first).ConfigureAwait(false);
                if (bytes.Length != count * encryptor.Key.CiphertextBytes)
                {
                    throw new PopcornException(
                        $"The input from {first} on has {bytes.Length} bytes instead of {count} ciphertexts; refused.");
                }

                input.Import(bytes.Span, first, count, _context.Execution);
                Report(step, first + count, step.Items);
            }

            return input;
        }
        catch
        {
            input.Dispose();
            throw;
        }
    }

    private async Task SendLogitsAsync(OutputStep step)
    {
        for (int chunk = 0; chunk < step.Chunks; chunk++)
        {
            byte[] bytes = LogitPacking.Pack(step, _context, _values[step.Layer + 1]!, chunk);
            await connection.SendChunkAsync(step.Index, step.FirstOf(chunk), bytes, cancellationToken)
                .ConfigureAwait(false);
        }
    }

    private CiphertextBatch InputOf(int layer) => _values[plan.Network.Layers[layer].Input]!;

    /// <summary>Keeps a layer's result, and lets go of what it read where no later layer does.</summary>
    private void Finish(int layer, CiphertextBatch result)
    {
        _values[layer + 1] = result;
        foreach (int input in plan.Network.Layers[layer].Inputs)
        {
            if (!plan.Network.Layers.Skip(layer + 1).Any(l => l.Inputs.Contains(input)))
            {
                _values[input]?.Dispose();
                _values[input] = null;
            }
        }
    }

    private void Report(PlanStep step, int done, int total) =>
        options.Progress?.Report(new SessionProgress(step.Name, step.Index, plan.Steps.Count, done, total));
}
