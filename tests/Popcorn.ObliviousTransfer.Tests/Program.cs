using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.ObliviousTransfer.Tests;

/// <summary>What the tests run in processes of their own.</summary>
internal static class Program
{
    private const int Batch = 250_000;

    /// <param name="args">
    /// "transcript"; or "server COUNT", which prints the port it listens on; or "client COUNT PORT".
    /// </param>
    public static async Task Main(string[] args)
    {
        switch (args)
        {
            case ["transcript"]:
                Console.WriteLine(Transcript.Fingerprint());
                break;

            case ["server", string count]:
                using (var listener = new TcpListener(IPAddress.Loopback, 0))
                {
                    listener.Start();
                    Console.WriteLine(((IPEndPoint)listener.LocalEndpoint).Port);
                    using TcpClient client = await listener.AcceptTcpClientAsync();
                    await RunAsync(Party.Server, client.GetStream(), int.Parse(count, CultureInfo.InvariantCulture));
                }

                break;

            case ["client", string count, string port]:
                using (var client = new TcpClient())
                {
                    await client.ConnectAsync(IPAddress.Loopback, int.Parse(port, CultureInfo.InvariantCulture));
                    await RunAsync(Party.Client, client.GetStream(), int.Parse(count, CultureInfo.InvariantCulture));
                }

                break;

            default:
                throw new ArgumentException("transcript, server COUNT, or client COUNT PORT");
        }
    }

    /// <summary>Makes COTs in both directions; the server then shows the client its own, which checks them.</summary>
    private static async Task RunAsync(Party self, Stream stream, int count)
    {
        await using var exchange = new StreamExchange(stream);
        int step = 0;
        using SetUp setUp = SetUp.For(self);
        await setUp.RunAsync(exchange, step++);
        using Transfers transfers = setUp.Finish();
        long right = 0, bytes = 0;
        Block[] sent = new Block[Batch], received = new Block[Batch];
        for (int made = 0; made < count; made += Batch)
        {
            using Protocol extension = transfers.Extend(Batch, Batch);
            await extension.RunAsync(exchange, step++);
            bytes += extension.Flows.Sum(flow => flow.Bytes);
            transfers.Sending.Take(sent);
            transfers.Receiving.Take(received);
            if (self == Party.Server)
            {
                Block[] all = [transfers.Sending.Delta, .. sent, .. received];
                await exchange.SendAsync(step++, 0, MemoryMarshal.AsBytes(all.AsSpan()).ToArray());
            }
            else
            {
                ReadOnlyMemory<byte> all = await exchange.ReceiveAsync(step++, 0);
                right += Count(all.Span, transfers.Sending.Delta, sent, received);
            }
        }

        double bits = 8.0 * bytes / (2L * count);
        Console.WriteLine(self == Party.Client ? $"{right} right, {bits:0.000} bits each" : "done");
    }

    private static long Count(ReadOnlySpan<byte> servers, Block delta, Block[] sent, Block[] received)
    {
        ReadOnlySpan<Block> theirs = MemoryMarshal.Cast<byte, Block>(servers);
        Block theirDelta = theirs[0];
        ReadOnlySpan<Block> theySent = theirs[1..(Batch + 1)], theyReceived = theirs[(Batch + 1)..];
        long right = 0;
        for (int i = 0; i < Batch; i++)
        {
            right += Right(theySent[i], received[i], theirDelta) + Right(sent[i], theyReceived[i], delta);
        }

        return right;
    }

    private static int Right(Block q, Block t, Block delta) =>
        (q[0] & 1) == 0 && (q ^ t) == (delta & Vector128.Create(0 - (t[0] & 1))) ? 1 : 0;
}
