using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>
/// Gates in an order in which each reads only what is there, and the flows that their messages travel in: the client's
/// corrections are flow 0 if they are not sent in prepare, the server sends in odd flows, the client in even ones. A
/// message goes with the first flow after its sender knows what it is made of.
/// </summary>
internal sealed class Circuit
{
    private readonly List<Gate> _gates = [];
    private readonly List<PartyTimes> _times = [];
    private readonly Gate[][] _senders;
    private readonly Gate[] _prepared;
    private readonly Gate[][] _finishedByServer;
    private readonly Gate[][] _finishedByClient;
    private readonly int[] _planes;
    private readonly PadDraw[] _draws; // of all gates: gates make their lists anew
    private GatePlaces _end;

    /// <summary>Gates over inputs.</summary>
    /// <param name="inputPlanes">Planes of all inputs.</param>
    /// <param name="known">Whether the client knows its inputs in prepare.</param>
    /// <param name="build">Adds the gates; returns the result, of which the server's share is wanted.</param>
    public Circuit(int inputPlanes, bool known, Func<Circuit, Wire> build)
    {
        InputPlanes = inputPlanes;
        IsKnown = known;
        Result = build(this);
        Schedule();
        int[] flows = [.. Enumerable.Range(0, LastFlow + 1)];
        _senders = [.. flows.Select(flow => flow == 0
            ? [.. _gates.Where(gate => gate.CorrectionPlanes > 0)]
            : Where(times => times.Sent(SenderOf(flow)) == flow))];
        _prepared = [.. _gates.Where(gate => gate.PreparedPlanes > 0)];
        _finishedByServer = [.. flows.Select(flow => Where(times => times.ReadyForServer == flow))];
        _finishedByClient = [.. flows.Select(flow => Where(times => times.ReadyForClient == flow))];
        _draws = [.. _gates.SelectMany(gate => gate.Draws)];
        _planes = [.. flows.Select(flow => _senders[flow].Sum(gate =>
            flow == 0 ? gate.CorrectionPlanes : gate.MessagePlanes(SenderOf(flow))))];
        PreparedPlanes = _prepared.Sum(gate => gate.PreparedPlanes);
        ScratchPlanes = _gates.Max(gate => gate.ScratchPlanes);
        Flows = [.. flows.Where(flow => (flow > 0 || !IsKnown) && PlanesOf(flow) > 0)];
    }

    /// <summary>The gates.</summary>
    public IReadOnlyList<Gate> Gates => _gates;

    /// <summary>Planes of all inputs.</summary>
    public int InputPlanes { get; }

    /// <summary>Whether the client knows its inputs in prepare.</summary>
    public bool IsKnown { get; }

    /// <summary>What is computed.</summary>
    public Wire Result { get; }

    /// <summary>Flows that carry something, in order, as they are counted above.</summary>
    public IReadOnlyList<int> Flows { get; }

    /// <summary>Planes of all results.</summary>
    public int ResultPlanes => _end.Result;

    /// <summary>Planes of the client's corrections.</summary>
    public int CorrectionPlanes => _planes[0];

    /// <summary>Planes of the server's message in prepare.</summary>
    public int PreparedPlanes { get; }

    /// <summary>Planes that the greediest gate wants for a moment.</summary>
    public int ScratchPlanes { get; }

    /// <summary>Who sends in a flow.</summary>
    public static Party SenderOf(int flow) => (Party)(1 - (flow & 1));

    /// <summary>Adds a gate.</summary>
    /// <returns>Its result.</returns>
    public Wire Add(Gate gate)
    {
        gate.Places = _end;
        _end = new GatePlaces(
            _end.Result + gate.ResultPlanes,
            _end.ServerTicket + gate.TicketPlanes(Party.Server),
            _end.ClientTicket + gate.TicketPlanes(Party.Client),
            _end.ServerDraft + gate.DraftPlanes(Party.Server),
            _end.ClientDraft + gate.DraftPlanes(Party.Client),
            _end.FromServer + gate.MessagePlanes(Party.Server),
            _end.FromClient + gate.MessagePlanes(Party.Client));
        _gates.Add(gate);
        return new Wire(_gates.Count - 1, gate.Places.Result, gate.ResultPlanes);
    }

