import Bodkin
import BodkinCore
import BodkinEmulation
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import FoundationEssentials
import NIOCore
import NIOEmbedded
import SwiftProtobuf

/// One peer in a network of its own, with a hostile server, and hostile remote peers on host `b`. Confined to the network's event loop.
final class FuzzedPeer {
    /// The most paths and circuits that are kept: the oldest makes room.
    private static let pathLimit = 48
    /// The port at which the remote peers may be reached.
    static let remotePort: UInt16 = 4_000

    let network: VirtualNetwork
    let keys: HostileKeys
    var counts: PeerFuzzer.Counts
    var messages: HostileMessages
    var frames: FuzzedFrames
    let server: HostileServer
    let peer: EmbeddedPeer
    /// The way out of the remote peers' host.
    let gate: Gate
    var paths: [HostilePath] = []
    var circuits: [AttemptID: CircuitChannel] = [:]
    private var circuitOrder: [AttemptID] = []
    /// What the peer proves its NAT bindings with.
    var stunKey: [UInt8] = []
    private var listener: (any Channel)?
    private var changes: UInt32 = 0
    /// What there has been of the peer and its network.
    private(set) var remains = Remains()

    init(_ keys: HostileKeys, seed: UInt64, _ counts: PeerFuzzer.Counts) throws {
        var random = SplitMix64(state: seed)
        self.keys = keys
        self.counts = counts
        let presets = NATPreset.allCases.filter { $0 != .only443 }
        let link = LinkParameters(delay: .milliseconds(Int64(1 + random.below(20))))
        var topology = Topology.pair(presets[Int(random.below(UInt64(presets.count)))], .open, link: link, seed: random.next())
        topology.addHost("third", behind: .open, link: link)
        network = VirtualNetwork(topology)
        let remote = network.host("b")
        let place = remote.addresses[0]
        let ports = [Self.remotePort, Self.remotePort + 1, 5_000, 22, 0]
        let addresses = [place, place, place, network.host("third").addresses[0], network.host("server").addresses[0]]
        let odd = [
            IPAddress(v4: 0xC0A8_0A01), IPAddress(v4: 0x7F00_0001), IPAddress(v4: 0xE000_0001), IPAddress(v6High: 0x2001_0DB8_0000_0001, low: 9),
        ]
        let endpoints =
            addresses.flatMap { address in ports.prefix(3).map { Endpoint(address, $0) } } + odd.flatMap { o in ports.map { Endpoint(o, $0) } }
        messages = try HostileMessages(keys, at: endpoints, seed: random.next())
        frames = FuzzedFrames(seed: random.next())
        server = try HostileServer(keys, on: network)
        gate = Gate(before: remote, on: network.loop)
        var configuration = Peer.Configuration(identity: keys.peer, rendezvous: server.url)
        configuration.system = network.host("a")
        configuration.profilesNetwork = false
        configuration.admission = random.chance(4) ? .only(Set(keys.authors.map(\.peer))) : .anyone
        configuration.paths = random.chance(6) ? .relayOnly : random.chance(6) ? .directOnly : .all
        configuration.allowsPrivateAddresses = random.chance(4)
        configuration.receiveMemory = 4 << 20
        peer = try EmbeddedPeer(configuration, on: network.loop)
        self.counts.peers += 1
        server.onMessage = { [weak self] in self?.heard($0) }
        server.onRequest = { [weak self] in self?.answer($0, from: $1) }
        let accept: (any Channel) throws -> Void = { [weak self] in try self?.accepted($0) }
        listener = try remote.listen(
            .v4, port: Self.remotePort, isShared: false, on: network.loop, accept: NIOLoopBound(accept, eventLoop: network.loop)
        ).wait()
    }

    /// Gives the peer inputs until all peers have had `end`, or a refusal has ended this one. Then ends the peer, of which nothing may be left.
    func run(until end: Int) throws {
        while counts.inputs < end, !peer.isOver {
            try step()
            server.flush()
            network.run(for: .microseconds(frames.random.chance(16) ? Int64(frames.random.below(200_000)) : Int64(frames.random.below(3_000))))
            if !peer.isWithinBounds { counts.report("a bound does not hold: \(peer.inventory)") }
            counts.mostSessions = max(counts.mostSessions, peer.sessions.count)
            if server.link == nil, !peer.isOver { awaitLink() }
            if counts.inputs % 16 == 0 { remains.watch(peer.parts) }
        }
        if peer.isOver { counts.refusedPeers += 1 }
        remains.watch(peer.parts)
        remains.watch([("network", network), ("event loop", network.loop)])
        peer.close()
        listener?.close(promise: nil)
        for path in paths { path.close() }
        for circuit in Array(circuits.values) { circuit.close(promise: nil) }
        network.run(for: .seconds(30))
        if peer.inventory.circuits + peer.inventory.sessions + peer.inventory.calledDials + peer.inventory.unopened > 0 {
            counts.report("a closed peer has \(peer.inventory)")
        }
        try network.close()
    }

    /// A peer whose link has ended dials again, with an exponential back-off.
    private func awaitLink() {
        guard !network.run(atMost: .seconds(120), until: { server.link != nil || peer.isOver }) else { return }
        counts.report("the peer has not come back to its server within two minutes")
    }

