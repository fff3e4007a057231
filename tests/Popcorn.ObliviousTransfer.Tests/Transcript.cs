using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.ObliviousTransfer.Tests;

/// <summary>
/// A connection whose randomness is all known, from the base transfers' keys on: everything that it sends and makes
/// is the same wherever and whenever it runs.
/// </summary>
internal static class Transcript
{
    /// <summary>Both ends.</summary>
    /// <param name="seed">Of all randomness.</param>
    /// <param name="steady">The silent set, if any.</param>
    /// <param name="identifier">The session's; null: that of the seed.</param>
    public static (Transfers Server, Transfers Client) Connect(
        int seed, FerretParameters? steady, byte[]? identifier = null)
    {
        byte[] session = new byte[32];
        new Random(seed).NextBytes(session);
        session = identifier ?? session;
        (CotSender server, CotReceiver client) = Direction(seed, 0, session, steady);
        (CotSender clientSending, CotReceiver serverReceiving) = Direction(seed, 1, session, steady);
        return (
            new Transfers(Party.Server, session, server, serverReceiving),
            new Transfers(Party.Client, session, clientSending, client));
    }

    /// <summary>What a hash makes of all messages and pads of one connection.</summary>
    public static string Fingerprint()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (FerretParameters? steady in new[] { null, FerretParameters.Depth10 })
        {
            (Transfers server, Transfers client) = Connect(21, steady);
            using (server)
            using (client)
            {
                TwoParties.Extend(server, client, 3000, 2000).ForEach(hash.AppendData);
                foreach (Transfers party in new[] { server, client })
                {
                    BitPlanes pads = new(24, 400), choices = new(3, 400), pad = new(3, 400);
                    party.Pads.Send(PadUse.OneOfMany, 3, 3, pads);
                    party.Pads.Receive(PadUse.OneOfMany, 3, 3, choices, pad);
                    foreach (BitPlanes planes in new[] { pads, choices, pad })
                    {
                        hash.AppendData(MemoryMarshal.AsBytes(planes.Span));
                    }
                }
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static (CotSender Sender, CotReceiver Receiver) Direction(
        int seed, int direction, byte[] session, FerretParameters? steady)
    {
        Block delta = Blocks.Random(seed + direction + 100, 1)[0] | Vector128.CreateScalar(1ul);
        using SecretArray<Block> pairs = new(256), keys = new(128);
        Blocks.Random(seed + direction + 200, 256).CopyTo(pairs.Span);
        byte[] choices = new byte[128], message = new byte[SmallField.TreeBytes];
        SoftSpokenSender.ChoicesFor(delta, choices);
        for (int i = 0; i < choices.Length; i++)
        {
            keys[i] = pairs[(2 * i) + choices[i]];
        }

        var receiver = new SoftSpokenReceiver(
            session, direction, Blocks.Random(seed + direction + 300, SmallField.Digits), pairs, message);
        var sender = new SoftSpokenSender(session, direction, delta, keys, message);
        return (
            new CotSender(session, direction, steady, delta, sender, new Seeded(seed + direction + 400)),
            new CotReceiver(session, direction, steady, receiver));
    }
}
