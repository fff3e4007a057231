using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Base;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Tests.Symmetric;

namespace Popcorn.ObliviousTransfer.Tests.Base;

public class BaseTransferTests
{
    [Fact]
    public void The_receiver_has_the_key_that_it_chose_and_no_other()
    {
        byte[] choices = Choices();
        using var sender = new BaseSender();
        using var receiver = new BaseReceiver(choices);
        using SecretArray<Block> pairs = new(256), keys = new(128), elsewhere = new(128);
        sender.Read(HashTests.Session, 0, receiver.Message, pairs);
        receiver.Read(HashTests.Session, 0, sender.Message, keys);
        for (int i = 0; i < BaseTransfers.Count; i++)
        {
            Assert.Equal(pairs[(2 * i) + choices[i]], keys[i]);
            Assert.NotEqual(pairs[(2 * i) + 1 - choices[i]], keys[i]);
        }

        Assert.Equal(256, pairs.Span.ToArray().Distinct().Count());

        // The keys are those of one session.
        receiver.Read(HashTests.SessionOf(9, 9, 9), 0, sender.Message, elsewhere);
        Assert.Empty(keys.Span.ToArray().Intersect(elsewhere.Span.ToArray()));
    }

    [Fact]
    public void Every_point_that_is_sent_lies_on_the_curve_and_none_comes_twice()
    {
        using var receiver = new BaseReceiver(Choices());
        var seen = new HashSet<string>();
        foreach (byte[] point in receiver.Message.ToArray().Chunk(P256.PointBytes))
        {
            Assert.True(P256.IsPoint(point));
            Assert.True(seen.Add(Convert.ToHexString(point)));
        }

        Assert.Equal(2 * BaseTransfers.Count, seen.Count);
        Assert.Equal(64 + 16_384, BaseTransfers.SenderBytes + BaseTransfers.ReceiverBytes);
    }

    [Fact]
    public void Bytes_that_are_not_a_point_end_it()
    {
        using var sender = new BaseSender();
        using var receiver = new BaseReceiver(Choices());
        using SecretArray<Block> pairs = new(256), keys = new(128);
        var random = new Random(1);
        for (int attempt = 0; attempt < 50; attempt++)
        {
            byte[] points = receiver.Message.ToArray();
            points[random.Next(points.Length)] ^= (byte)(1 << random.Next(8));
            Assert.Throws<TransferException>(() => sender.Read(HashTests.Session, 0, points, pairs));
            byte[] point = sender.Message.ToArray();
            point[random.Next(point.Length)] ^= (byte)(1 << random.Next(8));
            Assert.Throws<TransferException>(() => receiver.Read(HashTests.Session, 0, point, keys));
        }
    }

    [Fact]
    public void Coordinates_are_below_the_prime_and_infinity_is_no_point()
    {
        Assert.False(P256.IsPoint(new byte[P256.PointBytes]));
        Assert.False(P256.IsPoint(Enumerable.Repeat((byte)0xff, P256.PointBytes).ToArray()));

        // x = 0 has a root of b as y; x = p is the same point, written in a way that is not allowed.
        byte[] point = new byte[P256.PointBytes];
        Convert.FromHexString("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4").CopyTo(point, 32);
        Assert.True(P256.IsPoint(point));
        Convert.FromHexString("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff").CopyTo(point, 0);
        Assert.False(P256.IsPoint(point));
    }

    [Fact]
    public void The_generators_multiples_are_points()
    {
        using ECDiffieHellman key = P256.CreateKey();
        byte[] point = new byte[P256.PointBytes];
        P256.Write(key, point);
        Assert.True(P256.IsPoint(point));
        using ECDiffieHellman other = P256.CreateKey();
        byte[] theirs = new byte[P256.PointBytes];
        P256.Write(other, theirs);
        Assert.Equal(P256.Multiply(key, theirs), P256.Multiply(other, point));
    }

    private static byte[] Choices()
    {
        byte[] choices = new byte[BaseTransfers.Count];
        new Random(3).NextBytes(choices);
        return [.. choices.Select(choice => (byte)(choice & 1))];
    }
}
