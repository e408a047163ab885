import NIOCore

/// The receiving part of a stream (RFC 9000 section 3.2).
///
/// ```
/// receiving ── FIN ──▶ sizeKnown ── end read ──▶ ended
///     │                                            ▲
///     └── RESET_STREAM ──▶ wasReset ── told ───────┘
/// ```
struct InboundHalf: Sendable {
    enum Phase: Hashable, Sendable { case receiving, sizeKnown, wasReset(code: UInt64), ended }

    private(set) var phase = Phase.receiving
    private var queue = ByteQueue()
    private var window: FlowWindow
    private(set) var isStopped = false
    private var isSignalled = false
    /// How many bytes the application has read, and of how many the remote peer has heard.
    private(set) var readCount: UInt64 = 0
    private var reportedCount: UInt64 = 0
    private var hasReadEnd = false
    /// Whether a STREAM_READ is owed.
    private(set) var owesReport = false
    /// The code of a STOP_SENDING that is owed.
    private(set) var owedStop: UInt64?

    init(window: FlowWindow) { self.window = window }

    /// Whether a MAX_STREAM_DATA is owed.
    var owesLimit: Bool { window.owesLimit && phase == .receiving }

    var isDone: Bool { phase == .ended && !owesReport && owedStop == nil }
    /// Whether the application has read every byte that there will ever be, and perhaps not the end.
    var isExhausted: Bool { phase == .sizeKnown && queue.count == 0 && !isStopped }
    /// How many bytes wait for the reader.
    var buffered: Int { queue.count }

    /// Takes bytes in. Returns how many were dropped because nobody wants them.
    mutating func receive(_ bytes: ByteBuffer, isLast: Bool) throws(SessionError) -> Int {
        switch phase {
        case .receiving: break
        case .sizeKnown: throw SessionError(.finalSize, "a STREAM frame after the stream's end")
        case .wasReset, .ended: throw SessionError(.streamState, "a STREAM frame after the stream's end or reset")
        }
        guard UInt64(bytes.readableBytes) <= window.room else {
            throw SessionError(.flowControl, "more bytes of a stream than its window allows")
        }
        window.receive(bytes.readableBytes)
        // A STOP_SENDING that is still owed goes out, because the sender waits to hear what becomes of its bytes.
        if isLast { phase = isStopped && owedStop == nil ? .ended : .sizeKnown }
        guard !isStopped else {
            window.consume(bytes.readableBytes)
            return bytes.readableBytes
        }
        queue.appendReceived(bytes)
        return 0
    }

    /// The remote peer has more than it may send.
    mutating func senderIsBlocked(at limit: UInt64) { window.senderIsBlocked(at: limit) }

    /// Takes a reset in. Returns how many bytes were dropped.
    mutating func receiveReset(code: UInt64, finalSize: UInt64) throws(SessionError) -> Int {
        // Nothing can be lost in between: what was sent before has been received.
        guard finalSize == window.total else { throw SessionError(.finalSize, "RESET_STREAM with another size than what was sent") }
        guard phase == .receiving || phase == .sizeKnown else { return 0 }
        phase = isStopped ? .ended : .wasReset(code: code)
        owedStop = nil
        owesReport = false
        isSignalled = false
        return queue.removeAll()
    }

    /// The application wants no more. Returns how many bytes were dropped; nil where there is nothing to stop.
    mutating func stop(code: UInt64) -> Int? {
        guard !isStopped, phase != .ended else { return nil }
        isStopped = true
        if phase == .receiving || phase == .sizeKnown { owedStop = code } else { phase = .ended }
        let dropped = queue.removeAll()
        window.consume(dropped)
        return dropped
    }

    mutating func read(_ limit: Int, isJoined: Bool) -> StreamRead {
        if case .wasReset(let code) = phase {
            phase = .ended
            return .reset(code: code)
        }
        guard !isStopped else { return .nothing }
        if let bytes = isJoined ? queue.gather(limit) : queue.take(limit) {
            window.consume(bytes.readableBytes)
            readCount += UInt64(bytes.readableBytes)
            if queue.count == 0, phase == .receiving { isSignalled = false }
            return .bytes(bytes)
        }
        guard queue.count == 0 else { return .nothing }
        switch phase {
        case .sizeKnown:
            phase = .ended
            hasReadEnd = true
            owesReport = true
            return .end
        case .ended: return .end
        case .receiving, .wasReset:
            isSignalled = false
            return .nothing
        }
    }

    /// Owes a STREAM_READ where the remote peer does not know how much was read. Whether it does.
    mutating func report() -> Bool {
        guard phase == .receiving || phase == .sizeKnown, !isStopped, readCount > reportedCount else { return false }
        owesReport = true
        return true
    }

    /// The STREAM_READ that is packed now; nil where none is owed.
    mutating func takeReport() -> (count: UInt64, isEnd: Bool)? {
        guard owesReport else { return nil }
        owesReport = false
        reportedCount = readCount
        return (readCount, hasReadEnd)
    }

    /// The code of the STOP_SENDING that is packed now; nil where none is owed.
    mutating func takeStop() -> UInt64? {
        guard let code = owedStop else { return nil }
        owedStop = nil
        if phase == .sizeKnown { phase = .ended }
        return code
    }

    /// The limit for a MAX_STREAM_DATA that is packed now; nil where none is needed any more.
    mutating func takeLimit() -> UInt64? {
        guard owesLimit else { return nil }
        // After STOP_SENDING the remote peer is to send no more, so it needs no more room.
        guard !isStopped else {
            window.forgive()
            return nil
        }
        return window.takeLimit()
    }

    /// Whether the reader should hear that there is something: once, until it has read everything.
    mutating func shouldSignal() -> Bool {
        guard !isSignalled, !isStopped, queue.count > 0 || phase != .receiving, phase != .ended else { return false }
        isSignalled = true
        return true
    }
}
