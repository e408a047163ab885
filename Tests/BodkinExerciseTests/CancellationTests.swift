import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import Testing

@testable import Bodkin

/// Who waits may stop waiting: at once, alone, and without a descriptor left behind.
@Suite(
    "Cancellation and deadlines", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct CancellationTests {
    private static let topology = Topology.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)

    /// Two peers in a lab; `b` answers each dialer with the bytes that it reads.
    private static func withPair(
        _ change: (inout Peer.Configuration) -> Void = { _ in }, _ body: @Sendable @escaping (PeerLab, Peer, Peer) async throws -> Void
    ) async throws {
        try await withPeerLab(topology) { place in
            try await place.withPeer(
                in: "b",
                {
                    $0.admission = .anyone
                    $0.session.remoteStreams = 1
                }
            ) { far in
                try await place.withPeer(in: "a") { near in
                    try await far.registered()
                    try await near.registered()
                    try await body(place, near, far)
                }
            }
        }
    }

    @Test("a dial that is cancelled, whenever that is, ends at once and leaves no socket")
    func dial() async throws {
        try await Self.withPair { place, near, far in
            for wait in [0, 1, 5, 10, 15, 20, 25, 30, 35, 40, 50, 70] {
                let dial = Task { try await near.connect(to: far.id) }
                try await Task.sleep(for: .milliseconds(wait))
                dial.cancel()
                do {
                    try await dial.value.close()
                } catch is CancellationError {}
                try await SocketTable.rest(in: "a", of: place.lab)
            }
            // Nothing of all that is in the way of the next one.
            let connection = try await near.connect(to: far.id)
            #expect(try await connection.settled().route == .direct)
            try await connection.close()
        }
    }

    @Test("a peer that ends while it is dialed, or dials, whenever that is, leaves no socket, and takes nobody with it")
    func end() async throws {
        try await withPeerLab(Self.topology) { place in
            let idle = try await (SocketTable.count(in: "a", of: place.lab), SocketTable.count(in: "b", of: place.lab))
            // ``VirtualEndTests`` of the peer's own tests try every other millisecond.
            for wait in stride(from: 0, to: 40, by: 3) {
                try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                    try await place.withPeer(in: "a") { near in
                        try await far.registered()
                        try await near.registered()
                        let dial = Task { try await near.connect(to: far.id) }
                        try await Task.sleep(for: .milliseconds(wait * 2))
                        if wait % 2 == 0 { await near.close(within: .zero) } else { await far.close(within: .zero) }
                        dial.cancel()
                        _ = try? await dial.value
                    }
                }
                try await eventually("the end of every socket, after \(wait * 2) ms") {
                    let open = try await (SocketTable.count(in: "a", of: place.lab), SocketTable.count(in: "b", of: place.lab))
                    return open == idle
                }
            }
        }
    }

    @Test("who joins a dial keeps it when the one who began it is cancelled")
    func joined() async throws {
        try await Self.withPair { _, near, far in
            var isCancelled = false
            // On a machine that is held up the dial may be over before it is cancelled.
            while !isCancelled {
                let first = Task { try await near.connect(to: far.id) }
                let second = Task { try await near.connect(to: far.id) }
                try await Task.sleep(for: .milliseconds(20))
                first.cancel()
                do { _ = try await first.value } catch is CancellationError { isCancelled = true }
                try await second.value.close()
            }
        }
    }

    @Test("a dial to a peer that falls silent fails by its deadline, says what was tried, and leaves no socket")
    func deadline() async throws {
        try await withPeerLab(Self.topology) { place in
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                func configure(_ configuration: inout Peer.Configuration) {
                    configuration.dialTimeout = .milliseconds(400)
                    configuration.paths = .directOnly
                }
                try await place.withPeer(in: "a", configure) { near in
                    try await far.registered()
                    try await near.registered()
                    try await SocketTable.rest(in: "a", of: place.lab)
                    try await place.lab.apply(.blackhole("b", isUpward: false, .seconds(5)))
                    do {
                        _ = try await near.connect(to: far.id)
                        Issue.record("there is a connection")
                    } catch let error as PeerError {
                        #expect([.unreachable, .unresponsive, .serverLost].contains(error.code), "\(error)")
                        #expect(error.report != nil)
                    }
                    try await SocketTable.rest(in: "a", of: place.lab)
                }
            }
        }
    }

    @Test("reading, writing, opening and accepting streams can be given up, before they begin too; nothing is lost, and no other caller is disturbed")
    func waiting() async throws {
        try await Self.withPair { _, near, far in
            let connection = try await near.connect(to: far.id)
            try await connection.write("a".utf8)
            var incoming = far.incoming.makeAsyncIterator()
            let called = try #require(try await incoming.next())
            _ = try await connection.settled()
            // The remote peer allows one stream.
            let stream = try await connection.openStream()
            try await stream.write("b".utf8)
            let waits: [@Sendable () async throws -> Void] = [
                { _ = try await connection.read() }, { _ = try await connection.acceptStream() }, { _ = try await connection.openStream() },
                { while true { try await stream.write([UInt8](repeating: 0, count: 1 << 20)) } },
            ]
            for wait in waits {
                for delay in [0, 50] {
                    let task = Task(operation: wait)
                    if delay > 0 { try await Task.sleep(for: .milliseconds(delay)) }
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                }
            }
            // Of two that wait, one is cancelled and the other one has it.
            let first = Task { try await connection.acceptStream() }
            let second = Task { try await connection.acceptStream() }
            try await Task.sleep(for: .milliseconds(50))
            first.cancel()
            let opened = try await called.openStream()
            try await opened.write("c".utf8)
            #expect(try await second.value.read() == Array("c".utf8))
            // What came while nobody read.
            try await called.write("d".utf8)
            #expect(try await connection.read() == Array("d".utf8))
            await #expect(throws: CancellationError.self) { _ = try await first.value }
            connection.abort()
        }
    }
}
