import Bodkin
import BodkinExercise
import NIOCore
import Synchronization

/// One transfer between two registered peers: dial, takeover and the last byte included.
struct PeerTransfer: Sendable {
    /// From the dial until the last byte has been read.
    var seconds = 0.0
    /// From the dial until there was a connection.
    var dialSeconds = 0.0
    /// From the dial until the connection had moved to a direct path; nil where it has not.
    var movedAfter: Double?
    /// How many paths were lost.
    var losses = 0

    static func run(_ cell: LinkCell, byteCount: Int, in place: PeerLab) async throws -> PeerTransfer {
        var (called, dialer) = (try await place.configuration(in: "b"), try await place.configuration(in: "a"))
        called.admission = .anyone
        let moved = Mutex<ContinuousClock.Instant?>(nil)
        let losses = Mutex(0)
        (called.profilesNetwork, dialer.profilesNetwork) = (false, false)
        if cell.route == .circuit { (called.paths, dialer.paths) = (.relayOnly, .relayOnly) }
        dialer.dialTimeout = .seconds(60)
        dialer.onEvent = { event in
            switch event.kind {
            case .pathChanged: moved.withLock { $0 = $0 ?? .now }
            case .pathLost: losses.withLock { $0 += 1 }
            default: break
            }
        }
        let (calledConfiguration, dialerConfiguration) = (called, dialer)
        let result = try await withPeer(calledConfiguration) { far in
            try await withPeer(dialerConfiguration) { near in
                try await far.registered()
                try await near.registered()
                // The authentication of the STUN connections is on its way.
                try await Task.sleep(for: cell.roundTrip * 2 + .milliseconds(20))
                return try await transfer(cell, byteCount, near, far)
            }
        }
        try? await called.eventLoopGroup?.shutdownGracefully()
        try? await dialer.eventLoopGroup?.shutdownGracefully()
        var complete = result.transfer
        complete.movedAfter = moved.withLock { $0 }.map { ($0 - result.start) / .seconds(1) }
        complete.losses = losses.withLock { $0 }
        return complete
    }

    private static func transfer(
        _ cell: LinkCell, _ byteCount: Int, _ near: Peer, _ far: Peer
    ) async throws -> (transfer: PeerTransfer, start: ContinuousClock.Instant) {
        var result = PeerTransfer()
        let start = ContinuousClock.now
        async let accepted = serve(cell, byteCount, far)
        let connection = try await near.connect(to: far.id)
        result.dialSeconds = (ContinuousClock.now - start) / .seconds(1)
        let received: Int
        if cell.direction == .dialer {
            try await write(byteCount, to: connection)
            received = try await accepted
        } else {
            // The called side learns of the connection by its first bytes.
            try await connection.finish()
            received = try await read(connection)
            _ = try await accepted
        }
        result.seconds = (ContinuousClock.now - start) / .seconds(1)
        guard received == byteCount else { throw BenchmarkFailure("\(received) of \(byteCount) bytes have come") }
        try await connection.close(within: .seconds(30))
        return (result, start)
    }

    private static func serve(_ cell: LinkCell, _ byteCount: Int, _ peer: Peer) async throws -> Int {
        for try await connection in peer.incoming {
            if cell.direction == .called { try await write(byteCount, to: connection) }
            return try await read(connection)
        }
        return 0
    }

    private static func write(_ count: Int, to connection: Connection) async throws {
        let piece = ByteBuffer(repeating: 0x5A, count: ByteStream.defaultLimit)
        var rest = count
        while rest > 0, let part = piece.getSlice(at: 0, length: min(rest, piece.readableBytes)) {
            try await connection.stream.write(part)
            rest -= part.readableBytes
        }
        try await connection.finish()
    }

    private static func read(_ connection: Connection) async throws -> Int {
        var count = 0
        while let piece = try await connection.stream.readBuffer() { count += piece.readableBytes }
        return count
    }
}
