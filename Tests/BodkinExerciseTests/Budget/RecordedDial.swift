import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import FoundationEssentials
import Synchronization
import Testing

/// A dial between two peers behind NATs, with all that crossed the core, and what the hosts' systems say of their sockets.
struct RecordedDial {
    /// What one side had.
    struct Side {
        /// The host.
        let name: String
        /// The address that the Internet sees.
        let outside: IPAddress
        /// What it says of its dial.
        var report: ConnectionReport
        /// When its dial was over, in nanoseconds of the time of day.
        var settled: Int64 = 0
        /// The most half-open sockets that its system had whenever it was looked at.
        var mostHalfOpen = 0
        /// Its sockets towards the far side, ``closing`` after both were settled.
        var socketsLeft = 0
    }

    var sides: [Side]
    let capture: Capture

    /// How the two are connected.
    var route: Route? { sides[0].report.route }
    /// Each side with its far side.
    var views: [(own: Side, far: Side)] { [(sides[0], sides[1]), (sides[1], sides[0])] }

    /// How long whatever has lost may stay open after a direct path has settled.
    static let closing = Duration.milliseconds(250)
    /// From any host to the core.
    static let wayToCore = Duration.milliseconds(12) + .microseconds(500)
    /// For how long the capture goes on: the system repeats a SYN that nobody has given up after a second (RFC 6298).
    private static let aftermath = Duration.milliseconds(1500)

    /// Dials from a to b, and waits until nothing of it could be heard any more.
    static func run(_ near: NATPreset, _ far: NATPreset, seed: UInt64) async throws -> RecordedDial {
        let path = FileManager.default.temporaryDirectory.appending(path: "bodkin-\(UUID().uuidString).pcap").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = Lab.Options()
        options.capture = path
        let topology = Topology.pair(near, far, link: LinkParameters(delay: wayToCore * 2), seed: seed)
        let outside = try ["a", "b"].map { try #require(topology.outsideAddress(of: $0)) }
        let sides = try await withPeerLab(topology, options: options) { place in
            let watches = [DialWatch(), DialWatch()]
            return try await place.withPeer(in: "b", watches[1].configure) { called in
                try await place.withPeer(in: "a", watches[0].configure) { dialler in
                    try await called.registered()
                    try await dialler.registered()
                    // The proof of the warm connections, and a look at each NAT's allocator, are on their way.
                    try await Task.sleep(for: .milliseconds(400))
                    return try await dial(called.id, from: dialler, in: place.lab, watches, outside)
                }
            }
        }
        return RecordedDial(sides: sides, capture: try Capture(path: path))
    }

    private static func dial(
        _ peer: PeerID, from dialler: Peer, in lab: Lab, _ watches: [DialWatch], _ outside: [IPAddress]
    ) async throws -> [Side] {
        let most = Most()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    for (index, host) in ["a", "b"].enumerated() {
                        let count = try await SocketTable.count(.halfOpen, in: host, of: lab)
                        most.note(count, at: index)
                    }
                    try? await Task.sleep(for: .milliseconds(2))
                }
            }
            let connection = try await dialler.connect(to: peer)
            try await connection.write("x".utf8)
            _ = try await connection.settled()
            try await eventually("the end of both dials") { watches.allSatisfy { $0.end != nil } }
            try await Task.sleep(for: closing)
            var sides: [Side] = []
            for (index, host) in ["a", "b"].enumerated() {
                let end = try #require(watches[index].end)
                var side = Side(name: host, outside: outside[index], report: end.report, settled: end.time)
                side.socketsLeft = try await SocketTable.count(towards: outside[1 - index], in: host, of: lab)
                sides.append(side)
            }
            try await Task.sleep(for: aftermath)
            group.cancelAll()
            for index in sides.indices { sides[index].mostHalfOpen = most.count(at: index) }
            return sides
        }
    }
}

/// Notes the end of a peer's dial, on the clock of the capture.
private final class DialWatch: Sendable {
    private let noted = Mutex<(report: ConnectionReport, time: Int64)?>(nil)

    var end: (report: ConnectionReport, time: Int64)? { noted.withLock { $0 } }

    func configure(_ configuration: inout Peer.Configuration) {
        configuration.admission = .anyone
        configuration.onEvent = { [self] event in
            guard case .report(let report) = event.kind else { return }
            let now = Int64(Date().timeIntervalSince1970 * 1e9)
            noted.withLock { $0 = $0 ?? (report, now) }
        }
    }
}

/// The most that was ever counted, on each side.
private final class Most: Sendable {
    private let counts = Mutex([0, 0])

    func note(_ count: Int, at index: Int) { counts.withLock { $0[index] = max($0[index], count) } }
    func count(at index: Int) -> Int { counts.withLock { $0[index] } }
}
