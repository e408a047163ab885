import Bodkin
import BodkinExercise
import BodkinIdentity
import BodkinNATLab
import Synchronization
import Testing

extension AbuseTests {
    @Suite("Dials that cross")
    struct CrossingTests {
        /// Two peers that dial each other, the ends in the order of their IDs.
        private struct Crossing: Sendable {
            let server: LyingServer
            let gate: CircuitGate
            let peers: [Peer]
            let dials: [Task<Connection, any Error>]

            /// What one of them sends to the circuit that it has dialed reaches the other one, and has been read there.
            func letThrough(_ index: Int) async throws {
                let called = peers[1 - index].id
                server.send(gate.open(.fromDialer(peers[index].id)), to: called)
                try await server.isRead(by: called)
            }
        }

        /// Runs `body` when each end has begun a session, and before the one has heard of the other's; the higher one, which has dialed first, before it hears of the
        /// other's dial, or after.
        private static func cross(isSecondKnown: Bool, patience: Duration = .seconds(30), _ body: @Sendable @escaping (Crossing) async throws -> Void)
            async throws
        {
            let gate = CircuitGate()
            let identities = try [Identity.create(), Identity.create()].sorted { $0.peerID < $1.peerID }
            let logs = [EventLog(), EventLog()]
            let configure: @Sendable (inout Peer.Configuration) -> Void = {
                $0.admission = .anyone
                $0.paths = .relayOnly
            }
            try await withLab(Topology.pair(.portRestricted, .portRestricted, seed: 1)) { lab in
                try await LyingServer.run(in: lab, LyingServer.Lies(gate: gate)) { server in
                    let place = PeerLab(lab: lab, url: server.url)
                    let hurry: @Sendable (inout Peer.Configuration) -> Void = {
                        configure(&$0)
                        $0.dialTimeout = patience
                    }
                    try await place.withPeer(in: "a", identity: identities[0], log: logs[0], hurry) { lower in
                        try await place.withPeer(in: "b", identity: identities[1], log: logs[1], configure) { higher in
                            try await lower.registered()
                            try await higher.registered()
                            // The other way round the lower one's dial would stand from the start.
                            let second = Task { try await higher.connect(to: lower.id) }
                            try await eventually("the answer to the higher one's dial") { gate.isHolding(.toDialer(higher.id)) }
                            if !isSecondKnown {
                                server.send(gate.open(.toDialer(higher.id)), to: higher.id)
                                try await eventually("the higher one's session") { gate.isHolding(.fromDialer(higher.id)) }
                            }
                            let first = Task { try await lower.connect(to: higher.id) }
                            try await eventually("the answer to the lower one's dial") { gate.isHolding(.toDialer(lower.id)) }
                            for peer in [lower, higher] { server.send(gate.open(.toDialer(peer.id)), to: peer.id) }
                            try await eventually("two sessions") { [lower, higher].allSatisfy { gate.isHolding(.fromDialer($0.id)) } }
                            try await body(Crossing(server: server, gate: gate, peers: [lower, higher], dials: [first, second]))
                        }
                    }
                }
            }
            for log in logs { #expect(log.connections == 1) }
        }

        /// On one session each reads what the other has written; on two, neither would.
        private static func expectOne(_ near: Connection, _ far: Connection) async throws {
            try await near.write("from near".utf8)
            try await far.write("from far".utf8)
            #expect(try await near.read() == Array("from far".utf8))
            #expect(try await far.read() == Array("from near".utf8))
        }

        @Test(
            "two that have begun a session each have one connection, whoever hears first of the other's", arguments: [[0, 1], [1, 0]],
            [false, true])
        func both(order: [Int], isSecondKnown: Bool) async throws {
            try await Self.cross(isSecondKnown: isSecondKnown) { crossing in
                for index in order { try await crossing.letThrough(index) }
                try await Self.expectOne(crossing.dials[0].value, crossing.dials[1].value)
            }
        }

        @Test("where a dial is given up, the far side's session is delivered like any that others begin")
        func givenUpBefore() async throws {
            try await Self.cross(isSecondKnown: false) { crossing in
                crossing.dials[0].cancel()
                await #expect(throws: CancellationError.self) { try await crossing.dials[0].value }
                try await crossing.letThrough(1)
                var incoming = crossing.peers[0].incoming.makeAsyncIterator()
                let called = try #require(try await incoming.next())
                try await Self.expectOne(called, crossing.dials[1].value)
            }
        }

        @Test("where the dial that stands is given up, or fails, the other one has its connection", arguments: [false, true])
        func givenUp(isCancelled: Bool) async throws {
            try await Self.cross(isSecondKnown: true, patience: isCancelled ? .seconds(30) : .seconds(4)) { crossing in
                try await crossing.letThrough(1)
                if isCancelled {
                    crossing.dials[0].cancel()
                    await #expect(throws: CancellationError.self) { try await crossing.dials[0].value }
                    try await crossing.letThrough(0)
                } else {
                    await #expect(throws: PeerError.self) { try await crossing.dials[0].value }
                }
                var incoming = crossing.peers[0].incoming.makeAsyncIterator()
                let called = try #require(try await incoming.next())
                try await Self.expectOne(called, crossing.dials[1].value)
            }
        }
    }
}
