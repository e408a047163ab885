import Bodkin
import BodkinCore
import BodkinExercise
import BodkinIdentity
import BodkinNATLab
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

extension AbuseTests {
    /// A server that would be a peer itself, or has a peer meet one that it does not allow; and unknown hosts at a reserved port.
    @Suite("Others in the place of a peer, with the server's help")
    struct CircuitImpostorTests {
        // MARK: The server at the circuit's far end

        /// Dials the called peer by circuit alone, while the server answers the circuit with somebody's certificate.
        private static func dial(
            _ called: Identity, answeredBy somebody: Identity,
            _ body: @Sendable @escaping (_ near: Peer, _ far: Peer, _ log: EventLog, _ heard: Visits) async throws -> Void
        ) async throws {
            let heard = Visits()
            let context = try TLSContexts.server(CertificateIdentity(somebody), protocol: TLSContexts.peerProtocol)
            var lies = LyingServer.Lies()
            lies.circuit = { channel in
                let tls = NIOSSLServerHandler(context: context) { _, promise in promise.succeed(.certificateVerified) }
                try channel.pipeline.syncOperations.addHandlers([tls, WordCounter(heard)])
            }
            try await withLab(Topology.pair(.portRestricted, .portRestricted, seed: 1)) { lab in
                try await LyingServer.run(in: lab, lies) { server in
                    let place = PeerLab(lab: lab, url: server.url)
                    @Sendable func configure(_ configuration: inout Peer.Configuration) {
                        configuration.paths = .relayOnly
                        configuration.dialTimeout = .seconds(5)
                    }
                    let log = EventLog()
                    try await place.withPeer(in: "b", identity: called, { $0.admission = .anyone }) { far in
                        try await place.withPeer(in: "a", log: log, configure) { near in
                            try await far.registered()
                            try await near.registered()
                            try await body(near, far, log, heard)
                        }
                    }
                }
            }
        }

        @Test("a server that answers the circuit's handshake itself is refused as an impostor before it hears a word")
        func middle() async throws {
            try await Self.dial(.create(), answeredBy: .create()) { near, far, log, heard in
                let error = await #expect(throws: PeerError.self) { _ = try await near.connect(to: far.id) }
                #expect(error?.code == .unreachable)
                let circuits = error?.report?.attempts.filter { $0.route == .circuit } ?? []
                #expect(circuits.map(\.verdict) == [.impostor], "\(error.map { "\($0)" } ?? "")")
                #expect(error?.report?.route == nil)
                #expect(log.connections == 0)
                #expect(heard.count == 0)
            }
        }

        @Test("with the called peer's own key the same is no impostor: the key alone decides")
        func control() async throws {
            let called = try Identity.create()
            try await Self.dial(called, answeredBy: called) { near, far, log, heard in
                let connection = try await near.connect(to: far.id)
                #expect(connection.peer == far.id)
                try await eventually("the first word") { heard.count > 0 }
                #expect(log.connections == 1)
                connection.abort()
            }
        }

        // MARK: A Meet with whom nobody asked for

        /// A Meet with a peer that the server has made up, which signs that it is at this endpoint.
        private static func meet(at target: Endpoint, _ server: LyingServer) throws -> WireMeet {
            let identity = try Identity.create()
            let instance = InstanceID.random()
            var meet = WireMeet()
            meet.attempt = Data(AttemptID.random().bytes)
            meet.peer = Data(identity.peerID.publicKey)
            meet.instance = Data(instance.bytes)
            meet.card = try Card(
                peer: identity.peerID, instance: instance, sequence: 1, server: server.url.keyHash ?? [], expiry: server.now + 3_600_000,
                candidates: [Candidate(.serverReflexive, target)]
            ).signed(by: identity.privateKey)
            meet.observed = [WireTransportAddress(target)]
            meet.direct = true
            meet.intervalUs = 100_000
            return meet
        }

        private static func packets(from host: String, in events: [LabEvent]) -> [PacketSummary] {
            events.filter { $0.place == host && $0.action == .sent }.compactMap(\.packet)
        }

        @Test(
            "a Meet with a peer that may not dial is declined, and causes not one packet to its candidates, also where others may dial",
            arguments: [false, true])
        func uninvited(_ isListed: Bool) async throws {
            let admission: Peer.Admission = try isListed ? .only([Identity.create().peerID]) : .nobody
            var topology = Topology.pair(.portRestricted, .open, seed: 1)
            topology.addHost("c", behind: .portRestricted)
            var options = Lab.Options()
            options.isTracing = true
            try await withLab(topology, options: options) { lab in
                try await LyingServer.run(in: lab) { server in
                    let place = PeerLab(lab: lab, url: server.url)
                    let log = EventLog()
                    try await place.withPeer(in: "a", log: log, { $0.admission = admission }) { guarded in
                        try await place.withPeer(in: "c", { $0.admission = .anyone }) { welcoming in
                            try await guarded.registered()
                            try await welcoming.registered()
                            try await eventually("both NAT-binding connections") { server.state.withLock { $0.observed.count } == 2 }
                            _ = try await lab.takeEvents()
                            let target = Endpoint(try lab.host("b").address, 5000)
                            let meets = [try Self.meet(at: target, server), try Self.meet(at: target, server)]
                            server.send([.meet(meets[0])], to: guarded.id)
                            server.send([.meet(meets[1])], to: welcoming.id)
                            // Who welcomes anyone is told later, and fires: so would have the other one by then.
                            var events: [LabEvent] = []
                            try await eventually("both answers, and a third SYN of the one that welcomes anyone") {
                                events += try await lab.takeEvents()
                                let isAnswered = server.state.withLock { $0.answers.count } == 2
                                return isAnswered && Self.packets(from: "c", in: events).requests[target, default: 0] >= 3
                            }
                            let answers = server.state.withLock { $0.answers }
                            #expect(answers.first { $0.attempt == meets[0].attempt }?.answer == .declined)
                            #expect(answers.first { $0.attempt == meets[1].attempt }?.answer == .accepted)
                            let address = try lab.host("server").address
                            #expect(Self.packets(from: "a", in: events).destinations.isSubset(of: [address]))
                            #expect(log.attempts.isEmpty)
                        }
                    }
                }
            }
        }

