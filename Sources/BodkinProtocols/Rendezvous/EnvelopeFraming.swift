package import NIOCore
import SwiftProtobuf

/// The framing of the rendezvous protocol: each Envelope after its length as a varint, at most 64 KiB.
package enum EnvelopeFraming {
    /// The longest message, in bytes.
    package static let maximumMessageSize = 65_536

    /// Fields that this version does not know end here: whatever is stored, answered or passed on has known fields alone, and so a bounded size.
    static let decoding: BinaryDecodingOptions = {
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        return options
    }()

    /// Why bytes are no envelope.
    package enum Failure: Error, Hashable, Sendable {
        /// The message is longer than ``maximumMessageSize``.
        case tooLarge
        /// The bytes are no protobuf, or no Envelope.
        case malformed
    }

    /// Takes one message of at most `limit` bytes from the front; nil while it is not yet whole.
    package static func read(from buffer: inout ByteBuffer, limit: Int = maximumMessageSize) throws(Failure) -> WireEnvelope? {
        var length = 0
        var width = 0
        while true {
            // Three bytes hold every length up to 64 KiB.
            guard width < 3 else { throw .tooLarge }
            guard let byte: UInt8 = buffer.getInteger(at: buffer.readerIndex + width) else { return nil }
            length |= Int(byte & 0x7F) << (7 * width)
            width += 1
            if byte & 0x80 == 0 { break }
        }
        guard length <= min(limit, maximumMessageSize) else { throw .tooLarge }
        guard let message = buffer.getBytes(at: buffer.readerIndex + width, length: length) else { return nil }
        guard let envelope = try? WireEnvelope(serializedBytes: message, options: decoding) else { throw .malformed }
        buffer.moveReaderIndex(forwardBy: width + length)
        return envelope
    }

    /// Appends one message.
    /// - Throws: ``Failure/tooLarge``.
    package static func write(_ body: WireEnvelope.OneOf_Body, to buffer: inout ByteBuffer) throws(Failure) {
        var envelope = WireEnvelope()
        envelope.body = body
        guard let bytes: [UInt8] = try? envelope.serializedBytes() else { throw .malformed }
        guard bytes.count <= maximumMessageSize else { throw .tooLarge }
        buffer.reserveCapacity(minimumWritableBytes: bytes.count + 3)
        var rest = bytes.count
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(rest & 0x7F | 0x80))
            rest >>= 7
        }
        buffer.writeInteger(UInt8(rest))
        buffer.writeBytes(bytes)
    }
}
