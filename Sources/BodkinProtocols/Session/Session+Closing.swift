import DequeModule
import OrderedCollections

extension Session {
    /// Ends the session after everything that was written: no more is taken, and every stream is finished. CONNECTION_CLOSE follows when the remote
    /// application has read everything (or has closed as well), and ``Event/closed(_:)`` comes when the remote peer has acknowledged it.
    ///
    /// It waits as long as the remote application takes: a caller that cannot wait calls ``abort(code:reason:)`` later. A reason is cut after 1024 bytes.
    /// - Parameter isReadAwaited: whether to wait for the remote application; otherwise CONNECTION_CLOSE follows the last byte.
    package mutating func close(code: UInt64, reason: String, isReadAwaited: Bool = true) {
        switch state {
        case .open: break
        case .draining(_, _, true) where !isReadAwaited:
            state = .draining(code: code, reason: Self.bounded(reason), isReadAwaited: false)
            return
        case .draining, .closing, .aborting, .ended: return
        }
        for id in streams.keys {
            if streams[id]?.inbound.report() == true { oweControl(id) }
            // The remote peer does not know of a stream that was opened and not used.
            let isKnown = id == .initial || id.opening?.role != role || streams[id]?.outbound.written != 0
            if isKnown { streams[id]?.outbound.finishByClose() }
            if streams[id]?.outbound.owesBareFIN == true { oweControl(id) }
        }
        owesClosing = true
        state = .draining(code: code, reason: Self.bounded(reason), isReadAwaited: isReadAwaited)
    }

    /// The remote application has closed, and has said before what it has read. It reads no more, so nothing is sent to it any more.
    mutating func receiveClosing(_ reason: SessionCloseReason) {
        guard remoteClosing == nil else { return }
        remoteClosing = reason
        if !streams.values.allSatisfy({ $0.outbound.isRead(isClosing: true) }) { hasUnread = true }
        queuedBytes = 0
        ready = TurnQueue()
        for id in Array(streams.keys) {
            streams[id]?.outbound.abandon()
            reportExhausted(id)
            forgetIfDone(id)
        }
        events.append(.remoteClosing(reason))
    }

    /// A remote application that closes waits until everything is read: it hears of the last byte, even if nobody reads the end behind it.
    mutating func reportExhausted(_ id: StreamID) {
        guard remoteClosing != nil, streams[id]?.inbound.isExhausted == true, streams[id]?.inbound.report() == true else { return }
        oweControl(id)
    }

    /// Ends the session now: what was not sent is dropped, CONNECTION_CLOSE goes out next, and nothing is waited for.
    package mutating func abort(code: UInt64, reason: String) {
        let reason = Self.bounded(reason)
        abort(.close(code: code, reason: reason), .local(code: code, reason: reason))
    }

    /// Ends the session, with no message to the remote peer but PATH_CLOSE, as when no path is left.
    package mutating func fail(_ reason: String) {
        switch state {
        case .ended: return
        case .aborting: end(nil)
        // Everything is where it should be; only the last acknowledgement is missing.
        case .closing(_, let own) where isEverythingRead: end(own)
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
            outcomeIsRead = isEverythingRead
            dropUnsent()
            state = .aborting(frame)
            events.append(.closed(outcome))
        }
    }

    /// The remote peer's CONNECTION_CLOSE.
    mutating func receiveClose(_ outcome: SessionCloseReason) {
        owesAcknowledgement = true
        switch state {
        case .closing(_, let own): end(own)
        case .draining(let code, let reason, _) where remoteClosing != nil: end(.local(code: code, reason: reason))
        default: end(outcome)
        }
    }

    /// The session is over; nil where the event was sent before.
    mutating func end(_ outcome: SessionCloseReason?) {
        guard state != .ended else { return }
        outcomeIsRead = isEverythingRead
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
        reason.utf8.count <= SessionFrame.reasonLimit ? reason : String(decoding: reason.utf8.prefix(SessionFrame.reasonLimit), as: UTF8.self)
    }
}
