package import NIOCore

/// What a read gave.
package enum StreamRead: Hashable, Sendable {
    /// At least one byte.
    case bytes(ByteBuffer)
    /// The remote peer finished the stream, and everything was read.
    case end
    /// The remote peer reset the stream with this code; what was not read is gone.
    case reset(code: UInt64)
    /// Nothing now; ``Session/Event/readable(_:)`` says when to read again.
    case nothing
}
