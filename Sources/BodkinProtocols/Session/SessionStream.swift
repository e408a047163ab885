import NIOCore

/// Both halves of a stream. What comes with every record finds its stream once, and says here all that there is to know of it.
struct SessionStream: Sendable {
    var outbound: OutboundHalf
    var inbound: InboundHalf
    /// Whether the stream waits in the queue of those that owe a control frame.
    private(set) var isInControlQueue = false

    init(outbound: OutboundHalf, inbound: InboundHalf) {
        self.outbound = outbound
        self.inbound = inbound
    }

    /// Whether nothing can happen on the stream any more.
    var isDone: Bool { outbound.isDone && inbound.isDone }

    /// How many bytes were dropped, whether the reader is to hear of it, and whether the stream is over.
    typealias Received = (dropped: Int, signals: Bool, isDone: Bool)

    /// Takes bytes in.
    mutating func receive(_ bytes: ByteBuffer, isLast: Bool) throws(SessionError) -> Received {
        let dropped = try inbound.receive(bytes, isLast: isLast)
        return (dropped, inbound.shouldSignal(), isDone)
    }

    /// Reads; and whether a MAX_STREAM_DATA or a STREAM_READ is owed that was not before.
    mutating func read(_ limit: Int, isJoined: Bool) -> (result: StreamRead, owesControl: Bool) {
        let result = inbound.read(limit, isJoined: isJoined)
        return (result, (inbound.owesLimit || inbound.owesReport) && !isInControlQueue)
    }

    /// Offers bytes to be sent: how many were taken, with how many the stream is to wait for its turn from now on (nil where it waits already, or must not), and
    /// whether the remote peer is to hear that they must wait.
    mutating func write(_ bytes: ByteBuffer, buffer: Int) -> (accepted: Int, begins: Int?, owesBlocked: Bool) {
        let accepted = outbound.write(bytes, buffer: buffer)
        return (accepted, outbound.schedule() ? outbound.sendable : nil, outbound.owesBlocked && !isInControlQueue)
    }

    /// The stream's turn to send, as ``OutboundHalf/takeTurn(_:bodyRoom:of:into:sendBuffer:)``; and whether the remote peer is to hear that what is left must wait, and
    /// whether the stream is over.
    mutating func takeTurn(_ room: Int, bodyRoom: Int, of id: StreamID, into output: inout PathOutput, sendBuffer: Int) -> (
        length: Int, takesMore: Bool, isScheduled: Bool, owesBlocked: Bool, isDone: Bool
    ) {
        let turn = outbound.takeTurn(room, bodyRoom: bodyRoom, of: id, into: &output, sendBuffer: sendBuffer)
        return (turn.length, turn.takesMore, turn.isScheduled, !turn.isScheduled && outbound.owesBlocked, isDone)
    }

    /// Whether the stream is to be put into the queue of those that owe a control frame, and was not until now.
    mutating func joinControlQueue() -> Bool {
        defer { isInControlQueue = true }
        return !isInControlQueue
    }

    /// Packs the control frames that are owed. Whether the stream is over then.
    mutating func packControl(of id: StreamID, mayBlock: Bool, into out: inout ByteBuffer) -> Bool {
        isInControlQueue = false
        if let (count, isEnd) = inbound.takeReport() { SessionFrame.streamRead(id, count: count, isEnd: isEnd).write(to: &out) }
        if let code = inbound.takeStop() { SessionFrame.stopSending(id, code: code).write(to: &out) }
        if let limit = inbound.takeLimit() { SessionFrame.maxStreamData(id, limit).write(to: &out) }
        if mayBlock, let limit = outbound.takeBlocked() { SessionFrame.streamDataBlocked(id, limit).write(to: &out) }
        if case .resetting(let code) = outbound.phase {
            SessionFrame.resetStream(id, code: code, finalSize: outbound.sent).write(to: &out)
            outbound.resetPacked()
        } else if outbound.owesBareFIN {
            outbound.packBareFIN(of: id, into: &out)
        }
        return isDone
    }
}