    private func step() throws {
        counts.inputs += 1
        switch frames.random.below(100) {
        case 0..<42: sayAnything()
        case 42..<78: sendFrames()
        case 78..<82: try call()
        case 82..<85: try connect()
        case 85..<98: act()
        default: try disturb()
        }
    }

    // MARK: The server

    /// A message of the server: as it is, changed, or garbage.
    private func sayAnything() {
        let body = messages.body(keys)
        say(body, mayChange: true)
    }

    func say(_ body: WireEnvelope.OneOf_Body, mayChange: Bool = false) {
        var buffer = ByteBuffer()
        guard (try? EnvelopeFraming.write(body, to: &buffer)) != nil else { return }
        var bytes = Array(buffer.readableBytesView)
        counts.messages[body.kind, default: 0] += 1
        if mayChange, messages.random.chance(40) {
            counts.mutated += 1
            // Most changes leave the length as it is, so that the link goes on.
            for _ in 0...messages.below(3) where bytes.count > 3 {
                let index = messages.random.chance(40) ? messages.below(bytes.count) : 3 + messages.below(bytes.count - 3)
                bytes[index] = UInt8(truncatingIfNeeded: messages.random.next())
            }
        }
        server.send(bytes)
    }

    // MARK: Paths

    /// A path that has been authenticated may send.
    func keep(_ path: HostilePath) {
        paths.removeAll(where: \.isClosed)
        if paths.count >= Self.pathLimit { paths.removeFirst().close() }
        paths.append(path)
        path.onSecured = { [weak self] in self?.secured($0) }
        path.onOpening = { [weak self] in self?.opened($0) }
    }

    func keep(_ circuit: CircuitChannel, _ attempt: AttemptID) {
        messages.remember(attempt)
        circuits[attempt] = circuit
        circuitOrder.append(attempt)
        guard circuitOrder.count > Self.pathLimit else { return }
        circuits.removeValue(forKey: circuitOrder.removeFirst())?.close(promise: nil)
    }

    private func secured(_ path: HostilePath) {
        if path.path.kind == .circuit { counts.circuits += 1 } else { counts.directPaths += 1 }
        guard path.role == .dialer, !frames.random.chance(30) else { return }
        // A session of its own, or one that there is: with the same remote peer, or with another one.
        let isNew = messages.sessions.isEmpty || frames.random.chance(2)
        let session =
            isNew ? SessionID(high: frames.random.next(), low: frames.random.next()) : messages.sessions[messages.below(messages.sessions.count)]
        let mode: PathOpening.Mode = isNew ? (frames.random.chance(3) ? .offer : .start) : .attach
        messages.remember(session)
        path.open(
            frames.opening(
                session, from: frames.random.chance(20) ? .random() : path.author.instance, to: frames.random.chance(20) ? .random() : peer.instance,
                mode: mode, kind: path.path.kind, generation: 1 + frames.random.below(3), nextExpected: isNew ? 0 : frames.random.below(3)))
    }

    /// The peer has opened a path: as the dialer, or in answer to ours.
    private func opened(_ path: HostilePath) {
        guard let opening = path.opening else { return }
        counts.opened += 1
        messages.remember(opening.session)
        guard path.answer == nil, !frames.random.chance(20) else { return }
        path.open(
            frames.opening(
                opening.session, from: path.author.instance, to: opening.sender, mode: .attach, kind: path.path.kind,
                generation: frames.random.chance(20) ? frames.random.below(5) : opening.generation, nextExpected: frames.random.below(2)))
    }

    private func sendFrames() {
        let ready = paths.filter(\.isReady)
        guard !ready.isEmpty else { return sayAnything() }
        counts.frames += 1
        let path = ready[Int(frames.random.below(UInt64(ready.count)))]
        path.send(frames.next(&path.expected, for: path.role == .dialer ? .called : .dialer))
    }

    // MARK: The network

    /// Something happens to the network.
    private func disturb() throws {
        let boxes = network.topology.boxes.map(\.name)
        switch frames.random.below(8) {
        case 0: server.hangUp()
        // The peer finds out by its silence.
        case 1 where !boxes.isEmpty:
            try network.apply(.reboot(boxes[0]))
            network.run(for: .seconds(15))
        case 2 where !boxes.isEmpty:
            changes += 1
            // A firewall has no address of its own.
            try? network.apply(.addressChange(boxes[boxes.count - 1], IPAddress(v4: 0xCB00_71C8 + changes % 40)))
            network.run(for: .seconds(15))
        case 3:
            try network.apply(.link("a", isUp: false))
            network.run(for: .milliseconds(Int64(frames.random.below(3_000))))
            try network.apply(.link("a", isUp: true))
        case 4: try network.apply(.loss("a", 0.2, .seconds(2)))
        case 5: network.run(for: .seconds(Double(frames.random.below(frames.random.chance(10) ? 400 : 12))))
        case 6:
            var links: [Topology.Interface] = []
            network.host("a").change { swap(&$0, &links) }
            network.run(for: .milliseconds(Int64(frames.random.below(20_000))))
            network.host("a").change { swap(&$0, &links) }
        default: network.run(for: .milliseconds(Int64(frames.random.below(2_000))))
        }
    }
}

extension WireEnvelope.OneOf_Body {
    /// The message's name.
    var kind: String { Mirror(reflecting: self).children.first?.label ?? "none" }
}
