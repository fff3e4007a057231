using Google.Protobuf;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// The server's side of one connection: agrees on model, family and plan, then answers any number of queries.
/// </summary>
/// <param name="models">The models that clients can ask for.</param>
/// <param name="options">Threads, limits, reports.</param>
public sealed class ServerSession(ServedModels models, ServerOptions options)
{
    /// <summary>Refused preparations, one after the other, until a client is sent away that does not wait.</summary>
    private const int MostRefusals = 16;

    /// <summary>Runs until the client leaves.</summary>
    /// <param name="channel">The connection; the caller disposes it.</param>
    /// <param name="cancellationToken">Ends the session: the server stops, or the connection failed.</param>
    /// <exception cref="PopcornException">
    /// The client broke the protocol, sent bad data, fell silent or vanished. It has been told why, if it still
    /// listens.
    /// </exception>
    public async Task RunAsync(IMessageChannel channel, CancellationToken cancellationToken)
    {
        var connection = new Connection(channel);
        try
        {
            await RunAsync(connection, cancellationToken).ConfigureAwait(false);
        }
        catch (PopcornException e)
        {
            await connection.TryFailAsync(e).ConfigureAwait(false);
            throw;
        }
        catch (PaillierException e)
        {
            var bad = new PopcornException(PopcornError.Protocol, e.Message, e);
            await connection.TryFailAsync(bad).ConfigureAwait(false);
            throw bad;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Whoever runs the session also cancels it when the connection fails while it computes.
            PopcornException? lost = await connection.TryFindLossAsync().ConfigureAwait(false);
            await connection.TryFailAsync(lost ?? Stopped()).ConfigureAwait(false);
            if (lost is null)
            {
                throw;
            }

            throw lost;
        }
    }

