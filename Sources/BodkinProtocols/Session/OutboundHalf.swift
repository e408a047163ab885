import NIOCore

/// The sending part of a stream (RFC 9000 section 3.1).
///
/// ```
/// ready ── finish ──▶ finishing ── FIN packed ──▶ finished
///   │                     │
///   └──── reset ──────────┴──▶ resetting ── RESET_STREAM packed ──▶ reset
/// ```
/// What is packed is delivered in order or the session ends, so nothing has to be kept for a stream after its FIN or RESET_STREAM.
struct OutboundHalf: Sendable {
    enum Phase: Hashable, Sendable { case ready, finishing, finished, resetting(code: UInt64), reset }

    private(set) var phase = Phase.ready
    private(set) var queue = ByteQueue()
    /// How many bytes were packed.
    private(set) var sent: UInt64 = 0
    private var limit: UInt64
    /// Whether the writer waits for room.
    private var isBlocked = false
    /// Whether the stream waits for its turn.
    private var isScheduled = false

    init(limit: UInt64) { self.limit = limit }

    /// How many bytes the far side's window allows now.
    var sendable: Int { min(queue.count, Int(clamping: limit - min(limit, sent))) }
    /// Whether nothing more will be packed.
    var isDone: Bool { phase == .finished || phase == .reset }
    /// Whether it is neither finished nor reset.
    var takesBytes: Bool { phase == .ready }
    /// Whether only the FIN is left to pack.
    var owesBareFIN: Bool { phase == .finishing && queue.count == 0 }

    mutating func write(_ bytes: ByteBuffer, buffer: Int) -> Int {
        guard phase == .ready else { return 0 }
        let accepted = min(bytes.readableBytes, max(0, buffer - queue.count))
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

    /// Drops what waits; nil where FIN or RESET_STREAM was packed or is owed already.
    mutating func reset(code: UInt64) -> Int? {
        guard phase == .ready || phase == .finishing else { return nil }
        phase = .resetting(code: code)
        isBlocked = false
        return queue.removeAll()
    }

    /// The stream's turn: moves at most `room` bytes into a record. Says how many, whether the writer is to hear that there is room, and whether the stream
    /// is to wait for another turn.
    mutating func takeTurn(_ room: Int, of id: StreamID, into buffer: inout ByteBuffer, sendBuffer: Int) -> (
        length: Int, takesMore: Bool, isScheduled: Bool
    ) {
        let length = min(room, sendable)
        if length > 0 { pack(length, of: id, into: &buffer) }
        isScheduled = sendable > 0
        return (length, length > 0 && takesMore(buffer: sendBuffer), isScheduled)
    }

    /// Moves bytes into a record; whether the FIN goes with them.
    mutating func pack(_ length: Int, of id: StreamID, into buffer: inout ByteBuffer) {
        let isLast = phase == .finishing && length == queue.count
        SessionFrame.writeStreamHeader(id, length: length, isLast: isLast, to: &buffer)
        queue.move(length, into: &buffer)
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
