import Bodkin
import BodkinCore
import BodkinExercise
import BodkinIdentity
import BodkinNATLab
import BodkinProtocols
import FoundationEssentials
import Synchronization
import Testing

extension AbuseTests {
    /// A server that has made up a thousand peers, and has `a`, which anyone may dial, meet them all in one address.
    @Suite("A flood from a hostile server")
    struct FloodTests {
        static let target = "203.0.113.13"
        private static let patience = Duration.seconds(3)

        /// A Meet with a peer that does not exist, and its key for more.
        private static func meet(_ number: Int, _ server: LyingServer) throws -> (meet: WireMeet, identity: Identity) {
            let identity = try Identity.create()
            var meet = WireMeet()
            meet.attempt = Data(AttemptID.random().bytes)
            meet.peer = Data(identity.peerID.publicKey)
            meet.instance = Data(repeating: 1, count: 16)
            meet.card = try card(identity, number * 8, server)
            meet.observed = [Endpoint("\(target):4000")].compactMap { $0 }.map { WireTransportAddress($0) }
            meet.direct = true
            meet.intervalUs = 100_000
            return (meet, identity)
        }

        /// A card of eight candidates at the target, on ports of their own.
        private static func card(_ identity: Identity, _ number: Int, _ server: LyingServer) throws -> WireSignedCard {
            let candidates = (0..<8).compactMap { Endpoint("\(target):\(2000 + (number + $0) % 60_000)") }.map { Candidate(.serverReflexive, $0) }
            let instance = try #require(InstanceID(bytes: Array(repeating: 1, count: 16)))
            return try Card(
                peer: identity.peerID, instance: instance, sequence: UInt64(number), server: server.url.keyHash ?? [],
                expiry: server.now + 3_600_000, candidates: candidates
            ).signed(by: identity.privateKey)
        }

        private static func serve(
            _ log: EventLog? = nil, _ body: @Sendable @escaping (Lab, LyingServer, Peer) async throws -> Void
        ) async throws {
            // What is sent to the target is lost: nothing answers, and everything stays half open.
            var topology = Topology.pair(.portRestricted, .open, seed: 1)
            topology.updateHost("b") { $0.down.loss = 1 }
            try await withLab(topology) { lab in
                try await LyingServer.run(in: lab) { server in
                    func configure(_ configuration: inout Peer.Configuration) {
                        configuration.admission = .anyone
                        configuration.dialTimeout = patience
                    }
                    try await PeerLab(lab: lab, url: server.url).withPeer(in: "a", log: log, configure) { peer in
                        try await peer.registered()
                        try await body(lab, server, peer)
                    }
                    try await eventually("the end of every socket") { try await SocketTable.count(in: "a", of: lab) == 0 }
                }
            }
        }

        @Test("of 1 000 Meets the last ones are met, with a bounded number of sockets, and all are forgotten")
        func meets() async throws {
            try await Self.serve { lab, server, peer in
                try await SocketTable.rest(in: "a", of: lab)
                for (round, count) in [1000, 300].enumerated() {
                    let meets = try (0..<count).map { WireEnvelope.OneOf_Body.meet(try Self.meet(round * 1000 + $0, server).meet) }
                    server.state.withLock { $0.answers = [] }
                    server.send(meets, to: peer.id)
                    var most = 0
                    try await eventually("an answer to each") {
                        most = max(most, try await SocketTable.count(.halfOpen, in: "a", of: lab))
                        return server.state.withLock { $0.answers.count } == count
                    }
                    for _ in 0..<20 {
                        most = max(most, try await SocketTable.count(.halfOpen, in: "a", of: lab))
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    let accepted = server.state.withLock { $0.answers.count { $0.answer == .accepted } }
                    // The dials that have proved nothing make room for the next.
                    #expect(accepted == count, "round \(round)")
                    // No more than the share of one address within an hour: the second thousand has found it spent.
                    #expect(most <= OutboundGate.strangerLimits.address + 8, "\(most) half open")
                    // Those that lead nowhere are forgotten with their time: there is room again.
                    try await eventually("the end of them all") { try await SocketTable.count(.halfOpen, in: "a", of: lab) == 0 }
                    try await SocketTable.rest(in: "a", of: lab)
                }
            }
        }

        @Test("of 1 000 further cards in one meeting eight are looked at")
        func signals() async throws {
            let log = EventLog()
            try await Self.serve(log) { lab, server, peer in
                let (meet, identity) = try Self.meet(0, server)
                var forbidden = meet
                forbidden.observed = []
                server.send([.meet(forbidden)], to: peer.id)
                let signals = try (1...1000).map { number in
                    var signal = WireSignal()
                    signal.attempt = meet.attempt
                    signal.card = try Self.card(identity, number * 8, server)
                    return WireEnvelope.OneOf_Body.signal(signal)
                }
                server.send(signals, to: peer.id)
                try await server.isRead(by: peer.id)
                #expect(log.attempts.count == 64)
                #expect(try await SocketTable.count(.halfOpen, in: "a", of: lab) == 0)
            }
        }
    }
}
