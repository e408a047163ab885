import NIOCore
import OrderedCollections

extension Session {
    /// The bytes to write to a path now; nil when there are none. To be called, while the path can be written to, after every other call.
    ///
    /// Several records come at once. `limit` is exceeded by less than one record of small pieces, 16 KB: 64 KiB is a good one for fast paths, and less for slow
    /// ones, on which a long record arrives late. Records are made here, from what was written, as late as possible: so call it only when the path takes bytes.
    package mutating func output(on path: PathID, limit: Int) -> PathOutput? {
        guard let known = paths[path], known.closing != .sent else { return nil }
        var out = PathOutput()
        writeChoice(path, known, to: &out.head)
        if known.mayProbe(role) { writeProbes(path, known, to: &out.head) }
        if path == activePath, !(paths[path]?.owesOpen ?? true) {
            // The limit is for records: they never wait for ever behind a small one.
            let limit = max(limit, 1)
            // Whatever else goes out takes it along.
            let takesAlong = unreportedBytes > 0 && state == .open && known.closing == .open && canPack
            if owesAcknowledgement || takesAlong { writeAcknowledgement(to: &out.head) }
            if known.closing == .open {
                replay(on: path, to: &out, limit: limit)
                if out.body == nil, paths[path]?.cursor == log.next { pack(into: &out, limit: limit, on: path) }
            }
        }
        if out.body == nil, case .owed(let reason) = paths[path]?.closing, state == .ended || path != activePath {
            PathFrame.close(reason).write(to: &out.head)
            paths[path]?.closing = .sent
            events.append(.closePath(path))
        }
        return out.count == 0 ? nil : out
    }

    /// Whether ``output(on:limit:)`` would give bytes.
    package func hasOutput(on path: PathID) -> Bool {
        guard let known = paths[path], known.closing != .sent else { return false }
        if known.owesOpen || known.owesChoice || known.mayProbe(role) && (known.owesProbe || known.owedAnswer != nil) { return true }
        if case .owed = known.closing, state == .ended || path != activePath { return true }
        guard path == activePath else { return false }
        return owesAcknowledgement || known.closing == .open && (known.cursor < log.next || canPack)
    }

    private mutating func writeChoice(_ path: PathID, _ known: SessionPath, to out: inout ByteBuffer) {
        // A path that ends before the remote peer has opened it needs no OPEN from the called side, and one from the dialer.
        if known.owesOpen {
            let limits = InitialLimits(
                data: receiveWindow.size, streamData: UInt64(configuration.streamWindow),
                streams: UInt64(configuration.remoteStreams))
            let opening = PathOpening(
                session: id, sender: localInstance, receiver: remoteInstance, mode: isConfirmed ? .attach : isOffer ? .offer : .start,
                kind: known.kind, generation: known.generation, nextExpected: nextExpected, limits: limits)
            PathFrame.open(opening).write(to: &out)
            paths[path]?.owesOpen = false
        } else if known.owesChoice {
            let frame: PathFrame =
                role == .dialer
                ? .choose(generation: known.generation, nextExpected: nextExpected)
                : .chosen(generation: known.generation, nextExpected: nextExpected)
            frame.write(to: &out)
            paths[path]?.owesChoice = false
        } else {
            return
        }
        if path == activePath { reported() }
    }

    private mutating func writeProbes(_ path: PathID, _ known: SessionPath, to out: inout ByteBuffer) {
        if let number = known.owedAnswer {
            PathFrame.probeAnswer(number).write(to: &out)
            paths[path]?.owedAnswer = nil
        }
        if known.owesProbe, let number = known.probe {
            PathFrame.probe(number).write(to: &out)
            paths[path]?.owesProbe = false
        }
    }

    private mutating func writeAcknowledgement(to out: inout ByteBuffer) {
        PathFrame.acknowledge(nextExpected: nextExpected).write(to: &out)
        reported()
    }

    private mutating func reported() {
        owesAcknowledgement = false
        unreportedBytes = 0
    }

    private mutating func replay(on path: PathID, to out: inout PathOutput, limit: Int) {
        guard var cursor = paths[path]?.cursor, cursor < log.next else { return }
        while out.body == nil, out.head.readableBytes < limit, let record = log[cursor] {
            out.head.writeImmutableBuffer(record.head)
            out.body = record.body
            cursor += 1
        }
        paths[path]?.cursor = cursor
    }
}
