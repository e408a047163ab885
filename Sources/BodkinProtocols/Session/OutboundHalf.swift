import NIOCore

/// The sending part of a stream (RFC 9000 section 3.1).
///
/// ```
/// ready ── finish ──▶ finishing ── FIN packed ──▶ finished ── STREAM_READ ──▶ read
///   │                     │                           └── STOP_SENDING ──┐
///   └──── reset ──────────┴──▶ resetting ── RESET_STREAM packed ──▶ reset ◀┘
/// ```
/// After its FIN a stream is kept until the remote application has read its end, because only then is it delivered.
struct OutboundHalf: Sendable {
    enum Phase: Hashable, Sendable { case ready, finishing, finished, read, resetting(code: UInt64), reset }

    private(set) var phase = Phase.ready
    private(set) var queue = ByteQueue()
    /// How many bytes were packed.
    private(set) var sent: UInt64 = 0
    private var limit: UInt64
    /// How many bytes the remote application has read, as far as it has said.
    private var remoteRead: UInt64 = 0
    /// Whether the close of the session ended the half: then nobody has to read its end.
    private var isFinishedByClose = false
    /// The limit of which a STREAM_DATA_BLOCKED has told the remote peer.
    private var blockedAt: UInt64?
    /// Whether the writer waits for room.
    private var isBlocked = false
    /// Whether the stream waits for its turn.
    private var isScheduled = false

    init(limit: UInt64) { self.limit = limit }

    /// How many bytes the remote peer's window allows now.
    var sendable: Int { min(queue.count, Int(clamping: limit - min(limit, sent))) }
    /// Whether nothing more will be packed, and the remote application has read everything or wants no more.
    var isDone: Bool { phase == .read || phase == .reset }
    /// How many bytes were written and not reset.
    var written: UInt64 { sent + UInt64(queue.count) }
    /// Whether it is neither finished nor reset.
    var takesBytes: Bool { phase == .ready }
    /// Whether the remote peer is to hear that its limit holds us up.
    var owesBlocked: Bool { queue.count > 0 && sent >= limit && blockedAt != limit }
    /// Whether only the FIN is left to pack.
    var owesBareFIN: Bool { phase == .finishing && queue.count == 0 }

    mutating func write(_ bytes: ByteBuffer, buffer: Int) -> Int {
        guard phase == .ready else { return 0 }
        // Pieces up to a certain size are taken whole: what is cut once arrives in pieces ever after.
        let room = queue.count < buffer ? max(buffer - queue.count, PathFrame.largestBody) : 0
        let accepted = min(bytes.readableBytes, room)
        isBlocked = accepted < bytes.readableBytes
        if let slice = bytes.getSlice(at: bytes.readerIndex, length: accepted) { queue.append(slice) }
        return accepted
    }

    /// Whether the stream is to wait for its turn, and did not until now.
    mutating func schedule() -> Bool {
        guard !isScheduled, sendable > 0 else { return false }
        isScheduled = true
        return true
    }

    mutating func raiseLimit(to limit: UInt64) { self.limit = max(self.limit, limit) }

    mutating func finish() {
        if phase == .ready { phase = .finishing }
    }

    /// Ends the half because the session closes. A half whose writer still waits gets no FIN, because its bytes are not all there.
    mutating func finishByClose() {
        guard phase == .ready, !isBlocked else { return }
        phase = .finishing
        isFinishedByClose = true
    }

    /// Whether the remote application has read everything that was written and not reset.
    /// - Parameter isClosing: whether that application has closed, so that it needs not read the end as well.
    func isRead(isClosing: Bool) -> Bool {
        switch phase {
        case .read, .resetting, .reset: true
        case .ready: remoteRead == written && !isBlocked
        case .finishing, .finished: remoteRead == written && (isClosing || isFinishedByClose)
        }
    }

    /// The remote application has read so many bytes, or everything with the end.
    mutating func receiveRead(_ count: UInt64, isEnd: Bool) throws(SessionError) {
        guard count <= sent, !isEnd || phase != .ready && phase != .finishing else {
            throw SessionError(.protocolViolation, "STREAM_READ for bytes that were not sent")
        }
        guard phase == .ready || phase == .finishing || phase == .finished else { return }
        guard !isEnd || count == sent else { throw SessionError(.protocolViolation, "STREAM_READ for an end at another size") }
        remoteRead = max(remoteRead, count)
        if isEnd { phase = .read }
    }

    /// The remote application wants no more. Drops what waits. Nil where the half is over, or is being reset.
    mutating func stop(code: UInt64) -> (dropped: Int, owesReset: Bool)? {
        if let dropped = reset(code: code) { return (dropped, true) }
        guard phase == .finished else { return nil }
        phase = .reset
        return (0, false)
    }

    /// The remote application reads no more of any stream.
    mutating func abandon() {
        if phase != .read { phase = .reset }
        isBlocked = false
        isScheduled = false
        _ = queue.removeAll()
    }

    /// Drops what waits; nil where FIN or RESET_STREAM was packed or is owed already.
    mutating func reset(code: UInt64) -> Int? {
        guard phase == .ready || phase == .finishing else { return nil }
        phase = .resetting(code: code)
        isBlocked = false
        return queue.removeAll()
    }

    /// The stream's turn: small pieces are copied into a record where it has `room` for them, a large one ends it. Says how many bytes that were, whether the
    /// writer is to hear that there is room, and whether the stream is to wait for another turn.
    mutating func takeTurn(_ room: Int, bodyRoom: Int, of id: StreamID, into output: inout PathOutput, sendBuffer: Int) -> (
        length: Int, takesMore: Bool, isScheduled: Bool
    ) {
        let length = pack(room, bodyRoom, of: id, into: &output)
        isScheduled = sendable > 0
        return (length, length > 0 && takesMore(buffer: sendBuffer), isScheduled)
    }

    private mutating func pack(_ room: Int, _ bodyRoom: Int, of id: StreamID, into output: inout PathOutput) -> Int {
        guard queue.isFrontLarge else {
            let length = queue.smallPrefix(min(room, sendable))
            if length > 0 {
                writeHeader(of: id, length, left: queue.count - length, to: &output.head)
                queue.move(length, into: &output.head)
            }
            return length
        }
        guard let body = queue.take(min(bodyRoom, sendable)) else { return 0 }
        writeHeader(of: id, body.readableBytes, left: queue.count, to: &output.head)
        output.body = body
        return body.readableBytes
    }

    /// The limit that STREAM_DATA_BLOCKED says now; nil where that is not owed any more.
    mutating func takeBlocked() -> UInt64? {
        guard owesBlocked else { return nil }
        blockedAt = limit
        return limit
    }

    /// Packs the FIN alone.
    mutating func packBareFIN(of id: StreamID, into buffer: inout ByteBuffer) { writeHeader(of: id, 0, left: 0, to: &buffer) }

    /// Writes what precedes bytes in a record; the FIN goes with the last of them, when none are left.
    private mutating func writeHeader(of id: StreamID, _ length: Int, left: Int, to buffer: inout ByteBuffer) {
        let isLast = phase == .finishing && left == 0
        SessionFrame.writeStreamHeader(id, length: length, isLast: isLast, to: &buffer)
        sent += UInt64(length)
        if isLast { phase = .finished }
    }

    mutating func resetPacked() { phase = .reset }

    /// Whether a writer that waited should hear that there is room: once, when half of the buffer is free.
    mutating func takesMore(buffer: Int) -> Bool {
        guard isBlocked, phase == .ready, queue.count <= buffer / 2 else { return false }
        isBlocked = false
        return true
    }
}
