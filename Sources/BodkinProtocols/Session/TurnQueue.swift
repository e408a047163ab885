import DequeModule

/// Whose turn it is to send among the streams that may: each has its quantum, then the next.
///
/// Streams that begin to wait with little, and the others, come alternately: a word on one stream does not wait for a round of a hundred full ones, and
/// however many words there are, the full ones have every other turn (after the sparse flows of RFC 8290).
struct TurnQueue: Sendable {
    /// How many bytes a turn has: 64 KiB, a little less where the rest would be one, and more by less than a record of small pieces. What is sent together is
    /// read together, with one wake of its reader.
    static let quantum = 65_536
    /// So many bytes are little.
    static let word = 16_384

    private var words: Deque<StreamID> = []
    private var full: Deque<StreamID> = []
    private var current: StreamID?
    private var prefersWords = true
    private var rest = quantum

    /// Whether nobody waits.
    var isEmpty: Bool { current == nil && words.isEmpty && full.isEmpty }

    /// A stream begins to wait, with so many bytes.
    mutating func append(_ id: StreamID, bytes: Int) {
        if bytes <= Self.word { words.append(id) } else { full.append(id) }
    }

    /// Whose turn it is; nil where nobody waits.
    mutating func next() -> StreamID? {
        if let current { return current }
        let isWord = full.isEmpty || prefersWords && !words.isEmpty
        current = isWord ? words.popFirst() : full.popFirst()
        prefersWords = !isWord
        return current
    }

    /// The one whose turn it is has sent `length` bytes, and waits for more or not.
    mutating func took(_ length: Int, waits: Bool) {
        rest -= length
        guard let id = current, !waits || rest < Self.word else { return }
        if waits { full.append(id) }
        current = nil
        rest = Self.quantum
    }
}
