import DequeModule
import NIOCore
import OrderedCollections

extension Session {
    /// Room that is always left for the control frames of one stream: MAX_STREAM_DATA, STREAM_DATA_BLOCKED, STOP_SENDING, RESET_STREAM and a bare FIN at their
    /// longest.
    private static var controlLength: Int { 128 }
    /// A record with data is begun only with this much room, or with room for everything that waits: no silly little records.
    private static var worthwhileRoom: Int { 1200 }

    /// Whether a record could be packed now.
    var canPack: Bool {
        switch state {
        case .ended, .closing: return false
        case .aborting: return true
        case .draining where mayClose: return true
        case .open, .draining: break
        }
        let nothing = RecordBatch()
        if hasControl, log.roomForControl(after: nothing) >= 2 * Self.controlLength { return true }
        return dataRoom(after: nothing, in: PathFrame.largestHead) > 0
    }

    private var hasControl: Bool { !control.isEmpty || receiveWindow.owesLimit || owesStreamLimit || owesBlocked || owesClosing }
    private var owesBlocked: Bool { isConfirmed && !ready.isEmpty && sentBytes >= remoteLimits.data && blockedAt != remoteLimits.data }
    /// Whether CONNECTION_CLOSE is next.
    private var mayClose: Bool {
        guard case .draining(_, _, let isReadAwaited) = state, queuedBytes == 0, control.isEmpty, !owesClosing else { return false }
        return !isReadAwaited || remoteClosing != nil || isEverythingRead
    }

    /// How many bytes of STREAM frames may go into a record with this much room; 0 where there is nothing to send or no room for it.
    private func dataRoom(after batch: RecordBatch, in room: Int) -> Int {
        guard !ready.isEmpty, sentBytes < remoteLimits.data else { return 0 }
        // 16 bytes are a record's header at its longest.
        let room = min(room, log.roomForData(after: batch) - 16)
        return room >= min(Self.worthwhileRoom, queuedBytes + 32) ? room : 0
    }

    /// Packs new records, straight from the writers' buffers, until `limit`, a large piece, or until nothing is left that may be sent.
    mutating func pack(into out: inout PathOutput, limit: Int, on path: PathID) {
        guard canPack else { return }
        out.head.reserveCapacity(minimumWritableBytes: 64)
        var batch = RecordBatch()
        // The first record is packed whatever the limit is.
        while batch.ranges.isEmpty || out.body == nil && out.head.readableBytes + Self.worthwhileRoom <= limit {
            guard let range = packRecord(after: batch, into: &out, limit: limit) else { break }
            batch.append(range, body: out.body?.readableBytes ?? 0)
        }
        // A record in the log must not keep much more memory alive than its own.
        if out.head.storageCapacity > 2 * out.head.readableBytes + 64 { out.head = ByteBuffer(bytes: out.head.readableBytesView) }
        log.append(batch, of: out)
        paths[path]?.cursor = log.next
    }

    /// Packs one record: first what keeps the remote peer going, then data, then the end. Returns where it lies; nil where there is none.
    private mutating func packRecord(after batch: RecordBatch, into out: inout PathOutput, limit: Int) -> Range<Int>? {
        let number = log.next + UInt64(batch.ranges.count)
        let start = out.head.writerIndex
        out.head.writeQUICInteger(PathFrame.Kind.record)
        out.head.writeInteger(UInt32(0))
        let payload = out.head.writerIndex
        out.head.writeQUICInteger(number)
        let frames = out.head.writerIndex
        let end = min(payload + PathFrame.largestHead, max(limit, frames + Self.worthwhileRoom + Self.controlLength))
        packFrames(number, after: batch, into: &out, upTo: end, limit: limit)
        guard out.head.writerIndex > frames else {
            out.head.moveWriterIndex(to: start)
            return nil
        }
        // Four bytes, whatever it is: how long a record gets is known at its end.
        let length = out.head.writerIndex - payload + (out.body?.readableBytes ?? 0)
        out.head.setInteger(UInt32(truncatingIfNeeded: length) | 0x8000_0000, at: payload - 4)
        return start..<out.head.writerIndex
    }

    private mutating func packFrames(_ number: UInt64, after batch: RecordBatch, into out: inout PathOutput, upTo end: Int, limit: Int) {
        switch state {
        case .ended, .closing: return
        case .aborting(let frame):
            frame.write(to: &out.head)
            self.end(nil)
            return
        case .open, .draining: break
        }
        packControl(into: &out.head, upTo: min(end, out.head.writerIndex + log.roomForControl(after: batch) - 16))
        packData(after: batch, into: &out, upTo: end, limit: limit)
        guard case .draining(let code, let reason, _) = state, out.body == nil else { return }
        if owesClosing, control.isEmpty, end - out.head.writerIndex >= Self.worthwhileRoom {
            SessionFrame.closing(code: code, reason: reason).write(to: &out.head)
            owesClosing = false
        }
        if mayClose, end - out.head.writerIndex >= Self.worthwhileRoom {
            SessionFrame.close(code: code, reason: reason).write(to: &out.head)
            state = .closing(record: number, .local(code: code, reason: reason))
        }
    }

    private mutating func packControl(into out: inout ByteBuffer, upTo end: Int) {
        guard end - out.writerIndex >= Self.controlLength else { return }
        if receiveWindow.owesLimit { SessionFrame.maxData(receiveWindow.takeLimit()).write(to: &out) }
        if owesBlocked {
            SessionFrame.dataBlocked(remoteLimits.data).write(to: &out)
            blockedAt = remoteLimits.data
        }
        if owesStreamLimit { SessionFrame.maxStreams(takeStreamLimit()).write(to: &out) }
        while end - out.writerIndex >= Self.controlLength, let id = control.popFirst() { packControl(of: id, into: &out) }
    }

    private mutating func packControl(of id: StreamID, into out: inout ByteBuffer) {
        if streams[id]?.packControl(of: id, mayBlock: isConfirmed, into: &out) == true { forget(id) }
    }

    /// The streams' turns, as far as there is room in the record, or until a large piece ends it.
    private mutating func packData(after batch: RecordBatch, into out: inout PathOutput, upTo end: Int, limit: Int) {
        let start = out.head.writerIndex
        let end = start + dataRoom(after: batch, in: end - start)
        let bodyEnd = start + log.roomForData(after: batch) - 16
        while out.body == nil, let id = ready.next() {
            let allowed = Int(clamping: remoteLimits.data - sentBytes)
            let position = out.head.writerIndex + SessionFrame.streamHeaderLength(id)
            let room = min(end - position, allowed)
            guard room > 0 else { return }
            let bodyRoom = min(PathFrame.largestBody, bodyEnd - position, max(limit - position, Self.worthwhileRoom), allowed)
            let buffer = sendBuffer
            guard let turn = streams[id]?.takeTurn(room, bodyRoom: bodyRoom, of: id, into: &out, sendBuffer: buffer) else {
                ready.took(0, waits: false)
                continue
            }
            ready.took(turn.length, waits: turn.isScheduled)
            sentBytes += UInt64(turn.length)
            queuedBytes -= turn.length
            if turn.takesMore { events.append(.writable(id)) }
            if isConfirmed, turn.owesBlocked { oweControl(id) }
            if turn.isDone { forget(id) }
        }
    }
}
