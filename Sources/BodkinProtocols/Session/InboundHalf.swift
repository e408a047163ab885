import NIOCore

/// The receiving part of a stream (RFC 9000 section 3.2).
///
/// ```
/// receiving ── FIN ──▶ sizeKnown ── all read ──▶ ended
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
    /// The code of a STOP_SENDING that is owed.
    var owedStop: UInt64?

    init(window: FlowWindow) { self.window = window }

    /// Whether a MAX_STREAM_DATA is owed.
    var owesLimit: Bool { window.owesLimit && phase == .receiving }

    var isDone: Bool { phase == .ended }
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
        if isLast { phase = isStopped ? .ended : .sizeKnown }
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
        isSignalled = false
        return queue.removeAll()
    }

    /// The application wants no more. Returns how many bytes were dropped; nil where there is nothing to stop.
    mutating func stop(code: UInt64) -> Int? {
        guard !isStopped, phase != .ended else { return nil }
        isStopped = true
        if phase == .receiving { owedStop = code } else { phase = .ended }
        let dropped = queue.removeAll()
        window.consume(dropped)
        return dropped
    }

    mutating func read(_ limit: Int, isJoined: Bool) -> StreamRead {
        if case .wasReset(let code) = phase {
            phase = .ended
            return .reset(code: code)
        }
        if let bytes = isJoined ? queue.gather(limit) : queue.take(limit) {
            window.consume(bytes.readableBytes)
            if queue.count == 0, phase == .receiving { isSignalled = false }
            return .bytes(bytes)
        }
        guard queue.count == 0 else { return .nothing }
        switch phase {
        case .sizeKnown, .ended:
            phase = .ended
            return .end
        case .receiving, .wasReset:
            isSignalled = false
            return .nothing
        }
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
