package import NIOCore

/// Cuts STUN messages out of a byte stream (RFC 8489 section 6.2.2): they follow one another, each says its length.
///
/// ```swift
/// var framer = STUNFramer()
/// while let message = try framer.next(from: &buffer) { respond(to: message) }
/// ```
///
/// It takes from the buffer only what the current message needs, so that it never holds more than ``STUNMessage/maximumSize`` bytes, and judges
/// bytes as they come: another protocol is refused at its first wrong byte.
package struct STUNFramer: Sendable {
    private var pending: [UInt8] = []
    private var failure: STUNError?

    /// A framer at the beginning of a stream.
    package init() {}

    /// How many bytes of an unfinished message are held; not 0 where a stream has ended means that it was cut off.
    package var pendingCount: Int { pending.count }

    /// The next whole message; nil when `buffer` is used up before one is complete.
    ///
    /// - Throws: ``STUNError``, and the same at every later call: a stream that is out of step is to be closed.
    package mutating func next(from buffer: inout ByteBuffer) throws(STUNError) -> STUNMessage? {
        if let failure { throw failure }
        do {
            return try read(from: &buffer)
        } catch {
            failure = error
            pending = []
            throw error
        }
    }

    private mutating func read(from buffer: inout ByteBuffer) throws(STUNError) -> STUNMessage? {
        while buffer.readableBytes > 0 {
            let size = try STUNMessage.size(announcedBy: pending) ?? STUNMessage.headerSize
            // First the header alone, so that it is judged before anything that follows it.
            let wanted = (pending.count < STUNMessage.headerSize ? STUNMessage.headerSize : size) - pending.count
            pending += buffer.readBytes(length: min(wanted, buffer.readableBytes)) ?? []
            guard let announced = try STUNMessage.size(announcedBy: pending), pending.count >= announced else { continue }
            defer { pending = [] }
            return try STUNMessage(pending)
        }
        return nil
    }
}
