using System.Buffers.Binary;
using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.ObliviousTransfer.Tests.Correlations;
using Popcorn.Tests;

namespace Popcorn.ObliviousTransfer.Tests.Mutations;

/// <summary>
/// Whole connections over the framed exchange, of which one frame comes as it should not: header, length and order are
/// all noticed, and nobody gets a wrong result but where bits within a payload are others.
/// </summary>
public sealed class MutatedConnectionTests
{
    private const int Items = 5;
    private const int HeaderBytes = 12;
    private const int MostBytes = 1 << 20;

    private static readonly ComparisonPlan Plan = ComparisonPlan.Of(new Relu(8, 2, 6, 3));
    private static readonly ComparisonPlan Unknown = ComparisonPlan.Of(new Square(6) { ShareKnown = false });

    /// <summary>Where a frame is changed.</summary>
    private enum Place
    {
        Header,
        Payload,
        Length,
        Whole,
    }

    /// <summary>What a connection begins with.</summary>
    public enum Beginning
    {
        /// <summary>Preparations, with a dealer's pads.</summary>
        Preparation,

        /// <summary>Extensions, on seeds that are there.</summary>
        Extension,

        /// <summary>Base transfers.</summary>
        SetUp,
    }

    [Theory]
    [InlineData(Beginning.Preparation, 2000, 30_000)]
    [InlineData(Beginning.Extension, 60, 4000)]
    [InlineData(Beginning.SetUp, 10, 400)]
    public async Task A_frame_that_was_changed_ends_the_connection_or_was_changed_within_its_payload(
        Beginning beginning, int count, int slowCount) =>
        await Task.Run(() => RunAsync(SharedData.SlowTests ? slowCount : count, beginning));

    /// <summary>Nothing here waits, so this thread does all of it; what others allocate meanwhile does not count.
    /// </summary>
    [Fact]
    public void Nothing_is_allocated_for_a_length_that_is_not_allowed()
    {
        foreach (int length in new[] { MostBytes + 1, int.MaxValue, -1, int.MinValue })
        {
            byte[] header = new byte[HeaderBytes];
            BinaryPrimitives.WriteInt32LittleEndian(header, length);
            var exchange = new StreamExchange(new MemoryStream(header), MostBytes);
            long before = GC.GetAllocatedBytesForCurrentThread();
            ValueTask<ReadOnlyMemory<byte>> received = exchange.ReceiveAsync(0, 0);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(received.IsFaulted);
            Assert.IsType<TransferException>(received.AsTask().Exception!.InnerException);
            Assert.InRange(allocated, 0, MostBytes);
        }
    }

    /// <summary>Whoever announces 64 megabytes and sends little has little allocated.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(3 << 20)]
    public void Memory_for_a_long_message_follows_what_arrives(int arrives)
    {
        byte[] begin = new byte[HeaderBytes + arrives];
        BinaryPrimitives.WriteInt32LittleEndian(begin, 1 << 26);
        var exchange = new StreamExchange(new MemoryStream(begin), 1 << 26);
        long before = GC.GetAllocatedBytesForCurrentThread();
        ValueTask<ReadOnlyMemory<byte>> received = exchange.ReceiveAsync(0, 0);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.IsType<TransferException>(received.AsTask().Exception!.InnerException);
        Assert.InRange(allocated, 1 << 20, (2 << 20) + (4 * arrives));
    }