    /// <summary>Planes of a party's tickets.</summary>
    public int TicketPlanes(Party party) => party == Party.Server ? _end.ServerTicket : _end.ClientTicket;

    /// <summary>Planes that a party keeps during prepare only.</summary>
    public int DraftPlanes(Party party) => party == Party.Server ? _end.ServerDraft : _end.ClientDraft;

    /// <summary>Planes of all messages of a party in the query, but for corrections.</summary>
    public int MessagePlanes(Party from) => from == Party.Server ? _end.FromServer : _end.FromClient;

    /// <summary>COTs that one party sends, for an item.</summary>
    public int Cots(Party sender)
    {
        int cots = 0;
        foreach (PadDraw draw in _draws)
        {
            cots += draw.Sender == sender ? draw.ChoiceBits : 0;
        }

        return cots;
    }

    /// <summary>Hashes of blocks that a party computes for an item: all pads as sender, one as receiver.</summary>
    public int HashCalls(Party party) => _draws.Sum(draw => draw.Sender == party ? 1 << draw.ChoiceBits : 1);

    /// <summary>Planes of a flow.</summary>
    public int PlanesOf(int flow) => _planes[flow];

    /// <summary>Gates for which a party sends something in prepare, in order; the client corrections.</summary>
    public IReadOnlyList<Gate> PreparedBy(Party party) => party == Party.Client ? _senders[0] : _prepared;

    /// <summary>Gates whose message (in flow 0: corrections) a flow carries, in order.</summary>
    public ReadOnlySpan<Gate> SendersOf(int flow) => _senders[flow];

    /// <summary>Gates that a party finishes when it has read a flow; 0: at the beginning.</summary>
    public ReadOnlySpan<Gate> FinishedAfter(int flow, Party party) =>
        (party == Party.Server ? _finishedByServer : _finishedByClient)[flow];

    private int LastFlow => _times.Max(times => Math.Max(times.SentByClient, times.SentByServer));

    private Gate[] Where(Func<PartyTimes, bool> isWanted) =>
        [.. _gates.Where((_, number) => isWanted(_times[number]))];

    private void Schedule()
    {
        // Once to know which flow of the client's is its last one.
        int last = 0;
        for (int round = 0; round < 2; round++)
        {
            _times.Clear();
            foreach (Gate gate in _gates)
            {
                _times.Add(TimesOf(gate, last));
            }

            last = _times.Max(times => times.SentByClient);
        }
    }

    private PartyTimes TimesOf(Gate gate, int last)
    {
        int server = 0, client = 0;
        if (gate.MessagePlanes(Party.Server) > 0)
        {
            server = NextFlow(Party.Server, Latest(gate.MessageInputs(Party.Server), Party.Server));
        }

        if (gate.MessagePlanes(Party.Client) > 0)
        {
            int inputs = Latest(gate.MessageInputs(Party.Client), Party.Client);
            client = NextFlow(Party.Client, gate.ClientAnswers ? Math.Max(inputs, server) : inputs);
            client = gate.ClientIsLast ? Math.Max(client, last) : client;
        }

        return new PartyTimes(
            server,
            client,
            Math.Max(client, Latest(gate.ResultInputs(Party.Server), Party.Server)),
            Math.Max(server, Latest(gate.ResultInputs(Party.Client), Party.Client)));
    }

    private int Latest(IEnumerable<Wire> wires, Party party) =>
        wires.Select(wire => wire.Gate == Wire.Input ? 0 : _times[wire.Gate].Ready(party)).DefaultIfEmpty(0).Max();

    private static int NextFlow(Party party, int after) =>
        SenderOf(after + 1) == party ? after + 1 : after + 2;

    /// <summary>The flows of a gate's messages (0: none), and after which flow each party has its result.</summary>
    private readonly record struct PartyTimes(
        int SentByServer, int SentByClient, int ReadyForServer, int ReadyForClient)
    {
        public int Sent(Party party) => party == Party.Server ? SentByServer : SentByClient;

        public int Ready(Party party) => party == Party.Server ? ReadyForServer : ReadyForClient;
    }
}
