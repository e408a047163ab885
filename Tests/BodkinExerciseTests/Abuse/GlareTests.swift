import Bodkin
import BodkinCore
import BodkinExercise
import BodkinIdentity
import BodkinNATLab
import Testing

extension AbuseTests {
    @Suite("Several dials at once")
    struct GlareTests {
        private static let allowAll: @Sendable (inout Peer.Configuration) -> Void = { $0.admission = .anyone }

        /// The way from each of the two to the rest differs from seed to seed, and with it whose dial is where when.
        private static func topology(_ seed: UInt64) -> Topology {
            var random = SeededGenerator(seed: seed)
            var topology = Topology(seed: seed)
            topology.addServer()
            for host in ["a", "b"] {
                topology.addHost(host, behind: .portRestricted, link: LinkParameters(delay: .milliseconds(Int64.random(in: 0...15, using: &random))))
            }
            return topology
        }

        /// ``VirtualGlareTests`` of the peer's own tests try many more delays in virtual time.
        @Test(
            "two that dial each other at once have one connection, the same at both ends", arguments: 1...3 as ClosedRange<UInt64>,
            [.all, .directOnly] as [Peer.PathPolicy])
        func glare(seed: UInt64, paths: Peer.PathPolicy) async throws {
            let configure: @Sendable (inout Peer.Configuration) -> Void = {
                $0.admission = .anyone
                $0.paths = paths
            }
            try await withPeerLab(Self.topology(seed)) { place in
                let logs = [EventLog(), EventLog()]
                try await place.withPeer(in: "a", log: logs[0], configure) { a in
                    try await place.withPeer(in: "b", log: logs[1], configure) { b in
                        try await a.registered()
                        try await b.registered()
                        var random = SeededGenerator(seed: seed ^ 0xFFFF)
                        let headStart = Duration.milliseconds(Int64.random(in: -20...20, using: &random))
                        async let dialA = Self.dial(b.id, from: a, after: max(.zero, headStart))
                        async let dialB = Self.dial(a.id, from: b, after: max(.zero, .zero - headStart))
                        let (near, far) = try await (dialA, dialB)
                        #expect(near.peer == b.id && far.peer == a.id)
                        // On one session each reads what the other has written; on two, neither would.
                        try await near.write("from a".utf8)
                        try await far.write("from b".utf8)
                        #expect(try await near.read() == Array("from b".utf8))
                        #expect(try await far.read() == Array("from a".utf8))
                        #expect(try await near.settled().route == .direct)
                        for log in logs { #expect(log.connections == 1) }
                    }
                }
            }
        }

        private static func dial(_ peer: PeerID, from own: Peer, after delay: Duration) async throws -> Connection {
            try await Task.sleep(for: delay)
            return try await own.connect(to: peer)
        }

        @Test("a further dial joins the live connection, from either end, and so do dials while one is under way")
        func joins() async throws {
            try await withPeerLab(Self.topology(1)) { place in
                let logs = [EventLog(), EventLog()]
                try await place.withPeer(in: "a", log: logs[0], Self.allowAll) { a in
                    try await place.withPeer(in: "b", log: logs[1], Self.allowAll) { b in
                        try await b.registered()
                        async let first = a.connect(to: b.id)
                        async let second = a.connect(to: b.id)
                        let dials = try await [first, second]
                        var incoming = b.incoming.makeAsyncIterator()
                        let accepted = try #require(try await incoming.next())
                        let joined = try await [a.connect(to: b.id)] + dials
                        let returned = try await b.connect(to: a.id)
                        for (index, connection) in joined.enumerated() {
                            let word = Array("word \(index)".utf8)
                            try await connection.write(word)
                            #expect(try await accepted.read() == word)
                        }
                        try await returned.write("back".utf8)
                        #expect(try await joined[0].read() == Array("back".utf8))
                        for log in logs { #expect(log.connections == 1) }
                    }
                }
            }
        }

        @Test("eight that dial one reserved port at once are all direct")
        func eight() async throws {
            let presets: [NATPreset] = [
                .open, .firewall, .fullCone, .restricted, .portRestricted, .portRestrictedRST, .masquerade, .cgn,
            ]
            var topology = Topology(seed: 1)
            topology.addServer(link: LinkParameters(delay: .milliseconds(5)))
            topology.addHost("listener", behind: .portRestricted, link: LinkParameters(delay: .milliseconds(5)))
            for preset in presets { topology.addHost(preset.rawValue, behind: preset, link: LinkParameters(delay: .milliseconds(5))) }
            try await withPeerLab(topology) { place in
                func configure(_ configuration: inout Peer.Configuration) {
                    configuration.admission = .anyone
                    configuration.reservedPort = 4000
                }
                try await place.withPeer(in: "listener", configure) { listener in
                    try await listener.registered()
                    let id = listener.id
                    try await withThrowingTaskGroup(of: (NATPreset, ConnectionReport).self) { group in
                        for preset in presets {
                            group.addTask {
                                try await place.withPeer(in: preset.rawValue) { dialer in
                                    let connection = try await dialer.connect(to: id)
                                    try await connection.write("hello".utf8)
                                    return (preset, try await connection.settled())
                                }
                            }
                        }
                        for try await (preset, report) in group { #expect(report.route == .direct, "\(preset): \(report)") }
                    }
                }
            }
        }
    }
}

extension EventLog {
    /// How many connections there were.
    var connections: Int { all.count { if case .connected = $0.kind { true } else { false } } }
}
