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
    /// The client broke the protocol, sent bad data, fell silent or vanished. It has been told why, if it still listens.
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
        using var patience = new Patience(connection, options.IdleTimeout, cancellationToken);
        Frame? first = await patience.TryReceiveAsync().ConfigureAwait(false);
        if (first is null)
        {
            return;
        }

        Hello hello = first.Hello ?? throw new PopcornException($"The client sent {first.BodyCase} before Hello.");
        ServedModel model = FindModel(hello);
        using PaillierPublicKey key = ImportKey(hello);
        Plan plan = Plan.Create(model.Public, key.Bits);
        await AgreeAsync(connection, patience, model, plan, cancellationToken).ConfigureAwait(false);

        using var encryptor = new Encryptor(
            key, TableSize.For(options.Profile, key.Bits, TableSize.ServerRerandomisations(plan)));
        while (await patience.TryReceiveAsync().ConfigureAwait(false) is Frame frame)
        {
            if (frame.BodyCase != Frame.BodyOneofCase.Query)
            {
                throw new PopcornException($"The client sent {frame.BodyCase} where Query was due.");
            }

            var query = new ServerQuery(model, plan, encryptor, connection, patience, options, cancellationToken);
            QueryReport report = await query.RunAsync().ConfigureAwait(false);
            options.QueryDone?.Invoke(report);
        }
    }

    private static async Task AgreeAsync(
        Connection connection, Patience patience, ServedModel model, Plan plan, CancellationToken cancellationToken)
    {
        var welcome = new Welcome
        {
            Network = PublicNetworkCodec.Encode(model.Public),
            PlanHash = ByteString.CopyFrom(plan.Hash.Span),
        };
        await connection.SendAsync(new Frame { Welcome = welcome }, cancellationToken).ConfigureAwait(false);
        Frame answer = await patience.ReceiveAsync(Frame.BodyOneofCase.Accept).ConfigureAwait(false);
        if (!CryptographicOperations.FixedTimeEquals(answer.Accept.PlanHash.Span, plan.Hash.Span))
        {
            throw new PopcornException(
                "Client and server derive different plans from this model; use the same version on both sides.");
        }
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
                $"No model '{hello.Model}' here; this server has {string.Join(", ", models.Keys.Order())}.");
    }

    private PaillierPublicKey ImportKey(Hello hello)
    {
        PaillierPublicKey key = PaillierPublicKey.Import(hello.PublicKey.Span, options.KeyOptions);
        if (key.Bits < options.MinimumKeyBits)
        {
            int bits = key.Bits;
            key.Dispose();
            throw new PopcornException(
                $"The key has {bits} bits and this server asks for {options.MinimumKeyBits} at least; make a larger one.");
        }

        return key;
    }
}
