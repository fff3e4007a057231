using System.Diagnostics;
using System.Numerics;
using Google.Protobuf;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// The client's side of one connection: agrees on model, family and plan, then asks any number of queries, one at a
/// time: calls from several threads wait for their turns. Nothing is computed on the caller's thread.
/// </summary>
public sealed class ClientSession : IAsyncDisposable
{
    private readonly IMessageChannel _channel;
    private readonly Connection _connection;
    private readonly ClientOptions _options;
    private readonly ClientParty _party;
    private readonly PreparedQueries<ClientQuery> _prepared = new();
    private readonly SemaphoreSlim _turn = new(1, 1); // whoever has it may use the connection, and what is prepared
    private readonly CancellationTokenSource _closing = new();
    private string? _failure;

    private ClientSession(
        IMessageChannel channel, Connection connection, ClientOptions options, ClientParty party, Plan plan)
    {
        _channel = channel;
        _connection = connection;
        _options = options;
        _party = party;
        Plan = plan;
    }

    /// <summary>What the model takes.</summary>
    public InputDescription Input => Network.Input;

    /// <summary>What the server tells of the model.</summary>
    public required PublicNetwork Network { get; init; }

    /// <summary>The plan of a single image that both parties agreed on.</summary>
    internal Plan Plan { get; }

    /// <summary>Name of the family of protocols that the server took of those offered.</summary>
    public required string Family { get; init; }

    /// <summary>Whether another query may go well: none has failed half way, or was cancelled.</summary>
    public bool IsUsable => Volatile.Read(ref _failure) is null && !_closing.IsCancellationRequested;

    /// <summary>Whether a query has a part that can be done before its input is known.</summary>
    public bool CanPrepare => Plan.HasOfflineSteps;

    /// <summary>Queries that are prepared and wait for their input.</summary>
    public int PreparedCount => _prepared.Count;

    /// <summary>Prepared queries that the server keeps for this client, at most.</summary>
    public int MaxPrepared { get; private init; }

    /// <summary>Seconds spent on what all queries need: the encryption tables.</summary>
    public double TableSeconds { get; private init; }

    /// <summary>Seconds from the first message until the server was ready.</summary>
    public double SetUpSeconds { get; private init; }

    /// <summary>Bytes of messages in both directions until then.</summary>
    public long SetUpBytes { get; private init; }

