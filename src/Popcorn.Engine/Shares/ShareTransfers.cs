using Popcorn.Engine.Protocols;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.Engine.Shares;

/// <summary>A party's end of the transfers of a connection, from its beginning on.</summary>
internal sealed class ShareTransfers : IDisposable
{
    private const int CotsOfPart = 1 << 18;

    private readonly SharesPlan _plan;

    private ShareTransfers(Transfers transfers, SharesPlan plan)
    {
        Transfers = transfers;
        _plan = plan;
    }

    /// <summary>The transfers.</summary>
    public Transfers Transfers { get; }

    /// <summary>Begins: base transfers, and what the first silent extension starts from.</summary>
    /// <param name="self">Which party this is.</param>
    /// <param name="plan">That of an image, the same for both: there is room for what it takes.</param>
    /// <param name="exchange">The way to the other party.</param>
    public static async Task<ShareTransfers> SetUpAsync(Party self, SharesPlan plan, IExchange exchange)
    {
        NativeBlockKernel.Use();
        var messages = new StepMessages(exchange, IExchange.SetUp);
        using SetUp setUp = SetUp.For(self, plan.Transfers);
        await messages.RunAsync(setUp).ConfigureAwait(false);
        var transfers = new ShareTransfers(setUp.Finish(), plan);
        try
        {
            await transfers.ExtendAsync(messages, 1, 1).ConfigureAwait(false);
            return transfers;
        }
        catch
        {
            transfers.Dispose();
            throw;
        }
    }

    /// <summary>Makes COTs until there are some of each direction, both directions at a time.</summary>
    /// <param name="messages">Of the step that wants them.</param>
    /// <param name="ofServer">How many in which the server holds Δ.</param>
    /// <param name="ofClient">How many in which the client does.</param>
    public async Task ExtendAsync(StepMessages messages, long ofServer, long ofClient)
    {
        bool isServer = Transfers.Self == Party.Server;
        using Protocol first = isServer ? Transfers.Extend(ofServer, 0) : Transfers.Extend(0, ofServer);
        using Protocol second = isServer ? Transfers.Extend(0, ofClient) : Transfers.Extend(ofClient, 0);
        await messages.RunAsync(first, second).ConfigureAwait(false);
    }

    /// <summary>Sees to it that there are COTs for a chunk of tickets; makes those of the next ones with them.
    /// </summary>
    /// <param name="messages">Of the step that wants them.</param>
    /// <param name="demands">What each chunk of the plan takes.</param>
    /// <param name="chunk">The chunk.</param>
    public async Task ExtendForAsync(
        StepMessages messages, IReadOnlyList<(long OfServer, long OfClient)> demands, int chunk)
    {
        (long server, long client) = demands[chunk];
        bool isServer = Transfers.Self == Party.Server;
        (int ofServer, int ofClient) = isServer
            ? (Transfers.Sending.Available, Transfers.Receiving.Available)
            : (Transfers.Receiving.Available, Transfers.Sending.Available);
        if (ofServer >= server && ofClient >= client)
        {
            return;
        }

        for (int next = chunk + 1; next < demands.Count; next++)
        {
            if (server + demands[next].OfServer > SharesPlan.MostCots
                || client + demands[next].OfClient > SharesPlan.MostCots)
            {
                break;
            }

            server += demands[next].OfServer;
            client += demands[next].OfClient;
        }

        ForBoth(Transfers.Reserve, server, client);

        // In parts: while one party takes one in, the other makes the next.
        while (ofServer < server || ofClient < client)
        {
            ofServer = (int)Math.Max(ofServer, Math.Min(server, ofServer + CotsOfPart));
            ofClient = (int)Math.Max(ofClient, Math.Min(client, ofClient + CotsOfPart));
            await ExtendAsync(messages, ofServer, ofClient).ConfigureAwait(false);
        }
    }

    /// <summary>Gives back room that queries of more images took.</summary>
    public void Trim() => ForBoth(Transfers.Trim, _plan.CotsAtOnce.OfServer, _plan.CotsAtOnce.OfClient);

    public void Dispose() => Transfers.Dispose();

    private void ForBoth(Action<long, long> action, long ofServer, long ofClient)
    {
        bool isServer = Transfers.Self == Party.Server;
        action(isServer ? ofServer : ofClient, isServer ? ofClient : ofServer);
    }
}
