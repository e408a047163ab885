import Bodkin
import BodkinCore
import BodkinExercise
import BodkinIdentity
import BodkinNATLab
import Testing

extension AbuseTests {
    @Suite("Whom a peer lets dial")
    struct AdmissionTests {
        private static func run(
            _ admission: Peer.Admission, _ dialer: Identity, _ body: @Sendable @escaping (PeerLab, Peer, Peer) async throws -> Void
        ) async throws {
            var options = Lab.Options()
            options.isTracing = true
            try await withPeerLab(Topology.pair(.portRestricted, .portRestricted, seed: 1), options: options) { place in
                try await place.withPeer(in: "b", { $0.admission = admission }) { far in
                    try await place.withPeer(in: "a", identity: dialer, { $0.dialTimeout = .seconds(2) }) { near in
                        try await far.registered()
                        try await near.registered()
                        try await body(place, near, far)
                    }
                }
            }
        }

        @Test("not there and not allowed look the same, and who is not to be dialed hears nothing")
        func refused() async throws {
            let dialer = try Identity.create()
            let stranger = try Identity.create().peerID
            try await withThrowingTaskGroup(of: Void.self) { group in
                for admission in [Peer.Admission.nobody, .only([]), .only([stranger])] {
                    group.addTask { try await Self.run(admission, dialer) { try await Self.expectAlike($0, $1, $2, stranger) } }
                }
                try await group.waitForAll()
            }
        }

        /// Dials one that does not exist, and one that does not admit the dialer.
        private static func expectAlike(_ place: PeerLab, _ near: Peer, _ far: Peer, _ stranger: PeerID) async throws {
            let absent = await #expect(throws: PeerError.self) { _ = try await near.connect(to: stranger) }
            var refused: PeerError?
            var isTold = true
            // A probe of the server every ten seconds is b's own: a dial takes two.
            for _ in 0..<3 where isTold {
                try await eventually("a quiet b") {
                    try await Task.sleep(for: .milliseconds(30))
                    return try await place.lab.packets(from: "b").isEmpty
                }
                refused = await #expect(throws: PeerError.self) { _ = try await near.connect(to: far.id) }
                isTold = try await !place.lab.packets(from: "b").isEmpty
            }
            #expect(!isTold, "b has been told something")
            #expect(absent?.code == .unavailable && refused?.code == .unavailable)
            #expect(absent?.message == refused?.message)
            #expect(refused?.message.contains("Check that it listens at this server and allows \(near.id)") == true)
            #expect(absent?.report?.attempts.map(\.verdict) == refused?.report?.attempts.map(\.verdict))
            #expect(absent?.report?.attempts.map(\.detail) == refused?.report?.attempts.map(\.detail))
        }

        @Test("who is listed gets in, and nobody else")
        func listed() async throws {
            let dialer = try Identity.create()
            try await Self.run(.only([dialer.peerID]), dialer) { place, near, far in
                let connection = try await near.connect(to: far.id)
                try await connection.write("hello".utf8)
                var incoming = far.incoming.makeAsyncIterator()
                let accepted = try #require(try await incoming.next())
                #expect(accepted.peer == near.id)
                #expect(try await accepted.read() == Array("hello".utf8))
                #expect(try await connection.settled().route == .direct)
                try await place.withPeer(in: "server", { $0.dialTimeout = .seconds(2) }) { other in
                    let error = await #expect(throws: PeerError.self) { _ = try await other.connect(to: far.id) }
                    #expect(error?.code == .unavailable)
                }
            }
        }

        @Test("one's own ID is not dialed, with a word about it")
        func ourselves() async throws {
            try await Self.run(.anyone, Identity.create()) { _, near, _ in
                let error = await #expect(throws: PeerError.self) { _ = try await near.connect(to: near.id) }
                #expect(error?.code == .ourselves)
                #expect(error?.message.contains("Use the ID of the remote peer") == true)
            }
        }
    }
}
