import Bodkin
import BodkinExercise
import BodkinNATLab
import Testing

/// A dial outlives the link to the server that it was sent over.
@Suite(
    "Dial anew", .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct DialAnewTests {
    private static let topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)

    @Test("a dial that was sent to nobody goes on over the next link to the server")
    func sentToNobody() async throws {
        try await Self.withPair { place, near, far, log in
            // Until the link is known to be dead, however long that takes here.
            try await place.lab.apply(.blackhole("a", isUpward: true, .seconds(30)))
            async let dial = near.connect(to: far.id)
            try await eventually("the loss of the server") { log.hasLostServer }
            try await place.lab.apply(.blackhole("a", isUpward: true, .zero))
            let connection = try await dial
            try await Self.talk(connection, far)
            #expect(log.all.count { if case .dialing = $0.kind { true } else { false } } == 1)
            let report = try await connection.settled()
            #expect(report.attempts.contains { $0.route == .circuit && $0.verdict == .failed }, "\(report)")
        }
    }

    @Test("a dial that begins while the server is away waits for it, and for the peer that has lost it, too")
    func serverAway() async throws {
        try await Self.withPair { place, near, far, log in
            async let away: Void = place.restartServer(after: .seconds(1))
            try await eventually("the loss of the server") { log.hasLostServer }
            try await Self.talk(try await near.connect(to: far.id), far)
            try await away
        }
    }

    /// Runs `body` with two peers that are registered, and what the first one tells.
    private static func withPair(_ body: @Sendable @escaping (PeerLab, _ near: Peer, _ far: Peer, EventLog) async throws -> Void) async throws {
        try await withPeerLab(topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                let log = EventLog()
                try await place.withPeer(in: "a", log: log) { near in
                    try await far.registered()
                    try await near.registered()
                    try await body(place, near, far, log)
                }
            }
        }
    }

    private static func talk(_ connection: Connection, _ far: Peer) async throws {
        try await connection.write("hello".utf8)
        var incoming = far.incoming.makeAsyncIterator()
        let accepted = try #require(try await incoming.next())
        #expect(try await accepted.read() == Array("hello".utf8))
    }
}
