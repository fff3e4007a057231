using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Tests.Symmetric;

namespace Popcorn.ObliviousTransfer.Tests.Extension;

public sealed class SoftSpokenTests : IDisposable
{
    private readonly Block _delta = Blocks.Random(11, 1)[0] | Vector128.CreateScalar(1ul);
    private readonly SecretArray<Block> _pairs = new(256);
    private readonly SecretArray<Block> _keys = new(128);
    private readonly byte[] _trees = new byte[SmallField.TreeBytes];

    public SoftSpokenTests()
    {
        Blocks.Random(12, 256).CopyTo(_pairs.Span);
        byte[] choices = new byte[128];
        SoftSpokenSender.ChoicesFor(_delta, choices);
        for (int i = 0; i < choices.Length; i++)
        {
            _keys[i] = _pairs[(2 * i) + choices[i]];
        }
    }

    public void Dispose()
    {
        _pairs.Dispose();
        _keys.Dispose();
    }

    [Fact]
    public void What_the_sender_has_is_what_the_receiver_has_plus_choice_times_delta_batch_after_batch()
    {
        (SoftSpokenSender sender, SoftSpokenReceiver receiver) = Begin(HashTests.Session);
        using (sender)
        using (receiver)
        {
            var all = new HashSet<Block>();
            long ones = 0;
            foreach (int count in new[] { 128, 1024, 256, 1152, 2048, 128, 8192 })
            {
                byte[] message = new byte[SmallField.BytesFor(count)];
                Assert.Equal(31 * count / 8, message.Length);
                Block[] q = new Block[count], t = new Block[count];
                receiver.Extend(message, t);
                sender.Extend(message, q);
                for (int i = 0; i < count; i++)
                {
                    ulong choice = t[i][0] & 1;
                    ones += (long)choice;
                    Assert.Equal(q[i] ^ (choice == 1 ? _delta : default), t[i]);
                    Assert.Equal(0ul, q[i][0] & 1);
                    Assert.True(all.Add(q[i]));
                }
            }

            // 13,056 fair coins: six deviations are 343.
            Assert.InRange(ones, (all.Count / 2) - 343, (all.Count / 2) + 343);
        }
    }

    [Fact]
    public void Batches_run_on_where_the_last_one_ended()
    {
        (SoftSpokenSender sender, SoftSpokenReceiver receiver) = Begin(HashTests.Session);
        (SoftSpokenSender other, SoftSpokenReceiver whole) = Begin(HashTests.Session);
        using (sender)
        using (receiver)
        using (other)
        using (whole)
        {
            Block[] parts = new Block[1280], once = new Block[1280];
            receiver.Extend(new byte[SmallField.BytesFor(384)], parts.AsSpan(0, 384));
            receiver.Extend(new byte[SmallField.BytesFor(896)], parts.AsSpan(384));
            whole.Extend(new byte[SmallField.BytesFor(1280)], once);
            Assert.Equal(once, parts);
        }
    }

    /// <summary>As an independent implementation makes it of the same seeds.</summary>
    [Fact]
    public void A_batch_is_frozen_and_another_session_is_another()
    {
        (string message, string cots) = Fingerprint(HashTests.Session);
        (string otherMessage, string otherCots) = Fingerprint(HashTests.SessionOf(1, 2, 4));
        Assert.NotEqual(message, otherMessage);
        Assert.NotEqual(cots, otherCots);
        Assert.Equal("5f87f710422217fc170b5f72fd9bb139", message);
        Assert.Equal("4defa54621d5bc6783eb3790b4a48f64", cots);
    }

    [Fact]
    public void The_choices_of_the_base_transfers_are_the_sides_that_are_not_on_the_path()
    {
        byte[] choices = new byte[128];
        SoftSpokenSender.ChoicesFor(Vector128.Create(0b0001ul, 0), choices);
        Assert.Equal([1, 1, 1, 0], choices[..4]);
        Assert.All(choices[4..], choice => Assert.Equal(1, choice));
    }

    private (string Message, string Cots) Fingerprint(byte[] session)
    {
        (SoftSpokenSender sender, SoftSpokenReceiver receiver) = Begin(session);
        using (sender)
        using (receiver)
        {
            byte[] message = new byte[SmallField.BytesFor(128)];
            var cots = new Block[128];
            receiver.Extend(message, cots);
            return (
                Convert.ToHexStringLower(SHA256.HashData([.. _trees, .. message]))[..32],
                Convert.ToHexStringLower(SHA256.HashData(Blocks.Bytes(cots)))[..32]);
        }
    }

    private (SoftSpokenSender Sender, SoftSpokenReceiver Receiver) Begin(byte[] session)
    {
        var receiver = new SoftSpokenReceiver(session, 0, Blocks.Random(13, SmallField.Digits), _pairs, _trees);
        return (new SoftSpokenSender(session, 0, _delta, _keys, _trees), receiver);
    }
}
