using System.Diagnostics;
using System.Numerics;
using Google.Protobuf;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;
using Compared = Popcorn.ObliviousTransfer.Comparisons.Comparison;
using Operation = Popcorn.Engine.Planning.Operation;
using TicketsOfParty = Popcorn.ObliviousTransfer.Comparisons.Tickets;

namespace Popcorn.Engine.Costs;

/// <summary>Seconds that what is no work on ciphertexts takes a core of this machine.</summary>
/// <param name="Transfer">A correlated transfer, in either role.</param>
/// <param name="TicketHash">A block that is hashed for a ticket.</param>
/// <param name="Tickets">Tickets for some items, beside their hashes.</param>
/// <param name="Comparison">A comparison of some items, beside their bits; of either party.</param>
/// <param name="CompareBit">A bit of an item in a message of a comparison, of either party.</param>
/// <param name="Accumulate">A multiply-accumulate modulo 2^32.</param>
/// <param name="AccumulateWide">A multiply-accumulate modulo 2^64.</param>
/// <param name="Move">A number that is moved to a place that is computed.</param>
/// <param name="Message">A message, from one party until the other one has it.</param>
/// <param name="MessageByte">A byte of it.</param>
internal sealed record TransferTimes(
    double Transfer, double TicketHash, double Tickets, double Comparison, double CompareBit, double Accumulate,
    double AccumulateWide, double Move, double Message, double MessageByte)
{
    private const int Rounds = 12;

    private const double SecondsOfRounds = 2;

    /// <summary>In which the runtime sees what is worth compiling well, and does so.</summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(400);

    /// <summary>Nothing takes time.</summary>
    public static TransferTimes None { get; } = new(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    /// <summary>Seconds of one operation that is no work on ciphertexts.</summary>
    internal double SecondsOf(Operation operation) => operation switch
    {
        Operation.Transfer => Transfer,
        Operation.TicketHash => TicketHash,
        Operation.Tickets => Tickets,
        Operation.Comparison => Comparison,
        Operation.CompareBit => CompareBit,
        Operation.Accumulate => Accumulate,
        Operation.AccumulateWide => AccumulateWide,
        Operation.Move => Move,
        Operation.Message => Message,
        Operation.MessageByte => MessageByte,
        Operation.Product or Operation.Square or Operation.Wait or Operation.Rerandomise or Operation.EncryptOwner
            or Operation.Decrypt or Operation.Import or Operation.Export =>
            throw new ArgumentOutOfRangeException(nameof(operation)),
    };

    /// <summary>Measures, with both parties in this process.</summary>
    /// <param name="cores">Threads to measure on.</param>
    public static TransferTimes Measure(int cores)
    {
        using var comparisons = new SampleComparison(cores);
        var narrow = new SampleLayer(narrow: true, cores);
        var wide = new SampleLayer(narrow: false, cores);
        var moves = new SampleMoves();
        var messages = new SampleMessages();

        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < WarmUp;)
        {
            TimeAll();
        }

        double[] times = TimedRounds.Thirds(Rounds, SecondsOfRounds, TimeAll);
        (double tickets, double ofItem) = SampleComparison.Line(times[1], times[2]);
        (double comparison, double compared) = SampleComparison.Line(times[3], times[4]);
        return new TransferTimes(
            times[0], ofItem / SampleComparison.HashesOfItem, tickets, comparison / 2,
            compared / (2 * SampleComparison.BitsOfItem), times[5], times[6], times[7], times[8],
            Math.Max(0, times[9] - times[8]) / SampleMessages.LargeBytes);

        double[] TimeAll()
        {
            double transfer = comparisons.TimeTransfers();
            (double manyTickets, double manyCompared) = comparisons.Time(SampleComparison.Many);
            (double fewTickets, double fewCompared) = comparisons.Time(SampleComparison.Few);
            (double small, double large) = messages.Time();
            return
            [
                transfer, manyTickets, fewTickets, manyCompared, fewCompared, narrow.Time(), wide.Time(), moves.Time(),
                small, large,
            ];
        }
    }

    /// <summary>Transfers, and a ReLU that takes them.</summary>
    private sealed class SampleComparison : IDisposable
    {
        public const int Many = 16384, Few = 64;

        private static readonly ComparisonPlan Plan = ComparisonPlan.Of(new Relu(20, 8, 12));

        private readonly int _cores;
        private readonly Transfers _server;
        private readonly Transfers _client;

        public SampleComparison(int cores)
        {
            _cores = cores;
            NativeBlockKernel.Use();
            var options = new TransferOptions(FerretParameters.Depth12); // as most networks take
            using SetUp server = SetUp.For(Party.Server, options), client = SetUp.For(Party.Client, options);
            Run(server, client);
            (_server, _client) = (server.Finish(), client.Finish());
            Extend(1, 1);
        }

        /// <summary>Blocks that a party hashes for an item, on average of both.</summary>
        public static double HashesOfItem => (Plan.HashCalls(Party.Server) + Plan.HashCalls(Party.Client)) / 2.0;

        /// <summary>Bits of an item in messages.</summary>
        public static int BitsOfItem => Plan.OnlineBits.Sum(flow => flow.Bits);

        /// <summary>What many items take and few, as what all take and what an item takes.</summary>
        public static (double Common, double OfItem) Line(double many, double few)
        {
            double ofItem = Math.Max(0, many - few) / (Many - Few);
            return (Math.Max(0, few - (Few * ofItem)), ofItem);
        }

        /// <summary>
        /// Seconds of a transfer, of as many as the comparisons take. One party after the other: in a query they run
        /// beside other work, which leaves them more of the caches than two of their kind leave each other.
        /// </summary>
        public double TimeTransfers()
        {
            const long Items = Many + Few;
            long before = _server.Sending.Available + _server.Receiving.Available;
            long start = Stopwatch.GetTimestamp();
            Extend(
                _server.Sending.Available + (Items * Plan.Cots(Party.Server)),
                _server.Receiving.Available + (Items * Plan.Cots(Party.Client)));
            long made = _server.Sending.Available + _server.Receiving.Available - before;
            return Stopwatch.GetElapsedTime(start).TotalSeconds / (2 * made);
        }

        /// <summary>Seconds of a party's tickets and of both parties' comparison.</summary>
        public (double Tickets, double Compared) Time(int items)
        {
            var shares = new ulong[items];
            long start = Stopwatch.GetTimestamp();
            Preparation? atServer = null, atClient = null;
            Both(() => atServer = _server.Prepare(Plan, items), () => atClient = _client.Prepare(Plan, shares, shares));
            using Preparation server = atServer!, client = atClient!;
            Run(server, client);
            double tickets = SideBySide(start);
            TicketsOfParty ofServers = server.TakeTickets(), ofClients = client.TakeTickets();
            start = Stopwatch.GetTimestamp();
            using Compared serves = Compared.OfServer(ofServers, shares), asks = Compared.OfClient(ofClients);
            Run(serves, asks);
            serves.CopyResults(shares);
            return (tickets, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        public void Dispose()
        {
            _server.Dispose();
            _client.Dispose();
        }

        /// <summary>Of one party, where both have worked since then.</summary>
        private double SideBySide(long start) =>
            Stopwatch.GetElapsedTime(start).TotalSeconds * Math.Min(_cores, 2) / 2;

        private static void Run(Protocol server, Protocol client)
        {
            while (server.Due is { } due)
            {
                var message = new byte[due.Bytes];
                (due.From == Party.Server ? server : client).Write(message);
                (due.From == Party.Server ? client : server).Read(message);
            }
        }

        private void Both(Action server, Action client) => Parallel.Invoke(
            new ParallelOptions { MaxDegreeOfParallelism = Math.Min(_cores, 2) }, server, client);

        private void Extend(long ofServer, long ofClient)
        {
            using Protocol sends = _server.Extend(ofServer, 0), receives = _client.Extend(0, ofServer);
            using Protocol otherReceives = _server.Extend(0, ofClient), otherSends = _client.Extend(ofClient, 0);
            Run(sends, receives);
            Run(otherReceives, otherSends);
        }
    }

    /// <summary>A convolution in the clear.</summary>
    private sealed class SampleLayer
    {
        private const int Channels = 16, Side = 16, Taps = 9, LargestWeight = 7;

        private readonly RingLinear _layer;
        private readonly ulong[] _input;
        private readonly ulong[] _output;
        private readonly int _cores;

        public SampleLayer(bool narrow, int cores)
        {
            var random = new Random(1);
            var shape = new Shape(Channels, Side, Side);
            int[] weights = [.. Enumerable.Range(0, Channels * Channels * Taps)
                .Select(_ => random.Next(1, LargestWeight + 1))];
            _cores = cores;
            _layer = new RingLinear(
                new LinearLayer(
                    "sample", 0, shape, new Window(3, 3, 1, 1, 1, 1, 1, 1, Side, Side), 1, weights,
                    new BigInteger[Channels]),
                shape, narrow);
            _input = new ulong[shape.Size];
            _output = new ulong[shape.Size];
        }

        /// <summary>Seconds of one core for a multiply-accumulate.</summary>
        public double Time()
        {
            long start = Stopwatch.GetTimestamp();
            _layer.Run(_input, 1, _output, _cores);
            return Stopwatch.GetElapsedTime(start).TotalSeconds * _cores / _layer.Accumulates;
        }
    }

    /// <summary>Numbers that change places.</summary>
    private sealed class SampleMoves
    {
        private const int Count = 1 << 14, Rows = 128;

        private readonly Func<int, int> _place = i => ((i % Rows) * (Count / Rows)) + (i / Rows);
        private readonly ulong[] _from = new ulong[Count];
        private readonly ulong[] _to = new ulong[Count];

        /// <summary>Seconds of one.</summary>
        public double Time()
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Count; i++)
            {
                _to[i] = _from[_place(i)];
            }

            return Stopwatch.GetElapsedTime(start).TotalSeconds / Count;
        }
    }

    /// <summary>
    /// Messages between two parties that wait for each other, and compute a while: long enough for the other's thread
    /// to be asleep. As in a query each is written into new memory and read from where it arrives.
    /// </summary>
    private sealed class SampleMessages
    {
        public const int LargeBytes = 1 << 18;

        private const int SmallBytes = 64, Times = 4;

        private static readonly TimeSpan Computing = TimeSpan.FromMicroseconds(100);

        private static readonly byte[] Content = new byte[LargeBytes];

        /// <summary>Seconds of a small message and of a large one.</summary>
        public (double Small, double Large) Time() => (Time(SmallBytes), Time(LargeBytes));

        private static double Time(int bytes)
        {
            (IMessageChannel client, IMessageChannel server) = MemoryChannel.CreatePair();
            Task answering = Task.Run(async () =>
            {
                for (int i = 0; i < Times; i++)
                {
                    await ReceiveAsync(server).ConfigureAwait(false);
                    Compute();
                    await SendAsync(server, bytes).ConfigureAwait(false);
                }
            });
            double seconds = Task.Run(async () =>
            {
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < Times; i++)
                {
                    Compute();
                    await SendAsync(client, bytes).ConfigureAwait(false);
                    await ReceiveAsync(client).ConfigureAwait(false);
                }

                return Stopwatch.GetElapsedTime(start).TotalSeconds;
            }).GetAwaiter().GetResult();
            answering.GetAwaiter().GetResult();
            return Math.Max(0, (seconds / (2 * Times)) - Computing.TotalSeconds);
        }

        private static void Compute()
        {
            long start = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(start) < Computing)
            {
            }
        }

        private static ValueTask SendAsync(IMessageChannel channel, int bytes)
        {
            ByteString payload = UnsafeByteOperations.UnsafeWrap(Content.AsSpan(0, bytes).ToArray());
            return channel.SendAsync(
                MessageCodec.Encode(new Frame { Chunk = new Chunk { Payload = payload } }), CancellationToken.None);
        }

        private static async Task ReceiveAsync(IMessageChannel channel)
        {
            byte[]? message = await channel.ReceiveAsync(CancellationToken.None).ConfigureAwait(false);
            _ = MessageCodec.Decode(message).Chunk.Payload.Span.Count<byte>(1);
        }
    }
}
