import DequeModule
import NIOCore

/// Bytes of a stream in pieces: large ones as they came, small ones gathered.
struct ByteQueue: Sendable {
    /// Pieces below this are copied into the tail, so that many small ones cost no more than one large one.
    static let smallPiece = 1024
    /// The tail gathers up to this.
    static let gatheredPiece = 16_384

    /// Pieces from here on leave as they lie, in a record of their own length; smaller ones are copied together.
    static let largePiece = 16_384
    /// A slice is retained only if it is so large a share of the storage that it keeps alive.
    private static let leastShare = 32

    private var pieces: Deque<ByteBuffer> = []
    private var tailIsGathering = false
    /// How many bytes wait.
    private(set) var count = 0

    /// Appends bytes from the network. They are retained as a slice only if they are a thirty-second of the storage that they keep alive, or more.
    mutating func appendReceived(_ bytes: ByteBuffer) {
        append(bytes, isCopied: bytes.readableBytes < Self.smallPiece || bytes.readableBytes < bytes.storageCapacity / Self.leastShare)
    }

    /// Whether the front piece is one that leaves as it lies.
    var isFrontLarge: Bool { pieces.first.map(Self.isLarge) ?? false }

    private static func isLarge(_ piece: ByteBuffer) -> Bool {
        piece.readableBytes >= largePiece && piece.readableBytes >= piece.storageCapacity / leastShare
    }

    /// How many of the first `limit` bytes lie in front of the first large piece.
    func smallPrefix(_ limit: Int) -> Int {
        var length = 0
        for piece in pieces {
            if length >= limit || Self.isLarge(piece) { break }
            length += piece.readableBytes
        }
        return min(length, limit)
    }

    /// Appends bytes of this side's application.
    mutating func append(_ bytes: ByteBuffer) { append(bytes, isCopied: bytes.readableBytes < Self.smallPiece) }

    private mutating func append(_ bytes: ByteBuffer, isCopied: Bool) {
        guard bytes.readableBytes > 0 else { return }
        count += bytes.readableBytes
        if !isCopied {
            pieces.append(bytes)
        } else if tailIsGathering, let tail = pieces.last, tail.readableBytes + bytes.readableBytes <= Self.gatheredPiece {
            pieces[pieces.count - 1].writeImmutableBuffer(bytes)
        } else {
            pieces.append(ByteBuffer(bytes: bytes.readableBytesView))
        }
        tailIsGathering = isCopied
    }

    /// Takes at most `limit` bytes from the front, as they lie; nil where there are none.
    mutating func take(_ limit: Int) -> ByteBuffer? {
        guard limit > 0, let first = pieces.first else { return nil }
        guard first.readableBytes > limit else {
            count -= first.readableBytes
            return pieces.popFirst()
        }
        count -= limit
        return pieces[0].readSlice(length: limit)
    }

    /// Takes at most `limit` bytes from the front in one buffer, joined where they lie in several; nil where there are none.
    mutating func gather(_ limit: Int) -> ByteBuffer? {
        let length = min(limit, count)
        guard let first = pieces.first, first.readableBytes < length else { return take(limit) }
        var result = ByteBuffer()
        result.reserveCapacity(length)
        move(length, into: &result)
        return result
    }

    /// Moves exactly `length` bytes, or all there are, from the front into a buffer.
    mutating func move(_ length: Int, into buffer: inout ByteBuffer) {
        var rest = length
        while rest > 0, var piece = take(rest) {
            rest -= piece.readableBytes
            buffer.writeBuffer(&piece)
        }
    }

    /// Drops everything, and says how much that was.
    mutating func removeAll() -> Int {
        defer { self = ByteQueue() }
        return count
    }
}
