import DequeModule
import NIOCore

extension Session {
    /// Room that is always left for the control frames of one stream: MAX_STREAM_DATA, STOP_SENDING, RESET_STREAM and a bare FIN at their longest.
    private static var controlLength: Int { 96 }
    /// A record with data is begun only with this much room, or with room for everything that waits: no silly little records.
    private static var worthwhileRoom: Int { 1200 }

    /// Whether a record could be packed now.
    var canPack: Bool {
        switch state {
        case .ended, .closing: return false
        case .aborting: return true
        case .draining where isDrained: return true
        case .open, .draining: break
        }
        let nothing = RecordBatch()
        if hasControl, log.roomForControl(after: nothing) >= 2 * Self.controlLength { return true }
        return dataRoom(after: nothing, in: PathFrame.largestRecord) > 0
    }

    private var hasControl: Bool { !control.isEmpty || receiveWindow.owesLimit || owesStreamLimit }
    private var isDrained: Bool { queuedBytes == 0 && control.isEmpty }

    /// How many bytes of STREAM frames may go into a record with this much room; 0 where there is nothing to send or no room for it.
    private func dataRoom(after batch: RecordBatch, in room: Int) -> Int {
        guard !ready.isEmpty, sentBytes < remoteLimits.data else { return 0 }
        // 16 bytes are a record's header at its longest.
        let room = min(room, log.roomForData(after: batch) - 16)
        return room >= min(Self.worthwhileRoom, queuedBytes + 32) ? room : 0
    }

    /// Packs new records, straight from the writers' buffers, until `limit` or until nothing is left that may be sent.
    mutating func pack(into out: inout ByteBuffer, limit: Int, on path: PathID) {
        guard canPack else { return }
        // No more than a power of two where the limit is one: storage comes in those, and what is mostly empty is copied below.
        out.reserveCapacity(min(max(limit, out.readableBytes), out.readableBytes + queuedBytes + 64))
        var batch = RecordBatch()
        // The first record is packed whatever the limit is.
        while batch.ranges.isEmpty || out.readableBytes + Self.worthwhileRoom <= limit {
            guard let range = packRecord(after: batch, into: &out, limit: limit) else { break }
            batch.append(range)
        }
        // What is kept until its acknowledgement must not keep much more alive.
        if out.storageCapacity > 2 * out.readableBytes + 64 { out = ByteBuffer(bytes: out.readableBytesView) }
        log.append(batch, of: out)
        paths[path]?.cursor = log.next
    }

    /// Packs one record: first what keeps the far side going, then data, then the end. Returns where it lies; nil where there is none.
    private mutating func packRecord(after batch: RecordBatch, into out: inout ByteBuffer, limit: Int) -> Range<Int>? {
        let number = log.next + UInt64(batch.ranges.count)
        let start = out.writerIndex
        out.writeQUICInteger(PathFrame.Kind.record)
        out.writeInteger(UInt16(0))
        let payload = out.writerIndex
        out.writeQUICInteger(number)
        let frames = out.writerIndex
        let end = min(payload + PathFrame.largestRecord, max(limit, frames + Self.worthwhileRoom + Self.controlLength))
        packFrames(number, after: batch, into: &out, upTo: end)
        guard out.writerIndex > frames else {
            out.moveWriterIndex(to: start)
            return nil
        }
        out.setInteger(UInt16(truncatingIfNeeded: out.writerIndex - payload) | 0x4000, at: payload - 2)
        return start..<out.writerIndex
    }

    private mutating func packFrames(_ number: UInt64, after batch: RecordBatch, into out: inout ByteBuffer, upTo end: Int) {
        switch state {
        case .ended, .closing: return
        case .aborting(let frame):
            frame.write(to: &out)
            self.end(nil)
            return
        case .open, .draining: break
        }
        packControl(into: &out, upTo: min(end, out.writerIndex + log.roomForControl(after: batch) - 16))
        packData(into: &out, upTo: out.writerIndex + dataRoom(after: batch, in: end - out.writerIndex))
        if case .draining(let code, let reason) = state, isDrained, end - out.writerIndex >= Self.worthwhileRoom {
            SessionFrame.close(code: code, reason: reason).write(to: &out)
            state = .closing(record: number, .local(code: code, reason: reason))
        }
    }

    private mutating func packControl(into out: inout ByteBuffer, upTo end: Int) {
        guard end - out.writerIndex >= Self.controlLength else { return }
        if receiveWindow.owesLimit { SessionFrame.maxData(receiveWindow.takeLimit()).write(to: &out) }
        if owesStreamLimit { SessionFrame.maxStreams(takeStreamLimit()).write(to: &out) }
        while end - out.writerIndex >= Self.controlLength, let id = control.popFirst() { packControl(of: id, into: &out) }
    }

    private mutating func packControl(of id: StreamID, into out: inout ByteBuffer) {
        guard streams[id] != nil else { return }
        streams[id]?.isInControlQueue = false
        if let code = streams[id]?.inbound.owedStop {
            SessionFrame.stopSending(id, code: code).write(to: &out)
            streams[id]?.inbound.owedStop = nil
        }
        if let limit = streams[id]?.inbound.takeLimit() { SessionFrame.maxStreamData(id, limit).write(to: &out) }
        if case .resetting(let code) = streams[id]?.outbound.phase {
            SessionFrame.resetStream(id, code: code, finalSize: streams[id]?.outbound.sent ?? 0).write(to: &out)
            streams[id]?.outbound.resetPacked()
        } else if streams[id]?.outbound.owesBareFIN == true {
            streams[id]?.outbound.pack(0, of: id, into: &out)
        }
        forgetIfDone(id)
    }

    /// One piece of each stream in turn: as much as there is room for, then the next stream.
    private mutating func packData(into out: inout ByteBuffer, upTo end: Int) {
        while let id = ready.first {
            let room = min(end - out.writerIndex - SessionFrame.streamHeaderLength(id), Int(clamping: remoteLimits.data - sentBytes))
            guard room > 0 else { return }
            ready.removeFirst()
            let buffer = sendBuffer
            guard let turn = streams[id]?.outbound.takeTurn(room, of: id, into: &out, sendBuffer: buffer) else { continue }
            sentBytes += UInt64(turn.length)
            queuedBytes -= turn.length
            if turn.takesMore { events.append(.writable(id)) }
            if turn.isScheduled { ready.append(id) } else { forgetIfDone(id) }
        }
    }
}