    /// <summary>Opens a session over a connection, which the session owns from now on.</summary>
    /// <param name="channel">The connection.</param>
    /// <param name="key">The client's key; must outlive the session.</param>
    /// <param name="model">Name of the model.</param>
    /// <param name="options">Threads, randomness, families.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="PopcornException">
    /// The server refused (unknown model, key too small), the two do not agree on a plan, or it costs more than the
    /// client allows.
    /// </exception>
    public static async Task<ClientSession> OpenAsync(
        IMessageChannel channel, PaillierPrivateKey key, string model, ClientOptions options,
        CancellationToken cancellationToken)
    {
        var connection = new Connection(channel);
        var partyOptions = new PartyOptions(options.DegreeOfParallelism) { Profile = options.Profile };
        Dictionary<string, ClientParty> parties =
            options.Families.ToDictionary(family => family.Name, family => family.CreateClient(key, partyOptions));
        try
        {
            return await Deadline.RunAsync(
                options.OpenTimeout, "Opening the session",
                token => AgreeAsync(channel, connection, parties, model, options, token),
                cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (e is PopcornException error)
            {
                await connection.TryFailAsync(error).ConfigureAwait(false);
            }

            await channel.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        finally
        {
            // All but the one that the session keeps.
            parties.Values.ToList().ForEach(party => party.Dispose());
        }
    }

    /// <summary>
    /// Does what a query needs before its input is known, so that it is quick afterwards. Nothing to do in a family
    /// that works online only.
    /// </summary>
    /// <param name="images">Images of the query.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Gives up; the session cannot be used after that.</param>
    /// <exception cref="PopcornException">
    /// The server keeps no more than are prepared, or refuses this one (the session goes on), or it failed.
    /// </exception>
    public async Task PrepareAsync(
        int images = 1, IProgress<SessionProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        Plan plan = PlanFor(images);
        if (plan.HasOfflineSteps)
        {
            await InTurnAsync(
                RequireRoom,
                async token =>
                {
                    await PrepareAsync(plan, atOnce: false, progress, token).ConfigureAwait(false);
                    return plan;
                },
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>One inference.</summary>
    /// <param name="input">
    /// The input's integers, channel by channel, row by row. Those outside the model's range enter as its ends:
    /// <see cref="InferenceResult.Clamped"/>.
    /// </param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Gives up; the session cannot be used after that.</param>
    /// <exception cref="PopcornException">The input has another size, or the server failed.</exception>
    public async Task<InferenceResult> InferAsync(
        ReadOnlyMemory<int> input, IProgress<SessionProgress>? progress, CancellationToken cancellationToken) =>
        (await InferAsync([input], progress, cancellationToken).ConfigureAwait(false))[0];

    /// <summary>One query for several images: as many round trips as for one.</summary>
    /// <param name="inputs">For each image the input's integers, channel by channel, row by row.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Gives up; the session cannot be used after that.</param>
    /// <exception cref="PopcornException">
    /// An input has another size, these are more images than one query can hold or the server allows, as many queries
    /// of other numbers of images are prepared as the server keeps, or the server failed.
    /// </exception>
    public async Task<IReadOnlyList<InferenceResult>> InferAsync(
        IReadOnlyList<ReadOnlyMemory<int>> inputs, IProgress<SessionProgress>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        if (inputs.Count == 0)
        {
            throw new PopcornException("There is no image in the query; send one at least.");
        }

        foreach (ReadOnlyMemory<int> input in inputs)
        {
            CheckSize(input.Length);
        }

        Plan plan = PlanFor(inputs.Count);
        int size = Input.Shape.Size;
        using var values = new SecretArray<int>(checked(inputs.Count * size));

        // Not refused: whether a query follows must not tell how the values compare with a range that the server chose.
        int[] clamped = [.. inputs.Select((input, i) => InputRange.Clamp(
            input.Span, values.Span.Slice(i * size, size), Input.Minimum, Input.Maximum))];
        IReadOnlyList<InferenceResult> results = await InTurnAsync(
            RequireRoomUnlessPrepared, token => RunAsync(plan, values, progress, token), cancellationToken)
            .ConfigureAwait(false);
        return [.. results.Zip(clamped, (result, count) => result with { Clamped = count })];

        void RequireRoomUnlessPrepared()
        {
            if (plan.HasOfflineSteps && _prepared.NumberFor(plan.Images) == _prepared.Next)
            {
                RequireRoom();
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_closing.IsCancellationRequested)
        {
            return;
        }

        // What is under way gives up, and what waits for its turn does not begin.
        await _closing.CancelAsync().ConfigureAwait(false);
        await _turn.WaitAsync().ConfigureAwait(false);
        _prepared.Dispose();
        _party.Dispose();
        await _channel.DisposeAsync().ConfigureAwait(false);
        _turn.Dispose();
    }

    /// <param name="channel">The connection.</param>
    /// <param name="connection">Its frames.</param>
    /// <param name="parties">The families offered; that of the session is taken out.</param>
    /// <param name="model">Name of the model.</param>
    /// <param name="options">How the session runs.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    private static async Task<ClientSession> AgreeAsync(
        IMessageChannel channel, Connection connection, Dictionary<string, ClientParty> parties, string model,
        ClientOptions options, CancellationToken cancellationToken)
    {
        var opening = Stopwatch.StartNew();
        var hello = new Hello { Version = WireLimits.Version, Model = model };
        hello.Offers.AddRange(parties.Select(party => new Offer
        {
            Family = party.Key,
            Opening = ByteString.CopyFrom(party.Value.Opening.Span),
        }));
        await connection.SendAsync(new Frame { Hello = hello }, cancellationToken).ConfigureAwait(false);
        using var receiver = new ReceiveTimeout(connection, options.IdleTimeout, cancellationToken);
        Frame answer = await receiver.ReceiveAsync(Frame.BodyOneofCase.Welcome).ConfigureAwait(false);
        Welcome welcome = answer.Welcome;
        PublicNetwork network = PublicNetworkCodec.Decode(welcome.Network);
        options.CheckNetwork?.Invoke(network);
        ClientParty party = parties.GetValueOrDefault(welcome.Family)
            ?? throw new PopcornException(
                PopcornError.Protocol, "The server chose a family of protocols that was not offered; refused.");
        Plan plan = party.Agree(network, welcome.Terms.Span);
        plan.RequireSame(welcome.PlanHash.Span);
        options.Limits.Require(plan, party.MemoryOf(plan));
        var accept = new Accept { PlanHash = ByteString.CopyFrom(plan.Hash.Span) };
        await connection.SendAsync(new Frame { Accept = accept }, cancellationToken).ConfigureAwait(false);

        // Both parties build their tables at the same time.
        var clock = Stopwatch.StartNew();
        await party.SetUpAsync(new StepExchange(connection, receiver, null, plan, cancellationToken))
            .ConfigureAwait(false);
        double seconds = clock.Elapsed.TotalSeconds;
        await receiver.ReceiveAsync(Frame.BodyOneofCase.Ready).ConfigureAwait(false);
        parties.Remove(welcome.Family);
        return new ClientSession(channel, connection, options, party, plan)
        {
            Network = network,
            Family = welcome.Family,
            MaxPrepared = (int)Math.Min(welcome.MaxPrepared, int.MaxValue),
            TableSeconds = seconds,
            SetUpSeconds = opening.Elapsed.TotalSeconds,
            SetUpBytes = connection.Use.BytesSent + connection.Use.BytesReceived,
        };
    }

    /// <summary>Asks for no more than the server keeps: its refusal would end the session.</summary>
    private void RequireRoom()
    {
        if (_prepared.Count >= MaxPrepared)
        {
            throw new PopcornException(
                $"The server keeps {MaxPrepared} prepared queries for a client; run one first.");
        }
    }

    private Plan PlanFor(int images) => images == 1 ? Plan : _party.PlanFor(images);

    /// <summary>Does something alone on the connection.</summary>
    /// <param name="check">Throws where it should not begin: then the session goes on.</param>
    /// <param name="action">What there is to do.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private async Task<T> InTurnAsync<T>(
        Action check, Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        await _turn.WaitAsync(end.Token).ConfigureAwait(false);
        try
        {
            if (_failure is not null)
            {
                throw new PopcornException(
                    PopcornError.SessionEnded,
                    $"An earlier query of this session {_failure}; open a new session.");
            }

            check();
            return await UntilFailureAsync(action, end.Token).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Whatever fails half way leaves the parties at different places: nothing can follow it.</summary>
    private async Task<T> UntilFailureAsync<T>(
        Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        try
        {
            return await Deadline.RunAsync(_options.QueryTimeout, "The query", action, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is not PopcornException { SessionGoesOn: true })
        {
            _failure = e is OperationCanceledException ? "was cancelled" : "failed";
            switch (e)
            {
                case PopcornException { IsPeersWord: true }:
                    throw;
                case PopcornException error:
                    await _connection.TryFailAsync(error).ConfigureAwait(false);
                    throw;
                case OperationCanceledException:
                    await _connection.TryFailAsync(new PopcornException(PopcornError.Cancelled, "The client gave up."))
                        .ConfigureAwait(false);
                    throw;
                case PaillierException:
                    var bad = new PopcornException(
                        PopcornError.Protocol, $"The server sent what does not decrypt: {e.Message}", e);
                    await _connection.TryFailAsync(bad).ConfigureAwait(false);
                    throw bad;
                default:
                    throw;
            }
        }
    }

    private async Task PrepareAsync(
        Plan plan, bool atOnce, IProgress<SessionProgress>? progress, CancellationToken cancellationToken)
    {
        var clock = new PhaseClock(_connection);
        var message = new Prepare { Number = _prepared.Next, Images = (uint)plan.Images, AtOnce = atOnce };
        await _connection.SendAsync(new Frame { Prepare = message }, cancellationToken).ConfigureAwait(false);
        using var receiver = new ReceiveTimeout(_connection, _options.IdleTimeout, cancellationToken);
        Frame answer = await receiver.ReceiveAsync(Frame.BodyOneofCase.Admitted, Frame.BodyOneofCase.Refused)
            .ConfigureAwait(false);
        if (answer.Refused is Failure refused)
        {
            throw Connection.RefusalOf(refused);
        }

        ClientQuery query = _party.NewQuery(plan);
        await query.PrepareAsync(ExchangeFor(plan, receiver, progress, cancellationToken)).ConfigureAwait(false);
        _prepared.Add(new PreparedQuery<ClientQuery>(query, clock.ForClient(plan.RoundsOf(Phase.Offline))));
    }

    private async Task<IReadOnlyList<InferenceResult>> RunAsync(
        Plan plan, SecretArray<int> values, IProgress<SessionProgress>? progress, CancellationToken cancellationToken)
    {
        ulong number = _prepared.NumberFor(plan.Images);
        if (number == _prepared.Next && plan.HasOfflineSteps)
        {
            await PrepareAsync(plan, atOnce: true, progress, cancellationToken).ConfigureAwait(false);
        }

        var clock = new PhaseClock(_connection);
        using var receiver = new ReceiveTimeout(_connection, _options.IdleTimeout, cancellationToken);
        StepExchange exchange = ExchangeFor(plan, receiver, progress, cancellationToken);
        PreparedQuery<ClientQuery>? ready = _prepared.Take(number);
        using ClientQuery query = ready?.Query ?? _party.NewQuery(plan);
        if (ready is null)
        {
            await query.PrepareAsync(exchange).ConfigureAwait(false);
        }

        var message = new Query { Number = number, Images = (uint)plan.Images };
        await _connection.SendAsync(new Frame { Query = message }, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<BigInteger> logits = await query.RunAsync(values, exchange).ConfigureAwait(false);

        PhaseMeasure took = clock.ForClient(plan.RoundsOf(Phase.Online));
        var use = new QueryUse(ready?.Took.Use, took.Use);
        double work = took.WorkSeconds + (ready?.Took.WorkSeconds ?? 0);
        return
        [
            .. logits.Chunk(logits.Count / plan.Images).Select(own =>
            {
                int label = PlainEvaluator.Label(own);
                return new InferenceResult(own, label, use, work, plan.Images)
                {
                    Name = Network.ClassNames.Count > 0 ? Network.ClassNames[label] : null,
                    LogitScale = Network.LogitScale,
                };
            }),
        ];
    }

    private StepExchange ExchangeFor(
        Plan plan, ReceiveTimeout receiver, IProgress<SessionProgress>? progress,
        CancellationToken cancellationToken) =>
        new(_connection, receiver, progress, plan, cancellationToken);

    private void CheckSize(int length)
    {
        if (length != Input.Shape.Size)
        {
            throw new PopcornException(
                $"The input has {length} values and the model takes {Input.Shape.Size} ({Input.Shape}).");
        }
    }
}
