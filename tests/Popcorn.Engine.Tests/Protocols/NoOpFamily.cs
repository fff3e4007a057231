using System.Buffers.Binary;
using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Protocols;

/// <summary>
/// A family without cryptography, so quick that it tries sessions and transports: offline the client sends a random pad
/// for each input value, online the value less its pad; layer by layer the parties then greet each other, the client
/// first, and the server computes in the clear. It hides nothing.
/// </summary>
internal sealed class NoOpFamily(byte greeting = 7) : Family
{
    public override string Name => "no-op";

    internal override ServerModel Compile(IntegerNetwork network, PublicNetwork description) =>
        new Model(network, description, greeting);

    internal override ClientParty CreateClient(PaillierPrivateKey key, PartyOptions options) => new Client();

    /// <summary>What both parties do in a step; see <see cref="NoOpFamily"/>.</summary>
    internal enum Act
    {
        Pad,
        Input,
        Greet,
        Logits,
    }

    /// <summary>A step of values of 8 bytes each.</summary>
    internal sealed record Step(int Index, int Layer, Act Act, int Values)
        : PlanStep(Index, Layer, $"{Act} {Layer + 1}")
    {
        public const int PerMessage = 100;

        public Chunking Chunks => new(Values, PerMessage);

        public override Phase Phase => Act == Act.Pad ? Phase.Offline : Phase.Online;

        public override int Rounds => Act is Act.Greet or Act.Logits ? 1 : 0;

        public override StepCost Cost
        {
            get
            {
                long bytes = StepCost.MessageBytes(8L * Values, Chunks.Count);
                return StepCost.None with
                {
                    BytesUp = Act == Act.Logits ? 0 : bytes,
                    BytesDown = Act is Act.Greet or Act.Logits ? bytes : 0,
                };
            }
        }

        public override long ServerBytes => 0;

        public override string Describe() => $"{Act} {Values}";
    }

    internal sealed class NoOpPlan : Plan
    {
        private NoOpPlan(PublicNetwork network, byte greeting, int images)
            : base($"no-op, greeting {greeting}", network, images, StepsOf(network, images)) => Greeting = greeting;

        public byte Greeting { get; }

        public static NoOpPlan Create(PublicNetwork network, byte greeting, int images)
        {
            CheckImages(network, images);
            return new NoOpPlan(network, greeting, images);
        }

        public override long ServerBytesOf(Shape value) => 8L * Images * value.Size;

        private static List<PlanStep> StepsOf(PublicNetwork network, int images)
        {
            int inputs = images * network.Input.Shape.Size;
            var steps = new List<PlanStep> { new Step(0, -1, Act.Pad, inputs), new Step(1, -1, Act.Input, inputs) };
            for (int i = 0; i < network.Layers.Count; i++)
            {
                steps.Add(new Step(steps.Count, i, Act.Greet, 1));
            }

            steps.Add(new Step(steps.Count, -1, Act.Logits, images * network.Layers[^1].Output.Size));
            return steps;
        }
    }

    private static async Task SendAsync(IExchange exchange, Step step, long[] values)
    {
        for (int chunk = 0; chunk < step.Chunks.Count; chunk++)
        {
            var bytes = new byte[8 * step.Chunks.ItemsIn(chunk)];
            for (int i = 0; i < step.Chunks.ItemsIn(chunk); i++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8 * i), values[step.Chunks.FirstOf(chunk) + i]);
            }

