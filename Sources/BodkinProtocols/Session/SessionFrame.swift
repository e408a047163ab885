import BodkinCore
package import NIOCore

/// The frames inside records: types and meaning of RFC 9000 section 19, without offsets in STREAM.
package enum SessionFrame: Hashable {
    case padding
    case ping
    case resetStream(StreamID, code: UInt64, finalSize: UInt64)
    case stopSending(StreamID, code: UInt64)
    case stream(StreamID, ByteBuffer, isLast: Bool)
    case maxData(UInt64)
    case maxStreamData(StreamID, UInt64)
    case maxStreams(UInt64)
    case dataBlocked(UInt64)
    case streamDataBlocked(StreamID, UInt64)
    case streamsBlocked(UInt64)
    /// The sender's application has read so many bytes of the stream, or all of it with its end.
    case streamRead(StreamID, count: UInt64, isEnd: Bool)
    /// The sender's application closes: it reads and writes no more, and CONNECTION_CLOSE follows when the receiver's application has read everything.
    case closing(code: UInt64, reason: String)
    /// The session ends for a mistake in the protocol (0x1c).
    case transportClose(code: UInt64, frameType: UInt64, reason: String)
    /// The session ends because the application says so (0x1d).
    case close(code: UInt64, reason: String)

    /// Reads the next frame, with all its bytes.
    init(from buffer: inout ByteBuffer) throws(SessionError) {
        let type = try Self.integer(&buffer)
        switch type {
        case 0x00:
            // A run is one frame to its reader: a record of nothing else costs no more than one of data.
            let run = buffer.readableBytesView.prefix { $0 == 0 }
            buffer.moveReaderIndex(forwardBy: run.count)
            self = .padding
        case 0x01: self = .ping
        case 0x04: self = .resetStream(try Self.streamID(&buffer), code: try Self.integer(&buffer), finalSize: try Self.integer(&buffer))
        case 0x05: self = .stopSending(try Self.streamID(&buffer), code: try Self.integer(&buffer))
        case 0x08, 0x09, 0x0A, 0x0B:
            let id = try Self.streamID(&buffer)
            let length = type & 0x02 == 0 ? UInt64(buffer.readableBytes) : try Self.integer(&buffer)
            self = .stream(id, try Self.bytes(&buffer, length), isLast: type & 0x01 != 0)
        case 0x10: self = .maxData(try Self.integer(&buffer))
        case 0x11: self = .maxStreamData(try Self.streamID(&buffer), try Self.integer(&buffer))
        case 0x12:
            let count = try Self.integer(&buffer)
            // RFC 9000 section 19.11: more streams could not be numbered.
            guard count <= 1 << 60 else { throw SessionError(.frameEncoding, "MAX_STREAMS above 2^60") }
            self = .maxStreams(count)
        case 0x14: self = .dataBlocked(try Self.integer(&buffer))
        case 0x15: self = .streamDataBlocked(try Self.streamID(&buffer), try Self.integer(&buffer))
        case 0x16: self = .streamsBlocked(try Self.integer(&buffer))
        case 0x1C: self = .transportClose(code: try Self.integer(&buffer), frameType: try Self.integer(&buffer), reason: try Self.text(&buffer))
        case 0x1D: self = .close(code: try Self.integer(&buffer), reason: try Self.text(&buffer))
        case 0x20, 0x21: self = .streamRead(try Self.streamID(&buffer), count: try Self.integer(&buffer), isEnd: type & 0x01 != 0)
        case 0x22: self = .closing(code: try Self.integer(&buffer), reason: try Self.text(&buffer))
        default: throw SessionError(.frameEncoding, "a frame of the unknown type \(type) in a record")
        }
    }

    private static func integer(_ buffer: inout ByteBuffer) throws(SessionError) -> UInt64 {
        guard let value = buffer.readQUICInteger() else { throw SessionError(.frameEncoding, "a frame in a record ends too early") }
        return value
    }

    private static func streamID(_ buffer: inout ByteBuffer) throws(SessionError) -> StreamID {
        StreamID(rawValue: try integer(&buffer))
    }

    private static func bytes(_ buffer: inout ByteBuffer, _ length: UInt64) throws(SessionError) -> ByteBuffer {
        guard let bytes = Int(exactly: length).flatMap({ buffer.readSlice(length: $0) }) else {
            throw SessionError(.frameEncoding, "a frame in a record is longer than the record")
        }
        return bytes
    }

    /// The longest reason of a close, in bytes of UTF-8.
    static let reasonLimit = 1_024

    /// A reason, which people read on a terminal or in a log.
    private static func text(_ buffer: inout ByteBuffer) throws(SessionError) -> String {
        let length = try integer(&buffer)
        return String(buffer: try bytes(&buffer, length)).printable(limit: reasonLimit)
    }
}

extension SessionFrame {
    /// Writes the frame whole; STREAM always with its length.
    package func write(to buffer: inout ByteBuffer) {
        switch self {
        case .padding: buffer.writeInteger(UInt8(0))
        case .ping: buffer.writeInteger(UInt8(1))
        case .resetStream(let id, let code, let size): Self.write(0x04, [id.rawValue, code, size], &buffer)
        case .stopSending(let id, let code): Self.write(0x05, [id.rawValue, code], &buffer)
        case .stream(let id, let bytes, let isLast):
            Self.writeStreamHeader(id, length: bytes.readableBytes, isLast: isLast, to: &buffer)
            buffer.writeImmutableBuffer(bytes)
        case .maxData(let limit): Self.write(0x10, [limit], &buffer)
        case .maxStreamData(let id, let limit): Self.write(0x11, [id.rawValue, limit], &buffer)
        case .maxStreams(let count): Self.write(0x12, [count], &buffer)
        case .dataBlocked(let limit): Self.write(0x14, [limit], &buffer)
        case .streamDataBlocked(let id, let limit): Self.write(0x15, [id.rawValue, limit], &buffer)
        case .streamsBlocked(let count): Self.write(0x16, [count], &buffer)
        case .transportClose(let code, let type, let reason):
            Self.write(0x1C, [code, type, UInt64(reason.utf8.count)], &buffer)
            buffer.writeString(reason)
        case .streamRead(let id, let count, let isEnd): Self.write(isEnd ? 0x21 : 0x20, [id.rawValue, count], &buffer)
        case .closing(let code, let reason):
            Self.write(0x22, [code, UInt64(reason.utf8.count)], &buffer)
            buffer.writeString(reason)
        case .close(let code, let reason):
            Self.write(0x1D, [code, UInt64(reason.utf8.count)], &buffer)
            buffer.writeString(reason)
        }
    }

    /// Writes what precedes the bytes of a STREAM frame.
    static func writeStreamHeader(_ id: StreamID, length: Int, isLast: Bool, to buffer: inout ByteBuffer) {
        write(isLast ? 0x0B : 0x0A, [id.rawValue, UInt64(length)], &buffer)
    }

    /// How many bytes precede those of a STREAM frame, at most.
    static func streamHeaderLength(_ id: StreamID) -> Int { 1 + QUICInteger.length(of: id.rawValue) + 2 }

    private static func write(_ type: UInt64, _ values: [UInt64], _ buffer: inout ByteBuffer) {
        buffer.writeQUICInteger(type)
        for value in values { buffer.writeQUICInteger(value) }
    }
}
