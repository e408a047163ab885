package import NIOCore

/// Bytes to write to a path, in this order: what was put together for it, and behind that one piece of a stream as its writer gave it.
package struct PathOutput: Sendable {
    /// Frames, among them records with all that is small.
    package var head: ByteBuffer
    /// The end of the last record, where that is a piece worth no copy.
    package var body: ByteBuffer?

    /// These bytes, and nothing behind them yet.
    package init(head: ByteBuffer = ByteBuffer(), body: ByteBuffer? = nil) {
        self.head = head
        self.body = body
    }

    /// How many bytes it is.
    package var count: Int { head.readableBytes + (body?.readableBytes ?? 0) }

    /// All of it in one buffer.
    package var joined: ByteBuffer {
        var result = head
        if let body { result.writeImmutableBuffer(body) }
        return result
    }
}
