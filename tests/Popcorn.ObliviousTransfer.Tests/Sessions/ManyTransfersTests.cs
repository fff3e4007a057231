using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.Tests;

namespace Popcorn.ObliviousTransfer.Tests.Sessions;

public sealed class ManyTransfersTests
{
    /// <summary>Over six iterations of the largest set, in batches that fit nothing.</summary>
    [SlowFact]
    public void Each_of_a_hundred_million_transfers_is_right()
    {
        const long Count = 100_000_000;
        (Transfers server, Transfers client) = TwoParties.Connect();
        using (server)
        using (client)
        {
            var random = new Random(1);
            long ones = 0, wrong = 0;
            Block delta = server.Sending.Delta;
            Block[] q = new Block[3_000_000], t = new Block[q.Length];
            while (server.Sending.Taken < Count)
            {
                int some = 1 + random.Next(q.Length);
                TwoParties.Extend(server, client, some, 0);
                server.Sending.Take(q.AsSpan(0, some));
                client.Receiving.Take(t.AsSpan(0, some));
                for (int i = 0; i < some; i++)
                {
                    ulong choice = t[i][0] & 1;
                    ones += (long)choice;
                    wrong += (q[i][0] & 1) == 0
                        && (q[i] ^ t[i]) == (delta & Vector128.Create(0 - choice)) ? 0 : 1;
                }
            }

            Assert.Equal(0, wrong);
            Assert.Equal(server.Sending.Taken, client.Receiving.Taken);

            // Seven deviations.
            double taken = server.Sending.Taken;
            Assert.InRange(ones, (taken / 2) - (3.5 * Math.Sqrt(taken)), (taken / 2) + (3.5 * Math.Sqrt(taken)));
        }
    }
}