            await exchange.SendAsync(step.Index, step.Chunks.FirstOf(chunk), bytes);
            exchange.Report(step, step.Chunks.EndOf(chunk), step.Chunks.Items);
        }
    }

    private static async Task<long[]> ReceiveAsync(IExchange exchange, Step step)
    {
        var values = new long[step.Values];
        for (int chunk = 0; chunk < step.Chunks.Count; chunk++)
        {
            ReadOnlyMemory<byte> bytes = await exchange.ReceiveAsync(step.Index, step.Chunks.FirstOf(chunk));
            if (bytes.Length != 8 * step.Chunks.ItemsIn(chunk))
            {
                throw new PopcornException(
                    $"A message has {bytes.Length} bytes instead of {8 * step.Chunks.ItemsIn(chunk)}.");
            }

            for (int i = 0; i < step.Chunks.ItemsIn(chunk); i++)
            {
                values[step.Chunks.FirstOf(chunk) + i] = BinaryPrimitives.ReadInt64LittleEndian(bytes.Span[(8 * i)..]);
            }

            exchange.Report(step, step.Chunks.EndOf(chunk), step.Chunks.Items);
        }

        return values;
    }

    private static async Task GreetAsync(IExchange exchange, Step step, byte greeting, bool first)
    {
        if (first)
        {
            await SendAsync(exchange, step, [greeting]);
        }

        if (await ReceiveAsync(exchange, step) is not [long answer] || answer != greeting)
        {
            throw new PopcornException("The peer did not greet.");
        }

        if (!first)
        {
            await SendAsync(exchange, step, [greeting]);
        }
    }

    private sealed class Model(IntegerNetwork network, PublicNetwork description, byte greeting) : ServerModel
    {
        public PlainEvaluator Evaluator { get; } = new(network);

        public byte Greeting => greeting;

        public override Plan PlanFor(int keyBits, int images = 1, KeyOrder order = KeyOrder.Full) =>
             NoOpPlan.Create(description, greeting, images);

        public override (string Strategy, double Products) Inspect(Plan plan, int layer) => ("in the clear", 0);

        /// <summary>The pads.</summary>
        public override long BundleBytes(Plan plan) => 8L * plan.Images * plan.Network.Input.Shape.Size;

        public override ServerParty Admit(ReadOnlySpan<byte> opening, PartyOptions options) => opening is [1, 2, 3]
            ? new Server(this)
            : throw new PopcornException("The client did not say 1, 2, 3.");
    }

    private sealed class Server(Model model) : ServerParty
    {
        public override ReadOnlyMemory<byte> Terms => new[] { model.Greeting };

        public override Plan PlanFor(int images) => model.PlanFor(0, images);

        public override async Task SetUpAsync(IExchange exchange)
        {
            // Messages before the first query, either way.
            await exchange.SendAsync(IExchange.SetUp, 0, new byte[] { model.Greeting });
            ReadOnlyMemory<byte> answer = await exchange.ReceiveAsync(IExchange.SetUp, 0);
            if (!answer.Span.SequenceEqual([model.Greeting]))
            {
                throw new PopcornException("The client did not greet.");
            }
        }

        public override ValueTask<ServerQuery> NewQueryAsync(Plan plan, CancellationToken cancellationToken) =>
            ValueTask.FromResult<ServerQuery>(new Serving(model, (NoOpPlan)plan));

        public override void Dispose()
        {
        }
    }

    private sealed class Serving(Model model, NoOpPlan plan) : ServerQuery(plan)
    {
        private long[] _pads = [];
        private BigInteger[] _logits = [];

        protected override void Release() => Array.Clear(_pads);

        protected override async Task RunAsync(PlanStep planStep, IExchange exchange)
        {
            var step = (Step)planStep;
            switch (step.Act)
            {
                case Act.Pad:
                    _pads = await ReceiveAsync(exchange, step);
                    break;
                case Act.Input:
                    long[] hidden = await ReceiveAsync(exchange, step);
                    int[] input = [.. hidden.Zip(_pads, (x, pad) => checked((int)(x + pad)))];
                    _logits =
                    [
                        .. input.Chunk(input.Length / plan.Images).SelectMany(image => model.Evaluator.Run(image)),
                    ];
                    break;
                case Act.Greet:
                    await GreetAsync(exchange, step, model.Greeting, first: false);
                    break;
                case Act.Logits:
                    await SendAsync(exchange, step, [.. _logits.Select(logit => (long)logit)]);
                    break;
                default:
                    throw new NotSupportedException(step.Name);
            }
        }
    }

    private sealed class Client : ClientParty
    {
        private NoOpPlan? _plan;

        public override ReadOnlyMemory<byte> Opening => new byte[] { 1, 2, 3 };

        public override Plan Agree(PublicNetwork network, ReadOnlySpan<byte> terms) =>
            _plan = NoOpPlan.Create(network, terms is [byte greeting] ? greeting : (byte)0, images: 1);

        public override Plan PlanFor(int images) => NoOpPlan.Create(_plan!.Network, _plan.Greeting, images);

        public override long MemoryOf(Plan plan) => 0;

        public override async Task SetUpAsync(IExchange exchange) =>
            await exchange.SendAsync(IExchange.SetUp, 0, await exchange.ReceiveAsync(IExchange.SetUp, 0));

        public override ClientQuery NewQuery(Plan plan) => new Asking((NoOpPlan)plan);

        public override void Dispose()
        {
        }
    }

    private sealed class Asking(NoOpPlan plan) : ClientQuery(plan)
    {
        private readonly long[] _pads =
        [
            .. Enumerable.Range(0, plan.Images * plan.Network.Input.Shape.Size)
                .Select(_ => Random.Shared.NextInt64(1 << 30)),
        ];

        private int[] _input = [];
        private BigInteger[] _logits = [];

        protected override IReadOnlyList<BigInteger> Logits => _logits;

        public override void Dispose() => Array.Clear(_pads);

        protected override void SetInput(SecretArray<int> input) => _input = input.Span.ToArray();

        protected override async Task RunAsync(PlanStep planStep, IExchange exchange)
        {
            var step = (Step)planStep;
            switch (step.Act)
            {
                case Act.Pad:
                    await SendAsync(exchange, step, _pads);
                    break;
                case Act.Input:
                    await SendAsync(exchange, step, [.. _input.Zip(_pads, (x, pad) => x - pad)]);
                    break;
                case Act.Greet:
                    await GreetAsync(exchange, step, plan.Greeting, first: true);
                    break;
                case Act.Logits:
                    _logits = [.. (await ReceiveAsync(exchange, step)).Select(logit => (BigInteger)logit)];
                    break;
                default:
                    throw new NotSupportedException(step.Name);
            }
        }
    }
}
