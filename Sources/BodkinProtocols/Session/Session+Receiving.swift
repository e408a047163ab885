package import NIOCore
import OrderedCollections

extension Session {
    /// The first frame of a path, read before it is known which session the path belongs to; nil where more bytes are needed.
    ///
    /// The bytes stay in the buffer: give all of them to ``receive(_:on:)`` of the session. At most 16 KiB ever have to be gathered.
    /// - Throws: an error where the path does not begin with OPEN. Answer it with ``refusal(_:)``.
    package static func peekOpen(_ buffer: ByteBuffer) throws(SessionError) -> PathOpening? {
        var buffer = buffer
        guard let frame = try PathReader.frame(&buffer) else {
            // What can never become an OPEN is refused at its first byte.
            if let type = buffer.readQUICInteger(), type != PathFrame.Kind.open { throw unexpectedFirst }
            return nil
        }
        switch try PathFrame(type: frame.type, payload: frame.payload) {
        case .open(let opening): return opening
        case .close(let reason): throw closedByPeer(reason)
        default: throw unexpectedFirst
        }
    }

    /// The bytes that refuse a path which belongs to no session: send them and close the path.
    package static func refusal(_ reason: PathCloseReason) -> ByteBuffer {
        var buffer = ByteBuffer()
        PathFrame.close(reason).write(to: &buffer)
        return buffer
    }

    /// Takes in what arrived on a path, in pieces of any size. Bytes of unknown and closed paths are ignored.
    package mutating func receive(_ bytes: ByteBuffer, on path: PathID) {
        guard paths[path]?.isDeaf == false, var reader = readers[path] else { return }
        // The reader is moved out and back: a copy would be copied again at its first write.
        readers[path] = PathReader()
        defer { readers[path] = reader }
        var bytes = bytes
        do throws(SessionError) {
            while let frame = try reader.next(from: &bytes) {
                try process(try PathFrame(type: frame.type, payload: frame.payload), on: path)
                guard paths[path]?.isDeaf == false else { return }
            }
        } catch {
            if let code = error.code.wireCode {
                abort(.transportClose(code: code, frameType: 0, reason: error.message), .protocolError(error))
            } else {
                failPath(path, error)
            }
        }
    }

    /// Whether something was received that is neither acknowledged nor about to be.
    package var mayAcknowledge: Bool { unreportedBytes > 0 && !owesAcknowledgement }

    /// Acknowledges what was received and not reported yet. To be called soon after a burst of reads, before ``output(on:limit:)``; it is made anyway every
    /// 256 KiB, and with whatever else is sent.
    package mutating func flushAcknowledgement() {
        if unreportedBytes > 0 { owesAcknowledgement = true }
    }

    private static var unexpectedFirst: SessionError { SessionError(.unexpectedPathFrame, "a path that does not begin with OPEN") }

    private static func closedByPeer(_ reason: PathCloseReason) -> SessionError {
        SessionError(.closedByPeer(reason), "the remote peer closed the path: \(reason)")
    }

    private mutating func process(_ frame: PathFrame, on path: PathID) throws(SessionError) {
        guard let known = paths[path] else { return }
        switch frame {
        case .open(let opening):
            guard !known.isOpened else { throw SessionError(.unexpectedPathFrame, "a second OPEN on one path") }
            try receive(opening, on: path)
        case .close(let reason): receiveClose(reason, on: path)
        case _ where !known.isOpened: throw Self.unexpectedFirst
        case .choose(let chosen, let next):
            guard role == .called, chosen > 0 else { throw SessionError(.unexpectedPathFrame, "CHOOSE from the called side, or of generation 0") }
            try acknowledge(next)
            if follow(path, generation: chosen) { paths[path]?.owesChoice = true }
        case .chosen(let chosen, let next):
            guard role == .dialer, chosen > 0, chosen <= known.generation else {
                throw SessionError(.unexpectedPathFrame, "CHOSEN for what was not chosen")
            }
            try acknowledge(next)
            followed(path, generation: chosen)
        case .acknowledge(let next): try acknowledge(next)
        case .probe(let number): paths[path]?.owedAnswer = number
        case .probeAnswer(let number):
            guard known.probe == number, !known.owesProbe else { return }
            paths[path]?.probe = nil
            paths[path]?.isSuspect = false
            events.append(.answered(path))
        case .record(let number, let frames):
            guard known.mayReceiveRecords else { throw SessionError(.unexpectedPathFrame, "a RECORD on a path that was not chosen") }
            try receiveRecord(number, frames)
        case .unknown: break
        }
    }

    private mutating func receive(_ opening: PathOpening, on path: PathID) throws(SessionError) {
        guard opening.session == id, opening.sender == remoteInstance, opening.receiver == localInstance else {
            throw SessionError(.wrongSession, "a path was opened for another session or instance")
        }
        guard let known = paths[path] else { return }
        guard opening.mode == .attach || opening.nextExpected == 0 || role == .dialer else {
            throw SessionError(.malformedPathFrame, "OPEN starts a session and acknowledges records of it")
        }
        // The path may have been chosen again since.
        guard role == .called || opening.generation <= known.generation else {
            throw SessionError(.unexpectedPathFrame, "OPEN confirms a choice that was not made")
        }
        try acknowledge(opening.nextExpected)
        paths[path]?.isOpened = true
        if !isConfirmed {
            isConfirmed = true
            events.append(.confirmed(path))
            raise(to: opening.limits)
        }
        switch role {
        case .called:
            let follows = follow(path, generation: opening.generation)
            paths[path]?.owesOpen = true
            // OPEN says by its generation whether the choice is accepted.
            if !follows { paths[path]?.generation = 0 }
        case .dialer:
            if opening.generation > 0 {
                followed(path, generation: opening.generation)
            } else if known.isUsable, activePath != path, improves(known.kind) {
                choose(path)
            }
        }
    }

    private mutating func receiveClose(_ reason: PathCloseReason, on path: PathID) {
        paths[path]?.isDeaf = true
        if !reason.isOrderly { events.append(.failedPath(path, Self.closedByPeer(reason))) }
        retire(path, .superseded)
        if reason == .sessionEnded, case .closing(_, let outcome) = state {
            // The remote peer has read CONNECTION_CLOSE, even if its acknowledgement was lost with a path.
            end(outcome)
        } else {
            leave(path)
        }
    }

    private mutating func acknowledge(_ next: UInt64) throws(SessionError) {
        try log.acknowledge(upTo: next)
        if let activePath, let cursor = paths[activePath]?.cursor, cursor < log.first { paths[activePath]?.cursor = log.first }
        if case .closing(let record, let outcome) = state, log.first > record { end(outcome) }
    }
}
