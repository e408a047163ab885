import Bodkin
import BodkinExercise
import BodkinIdentity
import BodkinNATLab
import Testing

/// A dial waits, within the caller's timeout, for a peer that is away for a moment.
@Suite(
    "Away", .timeLimit(.minutes(2)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct AwayTests {
    private static let topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)

    @Test("a listener whose NAT rebooted a second before is reached at the first try", arguments: [Peer.PathPolicy.all, .directOnly, .relayOnly])
    func rebooted(_ paths: Peer.PathPolicy) async throws {
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "a", { $0.paths = paths }) { near in
                    try await far.registered()
                    try await near.registered()
                    try await place.lab.apply(.reboot("b"))
                    try await Task.sleep(for: .seconds(1))
                    let report = try await Self.dial(near, far, "NAT rebooted 1 s before, \(paths.rawValue)")
                    // The circuit's handshake has its time from the Meet on, however long that is in coming.
                    #expect(report.route == (paths == .relayOnly ? .circuit : .direct), "\(report)")
                }
            }
        }
    }

    @Test(
        "a listener that starts three seconds after the dial is reached as soon as it is registered", arguments: [Peer.PathPolicy.all, .directOnly])
    func startsLater(_ paths: Peer.PathPolicy) async throws {
        let identity = try Identity.create()
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "a", { $0.paths = paths }) { near in
                try await near.registered()
                let dial = Task { try await near.connect(to: identity.peerID) }
                try await Task.sleep(for: .seconds(3))
                try await place.withPeer(in: "b", identity: identity, { $0.admission = .anyone }) { far in
                    try await far.registered()
                    let clock = ContinuousClock()
                    let start = clock.now
                    let connection = try await dial.value
                    let time = clock.now - start
                    print("starts 3 s later, \(paths.rawValue): connected \(time.inMilliseconds) after its registration")
                    #expect(time < .seconds(1))
                    try await Self.talk(connection, far)
                    #expect(try await connection.settled().route == .direct)
                }
            }
        }
    }

    @Test("a listener that is replaced by another process while it is dialed is reached at its new instance")
    func replaced() async throws {
        let identity = try Identity.create()
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "a") { near in
                try await near.registered()
                let dial = try await place.withPeer(in: "b", identity: identity, { $0.admission = .anyone }) { first in
                    try await first.registered()
                    // The Meet never reaches it.
                    try await place.lab.apply(.blackhole("b", isUpward: false, .seconds(1)))
                    let dial = Task { try await near.connect(to: first.id) }
                    try await Task.sleep(for: .milliseconds(500))
                    return dial
                }
                try await place.lab.apply(.blackhole("b", isUpward: false, .zero))
                try await place.withPeer(in: "b", identity: identity, { $0.admission = .anyone }) { second in
                    try await second.registered()
                    let connection = try await dial.value
                    try await Self.talk(connection, second)
                    #expect(try await connection.settled().route == .direct)
                }
            }
        }
    }

    @Test("a listener whose answer is lost with its link is met again, though it knows the attempt")
    func unanswered() async throws {
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "a") { near in
                    try await far.registered()
                    try await near.registered()
                    try await place.lab.apply(.blackhole("b", isUpward: true, .seconds(5)))
                    let report = try await Self.dial(near, far, "nothing of the listener's arrives for 5 s")
                    #expect(report.route == .direct, "\(report)")
                }
            }
        }
    }

    @Test("a meeting that one side alone knows of begins anew when the server is back: circuits are not needed for that")
    func meetingOfOne() async throws {
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "a", { $0.paths = .directOnly }) { near in
                    try await far.registered()
                    try await near.registered()
                    // The Meet does not reach the listener before the server is gone.
                    try await place.lab.apply(.blackhole("b", isUpward: false, .seconds(3)))
                    async let away: Void = {
                        try await Task.sleep(for: .milliseconds(300)); try await place.restartServer(after: .seconds(1))
                    }()
                    let report = try await Self.dial(near, far, "the Meet reached the dialer alone, and the server went away")
                    #expect(report.route == .direct, "\(report)")
                    try await away
                }
            }
        }
    }

    @Test(
        "dials that begin before, while and after the server is away for four seconds all go through", arguments: [Peer.PathPolicy.all, .directOnly])
    func serverAway(_ paths: Peer.PathPolicy) async throws {
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await far.registered()
                let clock = ContinuousClock()
                let stop = clock.now + .seconds(2)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for delay in 0..<7 {
                        group.addTask {
                            try await place.withPeer(in: "a", { $0.paths = paths }) { near in
                                try await near.registered()
                                try await clock.sleep(until: stop + .milliseconds(delay * 1000 - 10))
                                let start = clock.now
                                let connection = try await near.connect(to: far.id)
                                print(
                                    "server away for 4 s, \(paths.rawValue), dialed after \(delay) s: connected after \((clock.now - start).inMilliseconds)"
                                )
                                try await connection.write("hello".utf8)
                            }
                        }
                    }
                    try await clock.sleep(until: stop)
                    try await place.restartServer(after: .seconds(4))
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("a peer that never comes fails at the caller's timeout, in the right words; so does one that does not admit the dialer")
    func never() async throws {
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .nobody }) { far in
                try await place.withPeer(in: "a", { $0.dialTimeout = .seconds(3) }) { near in
                    try await far.registered()
                    try await near.registered()
                    let absent = try Identity.create().peerID
                    var (times, errors): ([Duration], [PeerError]) = ([], [])
                    for id in [absent, far.id] {
                        let clock = ContinuousClock()
                        let start = clock.now
                        let error = await #expect(throws: PeerError.self) { _ = try await near.connect(to: id) }
                        times.append(clock.now - start)
                        if let error { errors.append(error) }
                    }
                    print("never there: \(times[0].inMilliseconds), not admitted: \(times[1].inMilliseconds)")
                    // That both take the same time is shown in virtual time: here the machine may be busy.
                    #expect(times.allSatisfy { $0 >= .milliseconds(2_500) }, "\(times)")
                    #expect(errors.map(\.code) == [.unavailable, .unavailable] && errors[0].message == errors[1].message)
                }
            }
        }
    }

    @Test("a peer that is registered and never answers fails at the caller's timeout as one that does not answer")
    func silent() async throws {
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "a", { $0.dialTimeout = .seconds(5) }) { near in
                    try await far.registered()
                    try await near.registered()
                    try await place.lab.apply(.blackhole("b", isUpward: true, .seconds(20)))
                    try await place.lab.apply(.blackhole("b", isUpward: false, .seconds(20)))
                    let clock = ContinuousClock()
                    let start = clock.now
                    let error = await #expect(throws: PeerError.self) { _ = try await near.connect(to: far.id) }
                    let time = clock.now - start
                    #expect(error?.code == .unresponsive && error?.message.contains("does not answer") == true, "\(String(describing: error))")
                    #expect((.milliseconds(4_500) ... .milliseconds(5_300)).contains(time), "\(time)")
                }
            }
        }
    }

    @Test("two that dial each other while one is away have one connection", arguments: [Peer.Admission.anyone, .nobody], [true, false])
    func glare(_ admission: Peer.Admission, _ isNearLower: Bool) async throws {
        let identities = try [Identity.create(), .create()].sorted { $0.peerID < $1.peerID }
        let (own, other) = isNearLower ? (identities[0], identities[1]) : (identities[1], identities[0])
        try await withPeerLab(Self.topology) { place in
            // One that admits nobody is dialed in vain: its own dial is the one that goes through.
            try await place.withPeer(in: "a", identity: own, { $0.admission = admission }) { near in
                try await near.registered()
                let first = Task { try await near.connect(to: other.peerID) }
                try await Task.sleep(for: .seconds(1))
                try await place.withPeer(in: "b", identity: other, { $0.admission = .anyone }) { far in
                    let clock = ContinuousClock()
                    let start = clock.now
                    async let second = far.connect(to: own.peerID)
                    let connections = (try await first.value, try await second)
                    let time = clock.now - start
                    print("glare, \(admission), \(isNearLower ? "lower" : "higher") waits: \(time.inMilliseconds)")
                    #expect(time < .seconds(3))
                    try await connections.0.write("hello".utf8)
                    #expect(try await connections.1.read() == Array("hello".utf8))
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