        // MARK: Unknown hosts at a reserved port

        private static let reservedPort: UInt16 = 4000

        private static var topology: Topology {
            var topology = Topology.pair(.portRestricted, .open, seed: 1)
            topology.addHost("others", behind: .open)
            return topology
        }

        /// Whether who has this key, and knows everything else that a dialer knows, has a session at a reserved port: the peer answers it there.
        private static func isLetIn(
            _ identity: Identity, at target: Endpoint, of peer: PeerID, _ instance: InstanceID, on loop: any EventLoop
        ) async throws -> Bool {
            let certificate = try CertificateIdentity(identity)
            let address = try SocketAddress(target)
            let channel = try await loop.flatSubmit { ClientBootstrap(group: loop).connect(to: address) }.get()
            let (outcomes, continuation) = AsyncStream<Bool>.makeStream()
            let bound = try await loop.submit {
                let session = Session(role: .dialer, id: .random(), localInstance: .random(), remoteInstance: instance)
                let driver = SessionDriver(session, peer: peer, on: loop)
                driver.onEvent = { event in
                    switch event {
                    case .confirmed: continuation.yield(true)
                    case .lostPath, .closed: continuation.yield(false)
                    case .tookOver, .doubtful, .stillSilent, .windowWanted, .survived, .fellSilent, .expired: break
                    }
                }
                let path = try PathFactory(certificate).client(channel, kind: .tcp, expecting: peer, skipping: nil)
                path.onEvent = { [weak path] event in
                    switch event {
                    // With TLS 1.3 the client's handshake is over before the server has seen the client's certificate.
                    case .secured: if let path { driver.add(path) }
                    case .closed: continuation.yield(false)
                    case .bytes, .readCompleted, .writabilityChanged: break
                    }
                }
                return NIOLoopBound(driver, eventLoop: loop)
            }.get()
            var iterator = outcomes.makeAsyncIterator()
            let isLetIn = await iterator.next() ?? false
            try await loop.submit { bound.value.abort(code: 0, reason: "") }.get()
            return isLetIn
        }

        @Test("whoever has another key than those that are let in gets no session at the reserved port, whatever else it knows")
        func strangers() async throws {
            let friend = try Identity.create()
            try await withLab(Self.topology) { lab in
                try await LyingServer.run(in: lab) { server in
                    func configure(_ configuration: inout Peer.Configuration) {
                        configuration.admission = .only([friend.peerID])
                        configuration.reservedPort = Self.reservedPort
                    }
                    let log = EventLog()
                    try await PeerLab(lab: lab, url: server.url).withPeer(in: "b", log: log, configure) { far in
                        try await far.registered()
                        let id = far.id
                        let known = server.state.withLock { $0.instances[id] }
                        let instance = try #require(known)
                        let target = Endpoint(try lab.host("b").address, Self.reservedPort)
                        try await lab.withLoop(in: "others") { loop in
                            for _ in 0..<3 {
                                let isStrangerIn = try await Self.isLetIn(.create(), at: target, of: id, instance, on: loop)
                                #expect(!isStrangerIn)
                            }
                            #expect(log.connections == 0)
                            let isFriendIn = try await Self.isLetIn(friend, at: target, of: id, instance, on: loop)
                            #expect(isFriendIn)
                            try await eventually("the friend's connection") { log.connections == 1 }
                        }
                    }
                }
            }
        }

        @Test("a reserved port refuses TLS 1.2, and shows whoever speaks TLS 1.3 a certificate and nothing else")
        func versions() async throws {
            try await withPeerLab(Self.topology) { place in
                func configure(_ configuration: inout Peer.Configuration) {
                    configuration.admission = .anyone
                    configuration.reservedPort = Self.reservedPort
                }
                let log = EventLog()
                try await place.withPeer(in: "b", log: log, configure) { far in
                    try await far.registered()
                    let target = Endpoint(try place.lab.host("b").address, Self.reservedPort)
                    let host = try place.lab.host("others")
                    let modern = try await host.run(
                        "openssl", "s_client", "-connect", "\(target)", "-tls1_3", "-alpn", TLSContexts.peerProtocol)
                    #expect(modern.output.contains("New, TLSv1.3") && modern.output.contains("BEGIN CERTIFICATE"), "\(modern)")
                    #expect(modern.output.contains("ALPN protocol: \(TLSContexts.peerProtocol)"), "\(modern)")
                    let old = try await host.run("openssl", "s_client", "-connect", "\(target)", "-tls1_2", "-alpn", TLSContexts.peerProtocol)
                    #expect(old.status != 0 && old.error.contains("alert protocol version"), "\(old)")
                    #expect(!old.output.contains("BEGIN CERTIFICATE"), "\(old)")
                    #expect(log.connections == 0)
                }
            }
        }
    }
}

/// Counts what comes out of TLS.
private final class WordCounter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let heard: Visits

    init(_ heard: Visits) { self.heard = heard }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { heard.note() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
