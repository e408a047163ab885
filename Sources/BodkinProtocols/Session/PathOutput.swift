public import NIOCore

/// Bytes to write to a path, in this order: what was put together for it, and behind that one piece of a stream as its writer gave it.
public struct PathOutput: Sendable {
    /// Frames, among them records with all that is small.
    public var head: ByteBuffer
    /// The end of the last record, where that is a piece worth no copy.
    public var body: ByteBuffer?

    /// These bytes, and nothing behind them yet.
    public init(head: ByteBuffer = ByteBuffer(), body: ByteBuffer? = nil) {
        self.head = head
        self.body = body
    }

    /// How many bytes it is.
    public var count: Int { head.readableBytes + (body?.readableBytes ?? 0) }

    /// All of it in one buffer.
    public var joined: ByteBuffer {
        var result = head
        if let body { result.writeImmutableBuffer(body) }
        return result
    }
}
