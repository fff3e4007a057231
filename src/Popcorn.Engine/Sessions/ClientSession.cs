using System.Diagnostics;
using System.Numerics;
using System.Security.Cryptography;
using Google.Protobuf;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Nonlinear;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// The client's side of one connection: agrees on model, key and plan, then asks any number of queries, one at a time.
/// </summary>
public sealed class ClientSession : IAsyncDisposable
{
    private readonly IMessageChannel _channel;
    private readonly Connection _connection;
    private readonly Encryptor _encryptor;
    private readonly CiphertextBatchPool _pool;
    private readonly ClientRound _rounds;
    private readonly ClientOptions _options;
    private ulong _queries;
    private bool _broken;

    private ClientSession(
        IMessageChannel channel, Connection connection, PaillierPrivateKey key, Plan plan, ClientOptions options)
    {
        _channel = channel;
        _connection = connection;
        _options = options;
        Plan = plan;
        var clock = Stopwatch.StartNew();
        _encryptor = new Encryptor(key, TableSize.ForClient(plan, options.Profile));
        TableSeconds = clock.Elapsed.TotalSeconds;
        _pool = new CiphertextBatchPool(key.PublicKey);
        _rounds = new ClientRound(_encryptor, new Decryptor(key), _pool, new Execution(options.DegreeOfParallelism));
    }

    /// <summary>What the model takes.</summary>
    public InputDescription Input => Plan.Network.Input;

    /// <summary>The plan that both parties agreed on.</summary>
    public Plan Plan { get; }

    /// <summary>Seconds spent on the encryption tables.</summary>
    public double TableSeconds { get; }

