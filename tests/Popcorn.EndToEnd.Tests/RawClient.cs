using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Google.Protobuf;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;
using Popcorn.Hosting;
using PublicNetwork = Popcorn.Engine.Model.PublicNetwork;

namespace Popcorn.EndToEnd.Tests;

/// <summary>A client that does what it likes, from an address of its choice.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly HttpMessageInvoker _http;
    private readonly byte[] _buffer = new byte[WireLimits.MaxMessageBytes];

    private RawClient(IPAddress from)
    {
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
                {
                    NoDelay = true,
                };
                try
                {
                    socket.Bind(new IPEndPoint(from, 0));
                    await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        });
        _socket.Options.AddSubProtocol(WireLimits.Subprotocol);
    }

    public static async Task<RawClient> ConnectAsync(string url, IPAddress from, CancellationToken cancellationToken)
    {
        var client = new RawClient(from);
        try
        {
            var server = new UriBuilder(url) { Scheme = "ws", Path = PopcornClient.DefaultPath };
            await client._socket.ConnectAsync(server.Uri, client._http, cancellationToken);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    public Task SendAsync(byte[] message, CancellationToken cancellationToken) =>
        _socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, cancellationToken);

    public Task SendAsync(Frame frame, CancellationToken cancellationToken) =>
        SendAsync(frame.ToByteArray(), cancellationToken);

    /// <summary>Introduces itself.</summary>
    public Task HelloAsync(ClientParty party, string model, CancellationToken cancellationToken) => SendAsync(
        new Frame
        {
            Hello = new Hello
            {
                Version = WireLimits.Version,
                Model = model,
                Offers = { new Offer { Family = "blinded", Opening = ByteString.CopyFrom(party.Opening.Span) } },
            },
        },
        cancellationToken);

    /// <summary>Introduces itself and agrees on the plan.</summary>
    public async Task<Plan> AgreeAsync(ClientParty party, string model, CancellationToken cancellationToken)
    {
        await HelloAsync(party, model, cancellationToken);
        Welcome welcome = (await ReceiveAsync(cancellationToken)).Welcome
            ?? throw new WebSocketException("The server sent no Welcome.");
        PublicNetwork network = PublicNetworkCodec.Decode(welcome.Network);
        Plan plan = party.Agree(network, welcome.Terms.Span);
        await SendAsync(
            new Frame { Accept = new Accept { PlanHash = ByteString.CopyFrom(plan.Hash.Span) } }, cancellationToken);
        return plan;
    }

    /// <summary>The next message, or a failure where there is none.</summary>
    public async Task<Frame> ReceiveAsync(CancellationToken cancellationToken)
    {
        int length = 0;
        while (true)
        {
            ValueWebSocketReceiveResult part =
                await _socket.ReceiveAsync(_buffer.AsMemory(length), cancellationToken);
            length += part.Count;
            if (part.MessageType == WebSocketMessageType.Close)
            {
                throw new WebSocketException("The server closed the connection.");
            }

            if (part.EndOfMessage)
            {
                return Frame.Parser.ParseFrom(_buffer.AsSpan(0, length));
            }
        }
    }

    /// <summary>Reads until the server ends the connection.</summary>
    public async Task UntilSentAwayAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await ReceiveAsync(cancellationToken);
            }
        }
        catch (WebSocketException)
        {
            // It did.
        }
    }

    /// <summary>Leaves without a word.</summary>
    public void Dispose()
    {
        _socket.Abort();
        _socket.Dispose();
        _http.Dispose();
    }
}
