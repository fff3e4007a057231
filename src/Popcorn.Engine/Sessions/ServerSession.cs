using System.Security.Cryptography;
using Google.Protobuf;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// The server's side of one connection: agrees on model, key and plan, then answers any number of queries.
/// </summary>
/// <param name="models">Models by name.</param>
/// <param name="options">Threads, limits, reports.</param>
public sealed class ServerSession(IReadOnlyDictionary<string, ServedModel> models, ServerOptions options)
{
    /// <summary>Runs until the client leaves.</summary>
    /// <param name="channel">The connection; the caller disposes it.</param>
    /// <param name="cancellationToken">Ends the session.</param>
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
            await connection.TryFailAsync(e.Message).ConfigureAwait(false);
            throw;
        }
        catch (PaillierException e)
        {
            await connection.TryFailAsync(e.Message).ConfigureAwait(false);
            throw new PopcornException(e.Message, e);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await connection.TryFailAsync("The server is shutting down; try again later.").ConfigureAwait(false);
            throw;
        }
    }

    private async Task RunAsync(Connection connection, CancellationToken cancellationToken)
    {
        using var receiver = new ReceiveTimeout(connection, options.IdleTimeout, cancellationToken);
        Frame? first = await receiver.TryReceiveAsync().ConfigureAwait(false);
        if (first is null)
        {
            return;
        }

        Hello hello = first.Hello ?? throw new PopcornException($"The client sent {first.BodyCase} before Hello.");
        ServedModel model = FindModel(hello);
        using PaillierPublicKey key = ImportKey(hello);
        Plan plan = model.PlanFor(key.Bits);
        await AgreeAsync(connection, receiver, model, plan, cancellationToken).ConfigureAwait(false);

        using var encryptor = new Encryptor(key, TableSize.ForServer(plan));
        using var pool = new CiphertextBatchPool(key);
        await connection.SendAsync(new Frame { Ready = new Ready() }, cancellationToken).ConfigureAwait(false);
        while (await receiver.TryReceiveAsync().ConfigureAwait(false) is Frame frame)
        {
            if (frame.BodyCase != Frame.BodyOneofCase.Query)
            {
                throw new PopcornException($"The client sent {frame.BodyCase} where Query was due.");
            }

            var query = new ServerQuery(
                model, PlanFor(model, key.Bits, frame.Query), encryptor, pool, connection, receiver, options, cancellationToken);
            QueryReport report = await query.RunAsync().ConfigureAwait(false);
            options.QueryDone?.Invoke(report);
        }
    }

    private static async Task AgreeAsync(
        Connection connection, ReceiveTimeout receiver, ServedModel model, Plan plan,
        CancellationToken cancellationToken)
    {
        var welcome = new Welcome
        {
            Network = PublicNetworkCodec.Encode(model.Public),
            PlanHash = ByteString.CopyFrom(plan.Hash.Span),
            ChunkCiphertexts = (uint)plan.ChunkCiphertexts,
        };
        await connection.SendAsync(new Frame { Welcome = welcome }, cancellationToken).ConfigureAwait(false);
        Frame answer = await receiver.ReceiveAsync(Frame.BodyOneofCase.Accept).ConfigureAwait(false);
        if (!CryptographicOperations.FixedTimeEquals(answer.Accept.PlanHash.Span, plan.Hash.Span))
        {
            throw new PopcornException(
                "Client and server derive different plans from this model; use the same version on both sides.");
        }
    }

    private Plan PlanFor(ServedModel model, int keyBits, Query query)
    {
        Plan plan = model.PlanFor(keyBits, (int)Math.Clamp(query.Images, 1, int.MaxValue));
        return plan.Images == 1 || QueryMemory.Of(plan) <= options.BatchMemoryBytes
            ? plan
            : throw new PopcornException(
                $"{plan.Images} images would take {QueryMemory.Of(plan) >> 20} MiB and this server allows "
                + $"{options.BatchMemoryBytes >> 20}; send fewer at once.");
    }

    private ServedModel FindModel(Hello hello)
    {
        if (hello.Version != WireLimits.Version)
        {
            throw new PopcornException(
                $"The client speaks protocol version {hello.Version}, this server {WireLimits.Version}; update one.");
        }

        return models.TryGetValue(hello.Model, out ServedModel? model)
            ? model
            : throw new PopcornException(
                $"No model '{OneLine.Of(hello.Model, 64)}' here; "
                + $"this server has {string.Join(", ", models.Keys.Order())}.");
    }

    /// <summary>
    /// The client's modulus with a base of the server's own: re-randomisation has to hide from the client, who knows
    /// the factors and may have chosen its base badly.
    /// </summary>
    private PaillierPublicKey ImportKey(Hello hello)
    {
        using PaillierPublicKey key = PaillierPublicKey.Import(hello.PublicKey.Span, options.KeyOptions);
        return key.Bits >= options.MinimumKeyBits
            ? key.WithFreshBase(options.KeyOptions)
            : throw new PopcornException(
                $"The key has {key.Bits} bits and this server asks for {options.MinimumKeyBits} at least; "
                + "make a larger one.");
    }
}
