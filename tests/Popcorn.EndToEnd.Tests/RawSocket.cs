using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Popcorn.Engine.Wire;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A WebSocket by hand, frame by frame: no library would send what tests want to see refused.</summary>
internal sealed class RawSocket : IDisposable
{
    private readonly Socket _socket;
    private readonly NetworkStream _stream;

    private RawSocket(Socket socket)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>Connects and shakes hands.</summary>
    public static async Task<RawSocket> OpenAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", port);
        var raw = new RawSocket(socket);
        await raw.SendBytesAsync(Encoding.ASCII.GetBytes(
            $"GET /popcorn HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + $"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            + $"Sec-WebSocket-Protocol: {WireLimits.Subprotocol}\r\n\r\n"));
        var answer = new List<byte>();
        while (!answer.TakeLast(4).SequenceEqual("\r\n\r\n"u8.ToArray()))
        {
            answer.Add((await raw.ReadAsync(1))[0]);
        }

        Assert.StartsWith("HTTP/1.1 101", Encoding.ASCII.GetString([.. answer]), StringComparison.Ordinal);
        return raw;
    }

    /// <summary>A frame's bytes.</summary>
    /// <param name="payload">What it holds.</param>
    /// <param name="opcode">2: binary, 0: another fragment of the message before.</param>
    /// <param name="isLast">Whether the message ends with it.</param>
    /// <param name="isMasked">Whether it is masked, as a client's frames must be.</param>
    /// <param name="reserved">The three bits that must be 0.</param>
    /// <param name="length">The length it says, in eight bytes; null: its own.</param>
    public static byte[] Frame(
        ReadOnlySpan<byte> payload, int opcode = 2, bool isLast = true, bool isMasked = true, int reserved = 0,
        ulong? length = null)
    {
        var frame = new List<byte> { (byte)((isLast ? 0x80 : 0) | reserved << 4 | opcode) };
        int mask = isMasked ? 0x80 : 0;
        Span<byte> number = stackalloc byte[8];
        if (length is null && payload.Length < 126)
        {
            frame.Add((byte)(mask | payload.Length));
        }
        else
        {
            frame.Add((byte)(mask | 127));
            BinaryPrimitives.WriteUInt64BigEndian(number, length ?? (ulong)payload.Length);
            frame.AddRange(number);
        }

        if (isMasked)
        {
            frame.AddRange([1, 2, 3, 4]);
        }

        for (int i = 0; i < payload.Length; i++)
        {
            frame.Add((byte)(payload[i] ^ (isMasked ? 1 + i % 4 : 0)));
        }

        return [.. frame];
    }

    /// <summary>Sends a message in one frame.</summary>
    public Task SendAsync(ReadOnlyMemory<byte> message) => SendBytesAsync(Frame(message.Span));

    /// <summary>Sends a frame.</summary>
    public Task SendFrameAsync(
        byte[] payload, int opcode = 2, bool isLast = true, bool isMasked = true, int reserved = 0,
        ulong? length = null) =>
        SendBytesAsync(Frame(payload, opcode, isLast, isMasked, reserved, length));

    /// <summary>Sends bytes as they are.</summary>
    public async Task SendBytesAsync(byte[] bytes) => await _stream.WriteAsync(bytes);

    /// <summary>The content of the next frame.</summary>
    public async Task<byte[]> ReadFrameAsync()
    {
        byte[] head = await ReadAsync(2);
        int length = head[1] switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(await ReadAsync(2)),
            127 => (int)BinaryPrimitives.ReadUInt64BigEndian(await ReadAsync(8)),
            _ => head[1],
        };
        return await ReadAsync(length);
    }

    /// <summary>Reads until the server ends the connection; false where it does not within a time.</summary>
    public async Task<bool> ReadToEndAsync(TimeSpan time)
    {
        using var patience = new CancellationTokenSource(time);
        var buffer = new byte[1 << 16];
        try
        {
            while (await _stream.ReadAsync(buffer, patience.Token) > 0)
            {
            }

            return true;
        }
        catch (IOException)
        {
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Ends the connection with a reset instead of a goodbye.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Close();
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private async Task<byte[]> ReadAsync(int count)
    {
        using var patience = new CancellationTokenSource(Eventually.Patience);
        var bytes = new byte[count];
        await _stream.ReadExactlyAsync(bytes, patience.Token);
        return bytes;
    }
}

/// <summary>What a client's frames must not be.</summary>
internal static class RawBreaches
{
    /// <summary>Each by its name.</summary>
    public static IReadOnlyDictionary<string, Func<RawSocket, Task>> All { get; } =
        new Dictionary<string, Func<RawSocket, Task>>
        {
            ["a frame without a mask"] = socket => socket.SendFrameAsync([1, 2, 3], isMasked: false),
            ["a length of 2^63 - 1"] = socket => FloodAsync(socket, RawSocket.Frame([], length: long.MaxValue), 20),
            ["a length of 2^64 - 1"] = socket => socket.SendFrameAsync([], length: ulong.MaxValue),
            ["a byte more than a message may have"] =
                socket => socket.SendAsync(new byte[WireLimits.MaxMessageBytes + 1]),
            ["as many bytes as a message may have"] = socket => socket.SendAsync(new byte[WireLimits.MaxMessageBytes]),
            ["a message too long in fragments"] = async socket =>
            {
                await socket.SendFrameAsync(new byte[1 << 16], isLast: false);
                for (int i = 0; i < 40; i++)
                {
                    await socket.SendFrameAsync(new byte[1 << 16], opcode: 0, isLast: false);
                }
            },
            ["fragments of nothing without an end"] = async socket =>
            {
                await socket.SendFrameAsync([], isLast: false);
                for (int i = 0; i < 10_000; i++)
                {
                    await socket.SendFrameAsync([], opcode: 0, isLast: false);
                }
            },
            ["a message within a message"] = async socket =>
            {
                await socket.SendFrameAsync([1], isLast: false);
                await socket.SendFrameAsync([2]);
            },
            ["a fragment of no message"] = socket => socket.SendFrameAsync([1], opcode: 0),
            ["text"] = socket => socket.SendFrameAsync("hello"u8.ToArray(), opcode: 1),
            ["an opcode that is not known"] = socket => socket.SendFrameAsync([1], opcode: 5),
            ["a control opcode that is not known"] = socket => socket.SendFrameAsync([1], opcode: 11),
            ["reserved bits"] = socket => socket.SendFrameAsync([1], reserved: 7),
            ["a ping too long"] = socket => socket.SendFrameAsync(new byte[200], opcode: 9),
            ["a ping in fragments"] = socket => socket.SendFrameAsync([1], opcode: 9, isLast: false),
            ["a goodbye of one byte"] = socket => socket.SendFrameAsync([3], opcode: 8),
            ["a goodbye with a code that is none"] = socket => socket.SendFrameAsync([0, 1], opcode: 8),
            ["a goodbye that is no UTF-8"] = socket => socket.SendFrameAsync([3, 233, 0xff, 0xfe], opcode: 8),
            ["a goodbye that moves the cursor"] =
                socket => socket.SendFrameAsync([15, 160, .. "\e[2J\nfake"u8], opcode: 8),
            ["an empty message"] = socket => socket.SendAsync(Array.Empty<byte>()),
            ["a frame cut short, then nothing"] = socket => socket.SendBytesAsync(RawSocket.Frame(new byte[100])[..50]),
            ["nothing at all"] = _ => Task.CompletedTask,
            ["bytes of no frame"] = socket => socket.SendBytesAsync([.. Enumerable.Repeat((byte)0xff, 5000)]),
            ["pings without end, no pong read"] =
                socket => FloodAsync(socket, RawSocket.Frame(new byte[125], opcode: 9), 20_000),
            ["a megabyte of messages before any answer is read"] =
                socket => FloodAsync(socket, RawSocket.Frame([0x2a, 0]), 100_000),
        };

    private static async Task FloodAsync(RawSocket socket, byte[] frame, int times)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        for (int i = 0; i < times && !patience.IsCancellationRequested; i++)
        {
            await socket.SendBytesAsync(frame).WaitAsync(Eventually.Patience);
        }
    }
}
