import BodkinCore
import FoundationEssentials
import NIOCore
import Synchronization

@testable import Bodkin

/// Looks at a peer's sockets a quarter of a second after its dial is over: within that time whatever has lost is to be closed.
///
/// It looks on the peer's own event loop. On a machine that is busy the look is late, as everything else there is: what the peer has put off shows all the same.
final class DialWatch: Sendable {
    /// How a dial ended.
    struct End: Sendable {
        /// What the peer says of it.
        let report: ConnectionReport
        /// When that was, in nanoseconds of the time of day: the clock of captures.
        let time: Int64
        /// When the sockets were looked at.
        let look: Int64
        /// How many half-open ones there were by then towards the remote peer.
        let halfOpen: Int
    }

    private struct Notes {
        var end: End?
        var isOver = false
        var isDisturbed = false
    }

    private static let closing = TimeAmount.milliseconds(250)

    private let address: IPAddress
    private let notes = Mutex(Notes())

    /// Watches what leads to the external address of the remote peer.
    init(towards address: IPAddress) { self.address = address }

    /// How the dial ended; nil until then.
    var end: End? { notes.withLock { $0.end } }

    /// Whether another path was looked for after that: where a machine stands still for a second, peers take the path for dead, and dial again.
    var isDisturbed: Bool { notes.withLock { $0.isDisturbed } }

    /// Looks whether the peer dials again.
    func look(at peer: Peer) async throws {
        try await peer.eventLoop.submit { [self] in
            let isDialing = !peer.engine.value.remotes.hasNoDials
            notes.withLock { if $0.isOver, isDialing { $0.isDisturbed = true } }
        }.get()
    }

    func configure(_ configuration: inout Peer.Configuration) {
        configuration.admission = .anyone
        // The peer's only one.
        guard let loop = configuration.eventLoopGroup?.next() else { return }
        configuration.onEvent = { [self] event in
            let isSecond = notes.withLock { notes in
                if notes.isOver { notes.isDisturbed = true }
                if case .report = event.kind { notes.isOver = true }
                return notes.isDisturbed
            }
            guard case .report(let report) = event.kind, !isSecond else { return }
            let time = Self.now
            loop.scheduleTask(in: Self.closing) { [self] in
                let look = Self.now
                let end = End(report: report, time: time, look: look, halfOpen: SocketTable.counts(towards: address).halfOpen)
                notes.withLock { $0.end = end }
            }
        }
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1e9) }
}

extension Peer {
    /// Waits until it knows how its NAT gives out ports, and the server knows the card that says so.
    func warm() async throws {
        try await registered()
        try await eventually("the NAT's ways") {
            try await self.eventLoop.submit {
                let engine = self.engine.value
                return engine.keepsEndpoint != nil && !engine.isSampling && engine.registeredSequence == engine.sequence
            }.get()
        }
    }
}
