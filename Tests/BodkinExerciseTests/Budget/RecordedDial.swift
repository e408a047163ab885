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
        /// How its dial ended.
        let end: DialWatch.End
        /// The most half-open sockets that its system had whenever it was looked at.
        let mostHalfOpen: Int

        /// What it says of its dial.
        var report: ConnectionReport { end.report }
    }

    let sides: [Side]
    let capture: Capture

    /// How the two are connected.
    var route: Route? { sides[0].report.route }
    /// Each peer with its remote peer.
    var views: [(own: Side, far: Side)] { [(sides[0], sides[1]), (sides[1], sides[0])] }

    /// From any host to the core.
    static let wayToCore = Duration.milliseconds(12) + .microseconds(500)
    /// For how long the capture goes on: the system repeats a SYN that nobody has given up after a second (RFC 6298).
    private static let aftermath = Duration.milliseconds(1500)

    /// Dials from a to b, and waits until nothing of it could be heard any more. Where the machine was so busy that the two dialed again meanwhile, that is no
    /// record of one dial, and another one is made.
    static func run(_ near: NATPreset, _ far: NATPreset, seed: UInt64) async throws -> RecordedDial {
        for turn in 0..<5 { if let dial = try await record(near, far, seed: seed + UInt64(turn) * 1000) { return dial } }
        throw Missing(description: "a dial that is left alone")
    }

    private static func record(_ near: NATPreset, _ far: NATPreset, seed: UInt64) async throws -> RecordedDial? {
        let path = FileManager.default.temporaryDirectory.appending(path: "bodkin-\(UUID().uuidString).pcap").path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        var options = Lab.Options()
        options.capture = path
        let topology = Topology.pair(near, far, link: LinkParameters(delay: wayToCore * 2), seed: seed)
        let outside = try ["a", "b"].map { try #require(topology.outsideAddress(of: $0)) }
        let sides = try await withPeerLab(topology, options: options) { place in
            let watches = [DialWatch(towards: outside[1]), DialWatch(towards: outside[0])]
            return try await place.withPeer(in: "b", watches[1].configure) { called in
                try await place.withPeer(in: "a", watches[0].configure) { dialer in
                    try await called.warm()
                    try await dialer.warm()
                    return try await dial(called, from: dialer, in: place.lab, watches, outside)
                }
            }
        }
        return try sides.map { RecordedDial(sides: $0, capture: try Capture(path: path)) }
    }

    private static func dial(
        _ called: Peer, from dialer: Peer, in lab: Lab, _ watches: [DialWatch], _ outside: [IPAddress]
    ) async throws -> [Side]? {
        let most = Most()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    for (index, host) in ["a", "b"].enumerated() {
                        most.note(try await SocketTable.count(.halfOpen, in: host, of: lab), at: index)
                        try await watches[index].look(at: index == 0 ? dialer : called)
                    }
                    try? await Task.sleep(for: .milliseconds(2))
                }
            }
            let connection = try await dialer.connect(to: called.id)
            try await connection.write("x".utf8)
            let isDirect = try await connection.settled().route == .direct
            let ends = try await eventually("the end of both dials") {
                let ends = watches.compactMap(\.end)
                return ends.count == 2 ? ends : nil
            }
            for (index, host) in ["a", "b"].enumerated() {
                try await eventually("the end of what has lost, in \(host)") {
                    try await lab.host(host).run { SocketTable.counts(towards: outside[1 - index]).all } == (isDirect ? 1 : 0)
                }
            }
            try await Task.sleep(for: aftermath)
            group.cancelAll()
            guard !watches.contains(where: \.isDisturbed) else { return nil }
            return ends.indices.map { Side(name: ["a", "b"][$0], outside: outside[$0], end: ends[$0], mostHalfOpen: most.count(at: $0)) }
        }
    }
}

/// The most that was ever counted, on each side.
private final class Most: Sendable {
    private let counts = Mutex([0, 0])

    func note(_ count: Int, at index: Int) { counts.withLock { $0[index] = max($0[index], count) } }
    func count(at index: Int) -> Int { counts.withLock { $0[index] } }
}
