using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.Tests;

namespace Popcorn.ObliviousTransfer.Tests.Mutations;

/// <summary>
/// Protocols without an exchange around them, whose messages come as they should not: each is refused, or, if it has
/// the right length, ends with results that may be wrong. Nothing else is thrown, whatever comes.
/// </summary>
public sealed class MutatedProtocolTests
{
    /// <summary>One of every kind of operation, small, known and unknown.</summary>
    private static readonly ComparisonPlan[] Plans =
    [
        .. new Operation[]
        {
            new Relu(7, 3, 5), new Relu(8, 2, 9), new Relu(9, 2, 6, 3), new Relu(5, 5, 3), new Sign(6, 4),
            new Sign(1, 2), new Maximum(6, 5), new Clip(8, 2, 7, 6), new SignedShift(8, 3, 9), new AnyOf(1, 3),
            new AnyOf(5, 2), new Square(5), new Square(1),
        }.SelectMany(operation => new[] { true, false }.Select(
            known => ComparisonPlan.Of(operation with { ShareKnown = known }))),
    ];

    private static int Factor => SharedData.SlowTests ? 11 : 1;

    [Fact]
    public void Queries() => Run(
        6000 * Factor, i => random => ProtocolPair.OfComparison(Plans[i % Plans.Length], 1 + (i % 9), random));

    [Fact]
    public void Preparations()
    {
        ComparisonPlan[] plans = [.. Plans.Where(plan => plan.PrepareBits.Count > 0)];
        Run(2500 * Factor, i => random => ProtocolPair.OfPreparation(plans[i % plans.Length], 1 + (i % 9), random));
    }

    [Fact]
    public void Chosen_transfers()
    {
        (Transfers server, Transfers client) = Transcript.Connect(2, null);
        using (server)
        using (client)
        {
            Run(2000 * Factor, i => random =>
            {
                TwoParties.Extend(server, client, 17, 17);
                return ProtocolPair.OfChoices(server, client, 1 + (i % 17), random);
            });
        }
    }

    [Fact]
    public void Extensions() => Run(60 * Factor, i => _ => ProtocolPair.OfExtension(i, null, 100 + i));

    [Fact]
    public void Silent_extensions() =>
        Run(20 * Factor, i => _ => ProtocolPair.OfExtension(i, FerretParameters.Depth10, 2 + i));

    [Fact]
    public void Set_ups() => Run(10 * Factor, _ => _ => ProtocolPair.OfSetUp());

    /// <summary>Mutates one message of each protocol.</summary>
    private static void Run(int count, Func<int, Func<Random, ProtocolPair>> pairs)
    {
        var counts = new MutationCounts();
        Mutation[] mutations = Enum.GetValues<Mutation>();
        for (int i = 0; i < count; i++)
        {
            var random = new Random(i);
            Mutation mutation = mutations[(i / 26) % mutations.Length];
            if (count < 1000)
            {
                mutation = mutations[i % mutations.Length];
            }

            List<byte[]> recorded = [];
            if (mutation is Mutation.OfAnotherStep or Mutation.OfAnotherSession)
            {
                using ProtocolPair other = pairs(i)(random);
                recorded = TwoParties.Run(other.Server, other.Client);
            }

            using ProtocolPair pair = pairs(i)(random);
            counts.Add(mutation, Drive(pair, mutation, random, recorded));
        }

        Assert.Equal(count, counts.Total);
        foreach (Mutation mutation in mutations)
        {
            Assert.True(counts[mutation] >= count / 12, $"{mutation}: {counts[mutation]} of {count}");
            Assert.Equal(0, counts[mutation, Ending.Waiting]);
            if (mutation is Mutation.Dropped or Mutation.Repeated or Mutation.Truncated or Mutation.Lengthened
                or Mutation.Emptied)
            {
                Assert.Equal(counts[mutation], counts[mutation, Ending.Refused]);
            }
        }

        Assert.True(counts[Mutation.Random, Ending.Results] + counts[Mutation.Flipped, Ending.Results]
            + counts[Mutation.OfAnotherSession, Ending.Results] > 0, "nothing was taken, right or wrong");
    }

    private static Ending Drive(ProtocolPair pair, Mutation mutation, Random random, IReadOnlyList<byte[]> recorded)
    {
        int mutated = random.Next(pair.Server.Flows.Count);
        try
        {
            for (int number = 0; number < pair.Server.Flows.Count; number++)
            {
                Flow flow = pair.Server.Flows[number];
                (Protocol sender, Protocol receiver) =
                    flow.From == Party.Server ? (pair.Server, pair.Client) : (pair.Client, pair.Server);
                byte[] message = new byte[flow.Bytes];
                sender.Write(message);
                if (number != mutated)
                {
                    receiver.Read(message);
                    continue;
                }

                switch (mutation)
                {
                    case Mutation.Dropped:
                        break;

                    case Mutation.Repeated:
                        receiver.Read(message);
                        receiver.Read(message);
                        break;

                    case Mutation.Swapped:
                        sender.Read(message);
                        break;

                    default:
                        receiver.Read(Messages.Mutate(message, mutation, random, recorded, number));
                        break;
                }
            }

            pair.Finish();
            return Ending.Results;
        }
        catch (Exception e) when (e is TransferException or InvalidOperationException)
        {
            return Ending.Refused;
        }
    }
}
