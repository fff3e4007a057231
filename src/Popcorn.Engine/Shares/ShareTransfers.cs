using Popcorn.Engine.Protocols;
using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.Engine.Shares;

/// <summary>A party's end of the transfers of a connection, from its beginning on.</summary>
internal sealed class ShareTransfers : IDisposable
{
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
            await transfers.ExtendAsync(messages, 1, 1, beside: null).ConfigureAwait(false);
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
    /// <param name="beside">What is to be run at the same time, and takes no COTs.</param>
    public async Task ExtendAsync(StepMessages messages, long ofServer, long ofClient, Protocol? beside)
    {
        bool isServer = Transfers.Self == Party.Server;
        using Protocol first = isServer ? Transfers.Extend(ofServer, 0) : Transfers.Extend(0, ofServer);
        using Protocol second = isServer ? Transfers.Extend(0, ofClient) : Transfers.Extend(ofClient, 0);
        await messages.RunAsync(beside is null ? [first, second] : [beside, first, second]).ConfigureAwait(false);
    }

    /// <summary>Sees to it that there are COTs for a chunk of tickets; makes those of the next ones with them.
    /// </summary>
    /// <param name="messages">Of the step that wants them.</param>
    /// <param name="demands">What each chunk of the plan takes.</param>
    /// <param name="chunk">The chunk.</param>
    /// <param name="beside">
    /// What is to be run at the same time, and takes no COTs: a party whose tickets are drawn makes COTs for the next
    /// ones while the other is at it.
    /// </param>
    public async Task ExtendForAsync(
        StepMessages messages, IReadOnlyList<(long OfServer, long OfClient)> demands, int chunk, Protocol? beside)
    {
        (long server, long client) = demands[chunk];
        bool isServer = Transfers.Self == Party.Server;
        (int ofServer, int ofClient) = isServer
            ? (Transfers.Sending.Available, Transfers.Receiving.Available)
            : (Transfers.Receiving.Available, Transfers.Sending.Available);
        if (ofServer >= server && ofClient >= client)
        {
            await messages.RunAsync(beside is null ? [] : [beside]).ConfigureAwait(false);
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
        await ExtendAsync(messages, server, client, beside).ConfigureAwait(false);
    }

    /// <summary>
    /// Tickets chunk by chunk: the messages of one travel while COTs for the next are made.
    /// </summary>
    /// <param name="step">What they are for.</param>
    /// <param name="exchange">The way to the other party.</param>
    /// <param name="demands">What each chunk of the plan takes.</param>
    /// <param name="firstChunk">The step's first chunk among them.</param>
    /// <param name="prepareAsync">Draws those of a chunk of the step.</param>
    /// <param name="done">Takes those of a chunk.</param>
    public async Task MakeTicketsAsync(
        TicketStep step, IExchange exchange, IReadOnlyList<(long OfServer, long OfClient)> demands, int firstChunk,
        Func<int, Task<Preparation>> prepareAsync, Action<Tickets> done)
    {
        var messages = new StepMessages(exchange, step.Index);
        Preparation? drawn = null;
        try
        {
            for (int chunk = 0; chunk < step.Chunks.Count; chunk++)
            {
                await ExtendForAsync(messages, demands, firstChunk + chunk, drawn).ConfigureAwait(false);
                Finish(chunk - 1);
                drawn = await prepareAsync(chunk).ConfigureAwait(false);
            }

            await messages.RunAsync(drawn is null ? [] : [drawn]).ConfigureAwait(false);
            Finish(step.Chunks.Count - 1);
        }
        finally
        {
            drawn?.Dispose();
        }

        void Finish(int chunk)
        {
            if (drawn is not null)
            {
                done(drawn.TakeTickets());
                drawn.Dispose();
                drawn = null;
                exchange.Report(step, step.Chunks.EndOf(chunk), step.Chunks.Items);
            }
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
