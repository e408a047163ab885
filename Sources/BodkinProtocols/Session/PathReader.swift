import NIOCore

/// Cuts a path's bytes, however they were chunked, into frames, and copies them once: what arrives may lie in storage that is used again. It keeps at most
/// one incomplete frame; whole ones that came together are slices of one buffer.
struct PathReader {
    /// A frame's type and payload.
    typealias Frame = (type: UInt64, payload: ByteBuffer)

    private var partial = ByteBuffer()
    /// Whole frames that are not taken yet.
    private var whole = ByteBuffer()

    /// The next frame, with its bytes taken from `chunk`; nil, with all of `chunk` taken, where more bytes are needed.
    mutating func next(from chunk: inout ByteBuffer) throws(SessionError) -> Frame? {
        if whole.readableBytes > 0 { return try Self.frame(&whole) }
        if partial.readableBytes == 0 {
            let length = Self.wholeFrames(in: chunk)
            if length > 0 {
                whole = ByteBuffer(bytes: chunk.readableBytesView.prefix(length))
                chunk.moveReaderIndex(forwardBy: length)
                return try Self.frame(&whole)
            }
            whole = ByteBuffer()
            if let missing = try Self.missing(in: chunk) { partial.reserveCapacity(chunk.readableBytes + missing) }
            partial.writeBuffer(&chunk)
            return nil
        }
        // Two integers of at most eight bytes: no byte of the next frame may be taken.
        var missing = try Self.missing(in: partial)
        while missing == nil, let byte = chunk.readInteger(as: UInt8.self) {
            partial.writeInteger(byte)
            missing = try Self.missing(in: partial)
        }
        guard let missing else { return nil }
        guard var rest = chunk.readSlice(length: min(missing, chunk.readableBytes)) else { return nil }
        partial.reserveCapacity(minimumWritableBytes: missing)
        partial.writeBuffer(&rest)
        guard let frame = try Self.frame(&partial) else { return nil }
        partial = ByteBuffer()
        return frame
    }

    /// Reads a whole frame; nil, with nothing read, where bytes are missing.
    static func frame(_ buffer: inout ByteBuffer) throws(SessionError) -> Frame? {
        var rest = buffer
        guard let (type, length) = try header(&rest), let payload = rest.readSlice(length: length) else { return nil }
        buffer = rest
        return (type, payload)
    }

    private static func header(_ buffer: inout ByteBuffer) throws(SessionError) -> (type: UInt64, length: Int)? {
        guard let type = buffer.readQUICInteger(), let length = buffer.readQUICInteger() else { return nil }
        let most = type == PathFrame.Kind.record ? PathFrame.largestRecord : PathFrame.largestPayload
        guard length <= UInt64(most) else { throw SessionError(.pathFrameTooLong, "a path frame of \(length) bytes, \(most) are allowed") }
        return (type, Int(length))
    }

    /// How long the whole and valid frames at the front are together.
    private static func wholeFrames(in chunk: ByteBuffer) -> Int {
        var (rest, end) = (chunk, chunk.readerIndex)
        while let (_, length) = try? header(&rest), length <= rest.readableBytes {
            rest.moveReaderIndex(forwardBy: length)
            end = rest.readerIndex
        }
        return end - chunk.readerIndex
    }

    /// How many bytes a frame lacks; nil where not even that can be said.
    private static func missing(in buffer: ByteBuffer) throws(SessionError) -> Int? {
        var rest = buffer
        guard let (_, length) = try header(&rest) else { return nil }
        return length - rest.readableBytes
    }
}
