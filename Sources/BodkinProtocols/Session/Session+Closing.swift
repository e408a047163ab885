import DequeModule
import OrderedCollections

extension Session {
    /// Ends the session after everything that was written: no more is taken, CONNECTION_CLOSE follows the last byte, and
    /// ``Event/closed(_:)`` comes when the remote peer has acknowledged it. Streams that were not finished end without a FIN.
    ///
    /// It waits for the remote peer to read what its windows hold back: a caller that cannot wait calls ``abort(code:reason:)`` later.
    /// A reason is cut after 1024 bytes.
    package mutating func close(code: UInt64, reason: String) {
        guard state == .open else { return }
        state = .draining(code: code, reason: Self.bounded(reason))
    }

    /// Ends the session now: what was not sent is dropped, CONNECTION_CLOSE goes out next, and nothing is waited for.
    package mutating func abort(code: UInt64, reason: String) {
        let reason = Self.bounded(reason)
        abort(.close(code: code, reason: reason), .local(code: code, reason: reason))
    }

    /// Ends the session without a word to the remote peer beyond PATH_CLOSE, as when no path is left.
    package mutating func fail(_ reason: String) {
        switch state {
        case .ended: return
        case .aborting: end(nil)
        case .open, .draining, .closing: end(.failed(Self.bounded(reason)))
        }
    }

    /// Ends the session, with `frame` as the last one, where there is a path for it.
    mutating func abort(_ frame: SessionFrame, _ outcome: SessionCloseReason) {
        switch state {
        case .ended, .aborting: return
        // CONNECTION_CLOSE is under way.
        case .closing: end(outcome)
        case .open, .draining:
            guard activePath != nil else { return end(outcome) }
            dropUnsent()
            state = .aborting(frame)
            events.append(.closed(outcome))
        }
    }

    /// The remote peer's CONNECTION_CLOSE.
    mutating func receiveClose(_ outcome: SessionCloseReason) {
        owesAcknowledgement = true
        if case .closing(_, let own) = state { end(own) } else { end(outcome) }
    }

    /// The session is over; nil where the event was sent before.
    mutating func end(_ outcome: SessionCloseReason?) {
        guard state != .ended else { return }
        dropUnsent()
        state = .ended
        if let outcome { events.append(.closed(outcome)) }
        for path in paths.keys { retire(path, .sessionEnded) }
    }

    private mutating func dropUnsent() {
        for id in streams.keys { _ = streams[id]?.outbound.reset(code: 0) }
        queuedBytes = 0
        ready = TurnQueue()
        control = []
    }

    private static func bounded(_ reason: String) -> String {
        reason.utf8.count <= 1024 ? reason : String(decoding: reason.utf8.prefix(1024), as: UTF8.self)
    }
}