    private static async Task RunAsync(int count, Beginning beginning)
    {
        var counts = new MutationCounts();
        var places = new int[Enum.GetValues<Place>().Length];
        int wrong = 0;
        List<byte[]> recorded = [];
        Assert.Equal((Ending.Results, true), await ConnectAsync(1, beginning, (_, frame) => frame, recorded));
        for (int i = 0; i < count; i++)
        {
            var random = new Random(i);
            var mutation = (Mutation)(i % Enum.GetValues<Mutation>().Length);
            int number = random.Next(recorded.Count), at = 0;
            var place = (Place)random.Next(places.Length);
            bool isLast = false, isPayload = false;
            byte[]? held = null;
            (Ending ending, bool isRight) = await ConnectAsync(i + 2, beginning, (_, frame) =>
            {
                if (held is not null)
                {
                    byte[] both = [.. frame, .. held];
                    held = null;
                    return both;
                }

                if (at++ != number)
                {
                    return frame;
                }

                isLast = number >= recorded.Count - 2;
                if (mutation == Mutation.Swapped)
                {
                    held = frame;
                    return [];
                }

                byte[] changed = Change(frame, mutation, ref place, random, recorded, number);
                isPayload = changed.AsSpan().StartsWith(frame.AsSpan(0, HeaderBytes))
                    && (changed.Length == frame.Length || (isLast && !changed.AsSpan().StartsWith(frame)));
                return changed;
            });
            counts.Add(mutation, ending);
            places[(int)place]++;
            if (ending == Ending.Results && !isPayload)
            {
                // What came too much at the very end is not read.
                Assert.True(
                    isLast && isRight,
                    $"{mutation} of frame {number} of {recorded.Count} in {i} was not noticed: right {isRight}");
            }

            wrong += ending == Ending.Results && !isRight ? 1 : 0;
        }

        Assert.All(Enum.GetValues<Mutation>(), mutation => Assert.True(counts[mutation] >= count / 11));
        Assert.All(places, times => Assert.NotEqual(0, times));
        Assert.NotEqual(0, Enum.GetValues<Mutation>().Sum(mutation => counts[mutation, Ending.Refused]));
        Assert.NotEqual(0, counts[Mutation.Dropped, Ending.Waiting]);
        if (count >= 1000)
        {
            Assert.NotEqual(0, wrong); // what is within a payload is not authenticated here
        }
    }

    private static byte[] Change(
        byte[] frame, Mutation mutation, ref Place place, Random random, List<byte[]> recorded, int number)
    {
        byte[] header = frame[..HeaderBytes], payload = frame[HeaderBytes..];
        switch (mutation)
        {
            case Mutation.Dropped:
                return [];

            case Mutation.Repeated:
                return [.. frame, .. frame];

            case Mutation.OfAnotherStep or Mutation.OfAnotherSession:
                place = Place.Whole;
                return Messages.Mutate(frame, mutation, random, recorded, number);
        }

        switch (place)
        {
            case Place.Header:
                return [.. Messages.Mutate(header, mutation, random, recorded, number), .. payload];

            case Place.Payload:
                return [.. header, .. Messages.Mutate(payload, mutation, random, recorded, number)];

            case Place.Length:
                payload = Messages.Mutate(payload, mutation, random, recorded, number);
                BinaryPrimitives.WriteInt32LittleEndian(header, payload.Length);
                return [.. header, .. payload];

            default:
                return Messages.Mutate(frame, mutation, random, recorded, number);
        }
    }

    /// <summary>Runs a connection, of which somebody may hold or change what is sent.</summary>
    /// <param name="seed">Of the inputs.</param>
    /// <param name="beginning">What it begins with.</param>
    /// <param name="pass">What arrives in place of a frame.</param>
    /// <param name="recorded">All frames, as they were sent.</param>
    private static async Task<(Ending Ending, bool IsRight)> ConnectAsync(
        int seed, Beginning beginning, Func<int, byte[], byte[]> pass, List<byte[]>? recorded = null)
    {
        using var ends = new CancellationTokenSource();
        var wire = new Wire((from, frame) =>
        {
            recorded?.Add(frame);
            return pass(from, frame);
        });
        (Transfers? server, Transfers? client) =
            beginning == Beginning.Extension ? Transcript.Connect(seed % 5, null) : (null, null);
        IdealPads? pads = beginning == Beginning.Preparation ? new IdealPads((ulong)seed) : null;
        Task<ulong[]> atServer = PartyAsync(Party.Server, server, pads, wire.Ends[0], seed, ends.Token);
        Task<ulong[]> atClient = PartyAsync(Party.Client, client, pads, wire.Ends[1], seed, ends.Token);

        // All that can happen has happened: the parties run in this thread, as far as bytes are there for them.
        bool isWaiting = !atServer.IsCompleted || !atClient.IsCompleted;
        await ends.CancelAsync();
        Ending[] endings =
        [
            await EndAsync(atServer.WaitAsync(Eventually.Patience)),
            await EndAsync(atClient.WaitAsync(Eventually.Patience)),
        ];
        if (endings.All(ending => ending == Ending.Results))
        {
            ulong[] sums = [.. (await atServer).Zip(await atClient, (x, y) => x + y)];
            return (Ending.Results, sums.All(sum => (sum & 63) == 0));
        }

        Assert.Equal(isWaiting, endings.Contains(Ending.Waiting));
        return (isWaiting ? Ending.Waiting : Ending.Refused, false);
    }

