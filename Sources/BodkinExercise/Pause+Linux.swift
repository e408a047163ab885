#if os(Linux)
package import Bodkin
import BodkinCore
import BodkinNATLab
import NIOCore
import Synchronization

extension Pause {
    private static let interval = Duration.milliseconds(100)
    /// How long the lines flow before something happens, and how long a direct path may take after that.
    private static let lead = Duration.seconds(2)
    private static let limit = Duration.seconds(15)

    /// One conversation, and one incident.
    package static func run(_ settings: Settings, onEvent: (@Sendable (String, PeerEvent) -> Void)? = nil) async throws -> Pause {
        let link = LinkParameters(delay: settings.delay)
        return try await withPeerLab(.pair(settings.near, settings.far, link: link, seed: settings.seed)) { place in
            let routes = Routes()
            var called = try await place.configuration(in: "b")
            called.admission = .anyone
            called.onEvent = { event in
                routes.note(event, of: .called)
                onEvent?("b", event)
            }
            var dialer = try await place.configuration(in: "a")
            dialer.onEvent = { event in
                routes.note(event, of: .dialer)
                onEvent?("a", event)
            }
            let (calledConfiguration, dialerConfiguration) = (called, dialer)
            let result = try await withPeer(calledConfiguration) { far in
                try await withPeer(dialerConfiguration) { near in
                    try await far.registered()
                    try await near.registered()
                    return try await converse(settings, place, near, far, routes)
                }
            }
            try? await called.eventLoopGroup?.shutdownGracefully()
            try? await dialer.eventLoopGroup?.shutdownGracefully()
            return result
        }
    }

    private static func converse(_ settings: Settings, _ place: PeerLab, _ near: Peer, _ far: Peer, _ routes: Routes) async throws -> Pause {
        let connection = try await near.connect(to: far.id)
        try await connection.write([0])
        let wasDirect = try await connection.settled().route == .direct
        var incoming = far.incoming.makeAsyncIterator()
        guard let accepted = try await incoming.next() else { return Pause() }
        _ = try await accepted.read(upTo: 1)
        let (writer, echo) = settings.writer == .dialer ? (connection, accepted) : (accepted, connection)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            let lines = Lines()
            group.addTask { for try await piece in echo.bytes { try await echo.write(piece) } }
            group.addTask { for try await piece in writer.bytes { lines.note(piece) } }
            group.addTask {
                while !Task.isCancelled {
                    try await writer.write(lines.next())
                    try await Task.sleep(for: interval)
                }
            }
            try await Task.sleep(for: lead)
            lines.begin()
            let ends = try await strike(settings, place.lab, settings.side == .dialer ? connection : accepted, routes)
            while ContinuousClock.now < ends + limit, !routes.areDirect { try await Task.sleep(for: .milliseconds(20)) }
            var result = Pause(wasDirect: wasDirect, directAfter: routes.directSince.map { max($0 - ends, .zero) })
            // Lines flow on the path that is the last one.
            try await Task.sleep(for: .milliseconds(500))
            (result.longest, result.isWhole) = lines.result
            group.cancelAll()
            return result
        }
    }

    /// Makes the incident happen. Returns the end of its outage.
    private static func strike(_ settings: Settings, _ lab: Lab, _ connection: Connection, _ routes: Routes) async throws -> ContinuousClock.Instant {
        let host = settings.side.host
        let start = ContinuousClock.now
        routes.begin()
        switch settings.incident {
        case .reboot: try await lab.apply(.reboot(host))
        case .address: try await lab.apply(.addressChange(host, PathDeath.freshAddress()))
        case .silenceUp: try await lab.apply(.blackhole(host, isUpward: true, Incident.silence))
        case .silenceDown: try await lab.apply(.blackhole(host, isUpward: false, Incident.silence))
        case .reset: try await lab.apply(.reset(host, remote: await connection.report.remote))
        }
        return start + settings.incident.outage
    }

    /// The lines that were said, and what came back of them.
    private final class Lines: Sendable {
        private struct State {
            var said: UInt32 = 0
            var heard = ByteBuffer()
            var expected: UInt32 = 0
            var last: ContinuousClock.Instant?
            var longest = Duration.zero
            var isWhole = true
        }
        private let state = Mutex(State())

        func next() -> [UInt8] {
            state.withLock { state in
                state.said += 1
                return withUnsafeBytes(of: (state.said - 1).bigEndian) { Array($0) }
            }
        }

        /// From now on pauses count.
        func begin() { state.withLock { $0.last = .now } }

        func note(_ piece: some Sequence<UInt8>) {
            state.withLock { state in
                state.heard.writeBytes(piece)
                while let number = state.heard.readInteger(as: UInt32.self) {
                    state.isWhole = state.isWhole && number == state.expected
                    state.expected = number + 1
                    guard let last = state.last else { continue }
                    state.longest = max(state.longest, .now - last)
                    state.last = .now
                }
            }
        }

        /// The longest pause, the one that is not over among them.
        var result: (longest: Duration, isWhole: Bool) { state.withLock { (max($0.longest, $0.last.map { .now - $0 } ?? .zero), $0.isWhole) } }
    }

    /// What both sides are told of their paths.
    private final class Routes: Sendable {
        private struct State {
            var direct: Set<Side> = [.dialer, .called]
            var hasChanged = false
            var directSince: ContinuousClock.Instant?
        }
        private let state = Mutex(State())

        /// From now on a path must be lost, or replaced.
        func begin() { state.withLock { ($0.hasChanged, $0.directSince) = (false, nil) } }

        func note(_ event: PeerEvent, of side: Side) {
            state.withLock { state in
                switch event.kind {
                case .pathLost:
                    state.direct.remove(side)
                    state.hasChanged = true
                case .pathChanged(_, .direct, _):
                    state.direct.insert(side)
                    state.hasChanged = true
                case .pathChanged(_, .circuit, _):
                    state.direct.remove(side)
                    state.hasChanged = true
                default: return
                }
                let isDirect = state.hasChanged && state.direct.count == 2
                state.directSince = isDirect ? state.directSince ?? .now : nil
            }
        }

        var areDirect: Bool { directSince != nil }
        var directSince: ContinuousClock.Instant? { state.withLock { $0.directSince } }
    }
}
#endif