    /// <summary>Opens a session over a connection, which the session owns from now on.</summary>
    /// <param name="channel">The connection.</param>
    /// <param name="key">The client's key; must outlive the session.</param>
    /// <param name="model">Name of the model.</param>
    /// <param name="options">Threads and randomness.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="PopcornException">
    /// The server refused (unknown model, key too small) or the two do not agree on a plan.
    /// </exception>
    public static async Task<ClientSession> OpenAsync(
        IMessageChannel channel, PaillierPrivateKey key, string model, ClientOptions options,
        CancellationToken cancellationToken)
    {
        var connection = new Connection(channel);
        try
        {
            var hello = new Hello
            {
                Version = WireLimits.Version,
                Model = model,
                PublicKey = ByteString.CopyFrom(key.PublicKey.Export()),
            };
            await connection.SendAsync(new Frame { Hello = hello }, cancellationToken).ConfigureAwait(false);
            using var receiver = new ReceiveTimeout(connection, options.IdleTimeout, cancellationToken);
            Frame answer = await receiver.ReceiveAsync(Frame.BodyOneofCase.Welcome).ConfigureAwait(false);
            Plan plan = Plan.Create(
                PublicNetworkCodec.Decode(answer.Welcome.Network), key.PublicKey.Bits,
                chunkCiphertexts: (int)Math.Min(answer.Welcome.ChunkCiphertexts, int.MaxValue));
            if (!CryptographicOperations.FixedTimeEquals(answer.Welcome.PlanHash.Span, plan.Hash.Span))
            {
                throw new PopcornException(
                    "Client and server derive different plans from this model; use the same version on both sides.");
            }

            var accept = new Accept { PlanHash = ByteString.CopyFrom(plan.Hash.Span) };
            await connection.SendAsync(new Frame { Accept = accept }, cancellationToken).ConfigureAwait(false);

            // Both parties build their tables at the same time.
            var session = new ClientSession(channel, connection, key, plan, options);
            await receiver.ReceiveAsync(Frame.BodyOneofCase.Ready).ConfigureAwait(false);
            return session;
        }
        catch (PopcornException e)
        {
            await connection.TryFailAsync(e.Message).ConfigureAwait(false);
            await channel.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        catch
        {
            await channel.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>One inference.</summary>
    /// <param name="input">The input's integers, channel by channel, row by row.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Gives up; the session cannot be used after that.</param>
    /// <exception cref="PopcornException">The input does not fit, or the server failed.</exception>
    public async Task<InferenceResult> InferAsync(
        ReadOnlyMemory<int> input, IProgress<SessionProgress>? progress, CancellationToken cancellationToken) =>
        (await InferAsync([input], progress, cancellationToken).ConfigureAwait(false))[0];

    /// <summary>One query for several images: as many round trips as for one.</summary>
    /// <param name="inputs">For each image the input's integers, channel by channel, row by row.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Gives up; the session cannot be used after that.</param>
    /// <exception cref="PopcornException">
    /// An input does not fit, these are more images than one query can hold or the server allows, or the server failed.
    /// </exception>
    public async Task<IReadOnlyList<InferenceResult>> InferAsync(
        IReadOnlyList<ReadOnlyMemory<int>> inputs, IProgress<SessionProgress>? progress,
        CancellationToken cancellationToken)
    {
        foreach (ReadOnlyMemory<int> input in inputs)
        {
            CheckInput(input.Span);
        }

        Plan plan = inputs.Count == 1
            ? Plan
            : Plan.Create(Plan.Network, Plan.KeyBits, inputs.Count, Plan.ChunkCiphertexts);
        if (_broken)
        {
            throw new PopcornException("An earlier query of this session failed; open a new session.");
        }

        int[] values = new int[inputs.Count * Input.Shape.Size];
        for (int i = 0; i < inputs.Count; i++)
        {
            inputs[i].CopyTo(values.AsMemory(i * Input.Shape.Size));
        }

        _broken = true;
        try
        {
            IReadOnlyList<InferenceResult> results =
                await RunAsync(plan, values, progress, cancellationToken).ConfigureAwait(false);
            _broken = false;
            return results;
        }
        catch (Exception e) when (e is PopcornException or PaillierException or OperationCanceledException)
        {
            if (e is not PopcornException { IsPeersWord: true })
            {
                string why = e is OperationCanceledException ? "The client gave up." : e.Message;
                await _connection.TryFailAsync(why).ConfigureAwait(false);
            }

            if (e is PaillierException)
            {
                throw new PopcornException($"The server sent what does not decrypt: {e.Message}", e);
            }

            throw;
        }
        finally
        {
            Array.Clear(values);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _encryptor.Dispose();
        _pool.Dispose();
        await _channel.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<IReadOnlyList<InferenceResult>> RunAsync(
        Plan plan, int[] values, IProgress<SessionProgress>? progress, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        long sent = _connection.BytesSent;
        long received = _connection.BytesReceived;
        TimeSpan waited = _connection.Waited;
        using var receiver = new ReceiveTimeout(_connection, _options.IdleTimeout, cancellationToken);
        var query = new Query { Number = _queries++, Images = (uint)plan.Images };
        await _connection.SendAsync(new Frame { Query = query }, cancellationToken).ConfigureAwait(false);

        var logits = new List<BigInteger>();
        foreach (ExchangeStep step in plan.Steps.OfType<ExchangeStep>())
        {
            for (int chunk = 0; chunk < step.Chunks; chunk++)
            {
                await RunChunkAsync(step, chunk).ConfigureAwait(false);
                int done = step.FirstOf(chunk) + step.ItemsIn(chunk);
                progress?.Report(new SessionProgress(step.Name, step.Index, plan.Steps.Count, done, step.Items));
            }
        }

        double seconds = clock.Elapsed.TotalSeconds;
        double work = seconds - (_connection.Waited - waited).TotalSeconds;
        long up = (_connection.BytesSent - sent) / plan.Images;
        long down = (_connection.BytesReceived - received) / plan.Images;
        return
        [
            .. logits.Chunk(logits.Count / plan.Images).Select(own => new InferenceResult(
                own, PlainEvaluator.Label(own), seconds, work, up, down, plan.Rounds, plan.Images)),
        ];

        async ValueTask RunChunkAsync(ExchangeStep step, int chunk)
        {
            int first = step.FirstOf(chunk);
            if (step is InputStep)
            {
                byte[] ciphertexts = EncryptInput(values.AsSpan(first, step.ItemsIn(chunk)));
                await _connection.SendChunkAsync(step.Index, first, ciphertexts, cancellationToken)
                    .ConfigureAwait(false);
                return;
            }

            ReadOnlyMemory<byte> received = await receiver.ReceiveChunkAsync(step.Index, first).ConfigureAwait(false);
            if (step is OutputStep output)
            {
                logits.AddRange(_rounds.Logits(output, chunk, received.Span));
                return;
            }

            byte[] answer = _rounds.Answer((RoundStep)step, chunk, received.Span);
            await _connection.SendChunkAsync(step.Index, first, answer, cancellationToken).ConfigureAwait(false);
        }
    }

    private void CheckInput(ReadOnlySpan<int> input)
    {
        if (input.Length != Input.Shape.Size)
        {
            throw new PopcornException(
                $"The input has {input.Length} values and the model takes {Input.Shape.Size} ({Input.Shape}).");
        }

        int outside = input.IndexOfAnyExceptInRange(Input.Minimum, Input.Maximum);
        if (outside >= 0)
        {
            throw new PopcornException(
                $"Input value {outside} is {input[outside]}; the model takes {Input.Minimum} to {Input.Maximum}.");
        }
    }

    private byte[] EncryptInput(ReadOnlySpan<int> values)
    {
        var plaintexts = new long[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            plaintexts[i] = values[i];
        }

        var execution = new Execution(_options.DegreeOfParallelism);
        using CiphertextBatch batch = _pool.Rent(values.Length);
        _encryptor.Encrypt(plaintexts, batch, 0, execution);
        Array.Clear(plaintexts);
        var bytes = new byte[values.Length * _encryptor.Key.CiphertextBytes];
        batch.Export(0, values.Length, bytes, execution);
        return bytes;
    }
}
