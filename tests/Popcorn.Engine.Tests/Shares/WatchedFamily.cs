using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Shares;
using Popcorn.Interop;
using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>The shares family, which shows what a session's parties hold.</summary>
/// <param name="party">Is told of the client's party that is made.</param>
internal sealed class WatchedFamily(Action<WatchedParty>? party = null) : Family
{
    private readonly SharesFamily _inner = new();

    public override string Name => _inner.Name;

    /// <summary>Is told of the server's party that is made within this flow.</summary>
    public static AsyncLocal<Action<WatchedParty>?> OnAdmit { get; } = new();

    internal override ServerModel Compile(IntegerNetwork network, PublicNetwork description) =>
        new Model(_inner.Compile(network, description));

    internal override ClientParty CreateClient(PaillierPrivateKey key, PartyOptions options)
    {
        var client = new Client((SharesClient)_inner.CreateClient(key, options));
        party?.Invoke(client.Watched);
        return client;
    }

    private sealed class Model(ServerModel inner) : ServerModel
    {
        public override Plan PlanFor(int keyBits, int images = 1, KeyOrder order = KeyOrder.Full) =>
            inner.PlanFor(keyBits, images, order);

        public override (string Strategy, double Products) Inspect(Plan plan, int layer) => inner.Inspect(plan, layer);

        public override long WorkBytes(Plan plan, int layer) => inner.WorkBytes(plan, layer);

        public override long BundleBytes(Plan plan) => inner.BundleBytes(plan);

        public override ServerParty Admit(ReadOnlySpan<byte> opening, PartyOptions options)
        {
            var server = new Server((SharesServer)inner.Admit(opening, options));
            OnAdmit.Value?.Invoke(server.Watched);
            return server;
        }

        public override void Dispose() => inner.Dispose();
    }

    private sealed class Server(SharesServer inner) : ServerParty
    {
        public WatchedParty Watched { get; } = new(
            () => Fields.TransfersOf(inner), () => Fields.KeyOf(inner).Dispose());

        public override ReadOnlyMemory<byte> Terms => inner.Terms;

        public override int KeyBits => inner.KeyBits;

        public override Plan PlanFor(int images) => inner.PlanFor(images);

        public override Task SetUpAsync(IExchange exchange) => inner.SetUpAsync(exchange);

        public override async ValueTask<ServerQuery> NewQueryAsync(Plan plan, CancellationToken cancellationToken)
        {
            ServerQuery query = await inner.NewQueryAsync(plan, cancellationToken);
            Watched.Queries.Enqueue(query);
            return query;
        }

        public override void Dispose() => inner.Dispose();
    }

    private sealed class Client(SharesClient inner) : ClientParty
    {
        public WatchedParty Watched { get; } = new(
            () => Fields.TransfersOf(inner),
            () =>
            {
                Fields.TablesOf(inner)!.Dispose();
                Fields.PoolOf(inner).Dispose();
            });

        public override ReadOnlyMemory<byte> Opening => inner.Opening;

        public override Plan Agree(PublicNetwork network, ReadOnlySpan<byte> terms) => inner.Agree(network, terms);

        public override Plan PlanFor(int images) => inner.PlanFor(images);

        public override long MemoryOf(Plan plan) => inner.MemoryOf(plan);

        public override Task SetUpAsync(IExchange exchange) => inner.SetUpAsync(exchange);

        public override ClientQuery NewQuery(Plan plan)
        {
            ClientQuery query = inner.NewQuery(plan);
            Watched.Queries.Enqueue(query);
            return query;
        }

        public override void Dispose() => inner.Dispose();
    }

    private static class Fields
    {
        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_transfers")]
        public static extern ref ShareTransfers? TransfersOf(SharesClient client);

        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_transfers")]
        public static extern ref ShareTransfers? TransfersOf(SharesServer server);

        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_tables")]
        public static extern ref OwnerTables? TablesOf(SharesClient client);

        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_pool")]
        public static extern ref CiphertextBatchPool PoolOf(SharesClient client);

        [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_key")]
        public static extern ref PaillierPublicKey KeyOf(SharesServer server);
    }
}

/// <summary>What a party of a session holds.</summary>
/// <param name="transfers">Its end of the transfers; null until they are set up.</param>
/// <param name="endNative">Disposes the native objects that it holds between queries.</param>
internal sealed class WatchedParty(Func<ShareTransfers?> transfers, Action endNative)
{
    /// <summary>All its queries, from their making on.</summary>
    public ConcurrentQueue<PartyQuery> Queries { get; } = [];

    /// <summary>Its end of the transfers.</summary>
    public Transfers Transfers => transfers()!.Transfers;

    /// <summary>Bundles that hold something: tickets or shares.</summary>
    public int Held => Queries.Count(query => !IsWiped(query));

    /// <summary>Disposes the native objects that it holds between queries.</summary>
    public void EndNative() => endNative();

    private static bool IsWiped(PartyQuery query) => query switch
    {
        SharesClientQuery client => TicketsOf(client).Count == 0
            && OfInputOf(client) is null or { Length: 0 } && OfLogitsOf(client) is null or { Length: 0 }
            && AllOf(SharesOf(client)).Count == 0,
        SharesServerQuery server => TicketsOf(server).Count == 0
            && ProductsOf(server).All(shares => shares is null or { Length: 0 }),
        _ => throw new InvalidOperationException("Queries of this family alone are watched."),
    };

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_tickets")]
    private static extern ref Queue<Tickets> TicketsOf(SharesClientQuery query);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_tickets")]
    private static extern ref Queue<Tickets> TicketsOf(SharesServerQuery query);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_ofInput")]
    private static extern ref SecretArray<ulong>? OfInputOf(SharesClientQuery query);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_ofLogits")]
    private static extern ref SecretArray<ulong>? OfLogitsOf(SharesClientQuery query);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_shares")]
    private static extern ref ClientShares SharesOf(SharesClientQuery query);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_all")]
    private static extern ref List<SecretArray<ulong>> AllOf(ClientShares shares);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_products")]
    private static extern ref SecretArray<ulong>?[] ProductsOf(SharesServerQuery query);
}
