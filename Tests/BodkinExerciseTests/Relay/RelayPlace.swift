import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinServer
import Synchronization

/// A pair in a lab with two relays, the first of which is nearer, and an echo at the called side.
struct RelayPlace: Sendable {
    let place: PeerLab
    let near: Peer
    let far: PeerID
    let moves: Moves

    /// The routes that connections of the dialer have moved to.
    final class Moves: Sendable {
        private let list = Mutex<[(route: Route, remote: IPAddress?)]>([])

        func add(_ event: PeerEvent) {
            if case .pathChanged(_, let route, let remote) = event.kind { list.withLock { $0.append((route, remote?.address)) } }
        }

        var count: Int { list.withLock { $0.count } }

        /// Waits for the next move by TURN behind the first `count`, which is to lead to a relay.
        func expect(_ relay: LabRelay.Running, after count: Int = 0) async throws {
            let address = try await self.relay(after: count)
            guard address.map({ "\($0)" }) == relay.address.host.name else {
                throw LabError(.usage, "it moved to \(address.map { "\($0)" } ?? "nothing"), not to \(relay.address.host)")
            }
        }

        /// Waits for a move by TURN behind the first `count`, and gives the relay.
        func relay(after count: Int = 0) async throws -> IPAddress? {
            let end = ContinuousClock.now + .seconds(40)
            while true {
                guard ContinuousClock.now < end else { throw LabError(.usage, "nothing moved to a relay") }
                if let move = list.withLock({ $0.dropFirst(count).first { $0.route == .turn } }) { return move.remote }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    static func topology(_ near: NATPreset, _ far: NATPreset) -> Topology {
        var topology = Topology(seed: 1)
        topology.addServer(link: LinkParameters(delay: .milliseconds(5)))
        topology.addHost("relay1", inside: nil, link: LinkParameters(delay: .milliseconds(2)))
        topology.addHost("relay2", inside: nil, link: LinkParameters(delay: .milliseconds(20)))
        topology.addHost("a", behind: near, link: LinkParameters(delay: .milliseconds(5)))
        topology.addHost("b", behind: far, link: LinkParameters(delay: .milliseconds(5)))
        return topology
    }

    /// Runs `body` with a pair that knows both relays, in the order of the second and the first.
    static func run(
        _ near: NATPreset = .symmetricRandom, _ far: NATPreset = .symmetricRandom, first: [String] = [], secure: Bool = false,
        relays change: @Sendable @escaping (inout TURNRelays) -> Void = { _ in }, secrets: [[UInt8]] = [LabRelay.secret],
        peers configure: @Sendable @escaping (inout Peer.Configuration) -> Void = { _ in },
        _ body: @Sendable @escaping (RelayPlace, _ relays: [LabRelay.Running]) async throws -> Void
    ) async throws {
        try await withPeerLab(topology(near, far), server: { $0.port = 443 }) { place in
            try await LabRelay(host: "relay1", options: first).run(in: place.lab, secure: secure) { first in
                try await LabRelay(host: "relay2").run(in: place.lab, secure: secure) { second in
                    guard var relays = TURNRelays([second.address, first.address], secrets: secrets) else { throw LabError(.usage, "no relays") }
                    change(&relays)
                    await place.update(relays)
                    try await pair(in: place, configure) { try await body($0, [first, second]) }
                }
            }
        }
    }

    /// Runs `body` with a pair in a lab.
    static func pair(
        in place: PeerLab, _ configure: @Sendable @escaping (inout Peer.Configuration) -> Void,
        _ body: @Sendable @escaping (RelayPlace) async throws -> Void
    ) async throws {
        let moves = Moves()
        try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
            let echo = Task {
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for try await connection in far.incoming {
                        tasks.addTask {
                            while let bytes = try await connection.read() { try await connection.write(bytes) }
                            try await connection.finish()
                        }
                    }
                }
            }
            defer { echo.cancel() }
            try await far.registered()
            try await place.withPeer(
                in: "a",
                {
                    configure(&$0)
                    $0.onEvent = { moves.add($0) }
                }
            ) { near in
                try await near.registered()
                try await body(RelayPlace(place: place, near: near, far: far.id, moves: moves))
            }
        }
    }

    /// Writes lines while `body` runs, and afterwards has read all of them again, in order.
    func withTraffic(on connection: Connection, _ body: @Sendable () async throws -> Void) async throws {
        let traffic = Traffic(connection)
        async let writing: Void = traffic.write()
        async let text = traffic.read()
        try await body()
        traffic.end()
        try await writing
        guard try await text == traffic.text else { throw LabError(.usage, "\(try await text.count) bytes have come, which differ") }
    }

    private final class Traffic: Sendable {
        private let connection: Connection
        private let state = Mutex((count: 0, isOver: false))

        init(_ connection: Connection) { self.connection = connection }

        func write() async throws {
            while let line = next() {
                try await connection.write(line.utf8)
                try await Task.sleep(for: .milliseconds(10))
            }
            try await connection.finish()
        }

        func read() async throws -> String {
            var text = ""
            while let bytes = try await connection.read() { text += String(decoding: bytes, as: UTF8.self) }
            return text
        }

        func end() { state.withLock { $0.isOver = true } }

        var text: String { (1...max(1, state.withLock { $0.count })).map(Self.line).joined() }

        private func next() -> String? {
            state.withLock { state in
                guard !state.isOver || state.count == 0 else { return nil }
                state.count += 1
                return Self.line(state.count)
            }
        }

        private static func line(_ number: Int) -> String { "line \(number) " + String(repeating: "x", count: number % 700) + "\n" }
    }
}
