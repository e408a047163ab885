/// What a receiver allows (RFC 9000 section 4). It grows where it is the window that holds up the sender, and not the reader: on a long path, up to what fills it.
struct FlowWindow: Sendable {
    private(set) var size: UInt64
    private var largest: UInt64
    private var limit: UInt64
    /// Below this, a limit is from before the window has grown last.
    private var leastUsed: UInt64 = 0
    private var received: UInt64 = 0
    private var consumed: UInt64 = 0
    /// Whether the sender is to hear of a new limit.
    private(set) var owesLimit = false

    /// - Parameter largest: up to this it grows; not at all where this is not more than `size`.
    init(size: Int, largest: Int) {
        self.size = UInt64(size)
        self.largest = UInt64(largest)
        limit = self.size
    }

    /// How many bytes may still arrive.
    var room: UInt64 { limit - received }
    /// How many have arrived.
    var total: UInt64 { received }
    /// The bytes that arrived and were not consumed.
    var buffered: UInt64 { received - consumed }

    /// Takes note of bytes that arrived: no more than ``room``.
    mutating func receive(_ count: Int) { received += UInt64(count) }

    /// The sender has used up a limit, and has more. Where little of it waits here, it waits for the way and not for the reader.
    /// - Returns: whether a larger window would be of use, and nothing but its bound forbids that.
    @discardableResult
    mutating func senderIsBlocked(at used: UInt64) -> Bool {
        guard used >= leastUsed, buffered <= size / 2 else { return false }
        guard size < largest else { return true }
        size = min(4 * size, largest)
        leastUsed = limit + 1
        owesLimit = true
        return false
    }

    /// The window may be this large from now on, and is.
    mutating func raise(to size: Int) {
        guard size > self.size else { return }
        self.size = UInt64(size)
        largest = max(largest, self.size)
        leastUsed = limit + 1
        owesLimit = true
    }

    /// Takes note of bytes that were read or dropped.
    mutating func consume(_ count: Int) {
        consumed += UInt64(count)
        // Half a window at a time (RFC 9000 section 4.2 leaves it open): two updates per window are cheap, and the sender rarely waits.
        if consumed + size >= limit, consumed + size - limit >= size / 2 { owesLimit = true }
    }

    /// No more is wanted.
    mutating func forgive() { owesLimit = false }

    /// The limit that the sender is told now.
    mutating func takeLimit() -> UInt64 {
        owesLimit = false
        limit = max(limit, consumed + size)
        return limit
    }
}