    private async Task RunAsync(Connection connection, CancellationToken cancellationToken)
    {
        using var receiver = new ReceiveTimeout(
            connection, options.HandshakeTimeout, cancellationToken, Refusal.Handshake);
        Frame? first = await receiver.TryReceiveAsync().ConfigureAwait(false);
        if (first is null)
        {
            return;
        }

        Hello hello = first.Hello ?? throw new PopcornException(
            PopcornError.Protocol, $"The client sent {first.BodyCase} before Hello.");
        ServedModel model = Rent(hello);
        try
        {
            await ServeAsync(model, hello, connection, receiver, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            models.Return(model);
        }
    }

    private async Task ServeAsync(
        ServedModel model, Hello hello, Connection connection, ReceiveTimeout receiver,
        CancellationToken cancellationToken)
    {
        (await AdmitAsync(new QueryRequest(model.Name, Images: 0)).ConfigureAwait(false))?.Dispose();
        List<(Family Family, ByteString Opening)> common = CommonFamilies(model, hello);
        var resources = new SessionResources(
            options.Resources, options.Client ?? options.Resources.NewAccount(), options.DegreeOfParallelism);
        using var pace = new SessionPace(resources, cancellationToken);
        await pace.ResumeAsync().ConfigureAwait(false);
        var partyOptions = new PartyOptions(options.DegreeOfParallelism)
        {
            MinimumKeyBits = options.MinimumKeyBits,
            AcceptShortOrder = options.AcceptShortOrder,
            KeyOptions = options.KeyOptions,
            Resources = resources,
        };
        (Family family, ServerParty admitted, Plan plan) = Admit(model, common, partyOptions);
        using ServerParty party = admitted;
        pace.Rest();
        var welcome = new Welcome
        {
            Network = PublicNetworkCodec.Encode(model.Public),
            PlanHash = ByteString.CopyFrom(plan.Hash.Span),
            Family = family.Name,
            Terms = ByteString.CopyFrom(party.Terms.Span),
            MaxPrepared = (uint)Math.Min(
                options.MaxPreparedQueries, resources.Client.Allowance.Bundles),
        };
        await connection.SendAsync(new Frame { Welcome = welcome }, cancellationToken).ConfigureAwait(false);
        receiver.SetLimit(options.HandshakeTimeout - connection.Use.Waited, Refusal.Handshake);
        Frame answer = await receiver.ReceiveAsync(Frame.BodyOneofCase.Accept).ConfigureAwait(false);
        plan.RequireSame(answer.Accept.PlanHash.Span);

        receiver.SetLimit(options.StallTimeout, Refusal.Stalled);
        await party.SetUpAsync(ExchangeFor(plan)).ConfigureAwait(false);
        pace.Rest();
        await connection.SendAsync(new Frame { Ready = new Ready() }, cancellationToken).ConfigureAwait(false);
        using var prepared = new PreparedQueries<ServerQuery>(change =>
        {
            options.Resources.CountPrepared(change);
            resources.Client.EndPrepared(change < 0 ? -change : 0); // that there is one more was counted before
        });
        bool isQueryDue = false;
        int refusals = 0;
        while (await NextAsync().ConfigureAwait(false) is Frame frame)
        {
            switch (frame.BodyCase)
            {
                case Frame.BodyOneofCase.Prepare:
                    await PrepareAsync(frame.Prepare).ConfigureAwait(false);
                    break;
                case Frame.BodyOneofCase.Query:
                    await AnswerAsync(frame.Query).ConfigureAwait(false);
                    break;
                default:
                    throw new PopcornException(
                        PopcornError.Protocol, $"The client sent {frame.BodyCase} where Query was due.");
            }
        }

        async ValueTask<Frame?> NextAsync()
        {
            pace.Rest();
            if (isQueryDue)
            {
                // Its preparation was most of the query under way, which is not given up.
                receiver.SetLimit(options.StallTimeout, Refusal.Stalled);
                return await receiver.TryReceiveAsync().ConfigureAwait(false);
            }

            // Even if the next query is here already: a client that asks without a pause would hold the server up until
            // its patience ends, and then lose a query that had begun.
            if (options.Stopping.IsCancellationRequested)
            {
                throw Stopped();
            }

            receiver.SetLimit(options.IdleTimeout, Refusal.Idle);
            try
            {
                return await receiver.TryReceiveAsync(options.Stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException e) when (
                options.Stopping.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw Stopped(e);
            }
        }

        ValueTask<IDisposable?> AdmitAsync(QueryRequest request) =>
            options.Admit?.Invoke(request, cancellationToken) ?? default;

        QueryRequest RequestFor(Plan of) => new(model.Name, of.Images);

        StepExchange ExchangeFor(Plan of, PhaseTrace? trace = null) =>
            new(connection, receiver, trace?.Progress ?? options.Progress, of, cancellationToken, pace);

        // Where nobody listens it costs an object.
        async Task TraceAsync(PhaseTrace trace, Plan of, Func<Task<PhaseMeasure>> phase)
        {
            trace.Asked(model.Name, family.Name, of.Images);
            try
            {
                trace.Done(await phase().ConfigureAwait(false));
            }
            catch (Exception e)
            {
                trace.Failed(e);
                throw;
            }
        }

        ValueTask<MemoryReservation> ReserveAsync(Plan of, long bytes) => resources.ReserveAsync(
            bytes, of.Images == 1 ? "an image" : $"{of.Images} images", cancellationToken);

        // Memory first, then tables, the turn last: nobody waits for memory while others wait for its turn to end.
        async Task<ServerQuery> NewQueryAsync(Plan of)
        {
            MemoryReservation memory =
                await ReserveAsync(of, QueryMemory.Of(of, model.In(family))).ConfigureAwait(false);
            ServerQuery query;
            try
            {
                query = await party.NewQueryAsync(of, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                memory.Dispose();
                throw;
            }

            query.Memory = memory;
            return query;
        }

        // What was prepared may have waited for long: whoever may no longer ask gets no answer by it either.
        async Task<IDisposable?> AdmitToRunAsync(Plan of, ServerQuery? ready)
        {
            try
            {
                return await AdmitAsync(RequestFor(of) with { IsPrepared = ready is not null }).ConfigureAwait(false);
            }
            catch
            {
                ready?.Dispose();
                throw;
            }
        }

        async Task<MemoryReservation> ReserveForWorkAsync(ServerQuery query)
        {
            try
            {
                long all = QueryMemory.Of(query.Plan, model.In(family));
                return await ReserveAsync(query.Plan, all - model.In(family).BundleBytes(query.Plan))
                    .ConfigureAwait(false);
            }
            catch
            {
                query.Dispose();
                throw;
            }
        }

        async Task PlayAsync(ServerQuery query, Func<IExchange, Task> part, PhaseTrace trace, bool leave = false)
        {
            receiver.SetLimit(options.StallTimeout, Refusal.Stalled);
            try
            {
                if (leave)
                {
                    await connection.SendAsync(new Frame { Admitted = new Admitted() }, cancellationToken)
                        .ConfigureAwait(false);
                }

                await pace.ResumeAsync().ConfigureAwait(false);
            }
            catch
            {
                query.Dispose();
                throw;
            }

            await part(ExchangeFor(query.Plan, trace)).ConfigureAwait(false);
        }

        async Task PrepareAsync(Prepare message)
        {
            if (message.Number != prepared.Next)
            {
                throw new PopcornException(
                    PopcornError.Protocol,
                    $"The client prepares query {message.Number} where {prepared.Next} was due.");
            }

            if (prepared.Count >= options.MaxPreparedQueries)
            {
                throw new PopcornException(
                    PopcornError.Protocol,
                    $"This server keeps {options.MaxPreparedQueries} prepared queries for a client; run one first.");
            }

            var clock = new PhaseClock(connection);
            Plan of = PlanFor(party, message.Images);
            using var trace = new PhaseTrace(options, "popcorn.prepare");
            isQueryDue = false;
            bool isAdmitted = false;
            try
            {
                await TraceAsync(trace, of, () => CountedAsync(async () =>
                {
                    using IDisposable? permit = await AdmitAsync(RequestFor(of)).ConfigureAwait(false);
                    ServerQuery query = await NewQueryAsync(of).ConfigureAwait(false);
                    isAdmitted = true;
                    refusals = 0;
                    await PlayAsync(query, query.PrepareAsync, trace, leave: true).ConfigureAwait(false);

                    // Others may work with the rest until the query is run, which asks for it again.
                    query.Memory?.ShrinkTo(model.In(family).BundleBytes(of));
                    PhaseMeasure took = clock.ForServer(of.RoundsOf(Phase.Offline));
                    prepared.Add(new PreparedQuery<ServerQuery>(query, took, trace.Context));
                    return took;
                })).ConfigureAwait(false);
                isQueryDue = message.AtOnce;
            }
            catch (PopcornException e) when (
                !isAdmitted && e.Error != PopcornError.Protocol && ++refusals < MostRefusals)
            {
                options.QueryRefused?.Invoke(e);
                await connection.RefuseAsync(e, cancellationToken).ConfigureAwait(false);
            }
        }

        // All sessions of a client together keep no more than it may have.
        async Task<PhaseMeasure> CountedAsync(Func<Task<PhaseMeasure>> prepare)
        {
            if (!resources.Client.TryPrepare())
            {
                throw new PopcornException(
                    $"You have {resources.Client.Allowance.Bundles} prepared queries here, as many as you may; "
                    + "run one first.")
                {
                    Refusal = Refusal.Quota,
                };
            }

            try
            {
                return await prepare().ConfigureAwait(false);
            }
            catch
            {
                resources.Client.EndPrepared(1);
                throw;
            }
        }

        async Task AnswerAsync(Query message)
        {
            var clock = new PhaseClock(connection);
            isQueryDue = false;
            PreparedQuery<ServerQuery>? ready = prepared.Take(message.Number);
            Plan of = ready?.Query.Plan ?? PlanFor(party, message.Images);
            if (ready is null && of.HasOfflineSteps)
            {
                throw new PopcornException(
                    PopcornError.Protocol, $"Query {message.Number} was not prepared; prepare it first.");
            }

            using var trace = new PhaseTrace(options, "popcorn.query", ready?.Trace ?? default);
            await TraceAsync(trace, of, () => RunAsync(clock, of, ready, trace)).ConfigureAwait(false);
        }

        async Task<PhaseMeasure> RunAsync(
            PhaseClock clock, Plan of, PreparedQuery<ServerQuery>? ready, PhaseTrace trace)
        {
            using IDisposable? permit = await AdmitToRunAsync(of, ready?.Query).ConfigureAwait(false);
            ServerQuery query = ready?.Query ?? await NewQueryAsync(of).ConfigureAwait(false);
            using MemoryReservation? work =
                ready is null ? null : await ReserveForWorkAsync(query).ConfigureAwait(false);
            if (ready is null)
            {
                await PlayAsync(query, query.PrepareAsync, trace).ConfigureAwait(false);
            }

            await PlayAsync(query, query.RunAsync, trace).ConfigureAwait(false);
            PhaseMeasure took = clock.ForServer(of.RoundsOf(Phase.Online));
            options.QueryDone?.Invoke(new QueryReport(
                model.Name, party.KeyBits, of.Images, new QueryUse(ready?.Took.Use, took.Use),
                took.WorkSeconds + (ready?.Took.WorkSeconds ?? 0), query.Products));
            return took;
        }
    }

    private static PopcornException Stopped(Exception? inner = null) =>
        new(PopcornError.Busy, "The server is shutting down; try again later.", inner);

    private static Plan PlanFor(ServerParty party, uint images) =>
        party.PlanFor((int)Math.Clamp(images, 1, int.MaxValue));

    private ServedModel Rent(Hello hello)
    {
        if (hello.Version != WireLimits.Version)
        {
            throw new PopcornException(
                PopcornError.Protocol,
                $"The client speaks protocol version {hello.Version}, this server {WireLimits.Version}; update one.");
        }

        return models.Rent(hello.Model) ?? throw new PopcornException(
            PopcornError.Refused, $"No model '{OneLine.Of(hello.Model, 64)}' here; this server has {Names()}.");

        string Names()
        {
            string names = string.Join(
                ", ", models.All.Select(model => model.Name).Where(name => options.Shows?.Invoke(name) != false));
            return names.Length > 0 ? names : "none for you";
        }
    }

    /// <summary>The server's families that the client speaks too, in the server's order.</summary>
    private static List<(Family Family, ByteString Opening)> CommonFamilies(ServedModel model, Hello hello)
    {
        IReadOnlyList<Family> own = model.Families;
        List<(Family, ByteString)> common =
        [
            .. from family in own
               let offer = hello.Offers.FirstOrDefault(offer => offer.Family == family.Name)
               where offer is not null
               select (family, offer.Opening),
        ];
        if (common.Count == 0)
        {
            string offered = OneLine.Of(string.Join(", ", hello.Offers.Select(offer => offer.Family)), 64);
            throw new PopcornException(
                PopcornError.Refused,
                $"The client speaks the protocols {(offered.Length > 0 ? offered : "of no family")} and this server "
                + $"{string.Join(", ", own.Select(family => family.Name))}; update one.");
        }

        return common;
    }

    /// <summary>Lets the client in by the first family that takes its key and has a plan under it.</summary>
    /// <exception cref="PopcornException">No family does; the first says why.</exception>
    private static (Family Family, ServerParty Party, Plan Plan) Admit(
        ServedModel model, List<(Family Family, ByteString Opening)> common, PartyOptions options)
    {
        PopcornException? why = null;
        foreach ((Family family, ByteString opening) in common)
        {
            ServerParty? party = null;
            try
            {
                party = model.In(family).Admit(opening.Span, options);
                return (family, party, party.PlanFor(1));
            }
            catch (PopcornException e)
            {
                party?.Dispose();
                why ??= e;
            }
            catch
            {
                party?.Dispose();
                throw;
            }
        }

        throw why!;
    }
}