    private static async Task<Ending> EndAsync(Task party)
    {
        try
        {
            await party;
            return Ending.Results;
        }
        catch (Exception e) when (e is TransferException or InvalidOperationException)
        {
            return Ending.Refused;
        }
        catch (OperationCanceledException)
        {
            return Ending.Waiting;
        }
    }

    /// <summary>All that a connection can be used for.</summary>
    private static async Task<ulong[]> PartyAsync(
        Party self, Transfers? begun, IdealPads? pads, Wire.End end, int seed, CancellationToken cancellation)
    {
        Transfers? transfers = begun;
        try
        {
            int step = 0;
            await using var exchange = new StreamExchange(end, MostBytes, cancellation);
            if (begun is null && pads is null)
            {
                using SetUp setUp = SetUp.For(self, TransferOptions.Short);
                await setUp.RunAsync(exchange, step++).ConfigureAwait(false);
                transfers = setUp.Finish();
            }

            var random = new Random(seed);
            ulong[] ofServer = [.. Enumerable.Range(0, Items).Select(_ => (ulong)random.Next(256))];
            ulong[] ofClient = [.. Enumerable.Range(0, Items).Select(_ => (ulong)random.Next(256))];
            ulong[] wanted = [.. Enumerable.Range(0, Items).Select(_ => (ulong)random.Next(64))];
            if (transfers is not null)
            {
                using Protocol extension = transfers.Extend(200, 200);
                await extension.RunAsync(exchange, step++).ConfigureAwait(false);
                using Protocol chosen = self == Party.Server
                    ? transfers.Send(new Block[3], new Block[3])
                    : transfers.Receive([1, 0, 1]);
                await chosen.RunAsync(exchange, step++).ConfigureAwait(false);
            }

            // Twice, that there be something to mix up.
            ulong[] shares = [];
            foreach (ComparisonPlan plan in new[] { Unknown, Plan })
            {
                bool isKnown = plan.Operation.ShareKnown;
                IPadSource? source = self == Party.Server ? pads?.Server : pads?.Client;
                if (transfers is not null)
                {
                    using Protocol more = transfers.ExtendFor(plan, Items);
                    await more.RunAsync(exchange, step++).ConfigureAwait(false);
                    source = transfers.Pads;
                }

                using Preparation preparation = self == Party.Server
                    ? Preparation.OfServer(plan, Items, source!)
                    : Preparation.OfClient(plan, isKnown ? ofClient : [], wanted, source!);
                await preparation.RunAsync(exchange, step++).ConfigureAwait(false);
                using Comparison comparison = self == Party.Server
                    ? Comparison.OfServer(preparation.TakeTickets(), ofServer)
                    : isKnown
                        ? Comparison.OfClient(preparation.TakeTickets())
                        : Comparison.OfClient(preparation.TakeTickets(), ofClient);
                await comparison.RunAsync(exchange, step++).ConfigureAwait(false);
                shares = new ulong[Items];
                comparison.CopyResults(shares);
            }

            // The server takes what is right away from its shares: those that are right add up to zero.
            return self == Party.Client
                ? shares
                : [.. shares.Select((share, i) => share - Right(ofServer[i] + ofClient[i]))];
        }
        finally
        {
            transfers?.Dispose();
            end.Leave();
        }
    }

    private static ulong Right(ulong sum) => (ulong)Math.Min(Math.Max((int)(sbyte)(byte)sum, 0) >> 2, 7);
}
