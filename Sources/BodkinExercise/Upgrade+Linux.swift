#if os(Linux)
import Bodkin
import BodkinCore
package import BodkinNATLab
import NIOCore
import Synchronization

/// What the remote application sees of a transfer at full speed while the connection moves from the circuit to a direct path.
package struct Upgrade: Sendable {
    /// The longest time between two reads that brought something, from the first byte until half a second after the move.
    package var longestPause = Duration.zero
    /// From the dial to the move.
    package var movedAfter: Duration?
    /// Whether every byte came, once and in its order.
    package var isWhole = false

    /// One dial, and bytes without end as soon as there is a connection.
    package static func run(_ topology: Topology) async throws -> Upgrade {
        try await withPeerLab(topology) { place in
            var called = try await place.configuration(in: "b")
            called.admission = .anyone
            let moved = Mutex<ContinuousClock.Instant?>(nil)
            called.onEvent = { event in if case .pathChanged = event.kind { moved.withLock { $0 = $0 ?? .now } } }
            let dialer = try await place.configuration(in: "a")
            let (calledConfiguration, dialerConfiguration) = (called, dialer)
            let result = try await withPeer(calledConfiguration) { far in
                try await withPeer(dialerConfiguration) { near in
                    try await far.registered()
                    try await near.registered()
                    try await Task.sleep(for: .milliseconds(200))
                    let start = ContinuousClock.now
                    let connection = try await near.connect(to: far.id)
                    let sender = Task { try await send(on: connection) }
                    defer { sender.cancel() }
                    var incoming = far.incoming.makeAsyncIterator()
                    guard let accepted = try await incoming.next() else { return Upgrade() }
                    return try await receive(on: accepted, since: start) { moved.withLock { $0 } }
                }
            }
            try? await called.eventLoopGroup?.shutdownGracefully()
            try? await dialer.eventLoopGroup?.shutdownGracefully()
            return result
        }
    }

    /// Every eight bytes are the number of the eight.
    private static func send(on connection: Connection) async throws {
        var number: UInt64 = 0
        while !Task.isCancelled {
            let block = (number..<(number + 4096)).flatMap { value in withUnsafeBytes(of: value) { Array($0) } }
            try await connection.write(block)
            number += 4096
        }
    }

    private static func receive(
        on connection: Connection, since start: ContinuousClock.Instant, moved: () -> ContinuousClock.Instant?
    ) async throws -> Upgrade {
        var result = Upgrade(isWhole: true)
        var position: UInt64 = 0
        var last: ContinuousClock.Instant?
        for try await piece in connection.bytes {
            let now = ContinuousClock.now
            if let last { result.longestPause = max(result.longestPause, now - last) }
            last = now
            for byte in piece {
                if byte != UInt8(truncatingIfNeeded: (position / 8) >> (position % 8 * 8)) { result.isWhole = false }
                position += 1
            }
            if let moved = moved() {
                result.movedAfter = moved - start
                if now - moved > .milliseconds(500) { break }
            }
        }
        return result
    }
}
#endif
