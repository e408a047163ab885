import Bodkin
import BodkinExercise
import BodkinNATLab
import Testing

/// A dial waits, within the caller's timeout, for a peer that is away for a moment. ``VirtualAwayTests`` and ``VirtualAbsenceTests`` of the peer's own tests try
/// every moment in virtual time; here a real NAT forgets, and a real server leaves its ports and comes back to them.
@Suite(
    "Away", .timeLimit(.minutes(2)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct AwayTests {
    private static let topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)

    @Test("a listener whose NAT rebooted a second before is reached at the first try")
    func rebooted() async throws {
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "a") { near in
                    try await far.registered()
                    try await near.registered()
                    try await place.lab.apply(.reboot("b"))
                    try await Task.sleep(for: .seconds(1))
                    let report = try await Self.dial(near, far, "NAT rebooted 1 s before")
                    #expect(report.route == .direct, "\(report)")
                }
            }
        }
    }

    @Test("dials that begin before, while and after the server is away for ten seconds all go through")
    func serverAway() async throws {
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await far.registered()
                let clock = ContinuousClock()
                let stop = clock.now + .seconds(2)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for delay in 0..<7 {
                        group.addTask {
                            try await place.withPeer(in: "a") { near in
                                try await near.registered()
                                try await clock.sleep(until: stop + .milliseconds(delay * 2000 - 10))
                                let start = clock.now
                                let connection = try await near.connect(to: far.id)
                                print("server away for 10 s, dialed after \(2 * delay) s: connected after \((clock.now - start).inMilliseconds)")
                                try await connection.write("hello".utf8)
                            }
                        }
                    }
                    try await clock.sleep(until: stop)
                    try await place.restartServer(after: .seconds(10))
                    try await group.waitForAll()
                }
            }
        }
    }

    /// Dials, says how long that took, and has the two talk.
    private static func dial(_ near: Peer, _ far: Peer, _ name: String) async throws -> ConnectionReport {
        let clock = ContinuousClock()
        let start = clock.now
        let connection = try await near.connect(to: far.id)
        print("\(name): connected after \((clock.now - start).inMilliseconds)")
        try await talk(connection, far)
        return try await connection.settled()
    }

    private static func talk(_ connection: Connection, _ far: Peer) async throws {
        try await connection.write("hello".utf8)
        var incoming = far.incoming.makeAsyncIterator()
        let accepted = try #require(try await incoming.next())
        #expect(try await accepted.read() == Array("hello".utf8))
    }
}
