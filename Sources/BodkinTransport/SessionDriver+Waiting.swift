import BodkinProtocols
import DequeModule
import NIOCore

/// Who waits for a stream.
extension SessionDriver {
    struct Reader {
        let call: ObjectIdentifier
        let limit: Int
        let isJoined: Bool
        let complete: ReadCompletion
    }

    struct Writer {
        let call: ObjectIdentifier
        var rest: ByteBuffer
        let complete: WriteCompletion
    }

    /// Those who wait to write to one stream, in their order: mostly one, who costs no storage.
    struct WriterQueue {
        /// Whose turn it is.
        var first: Writer
        private var others: Deque<Writer> = []

        init(_ first: Writer) { self.first = first }

        /// Nil for nobody.
        init?(_ writers: [Writer]) {
            var writers = Deque(writers)
            guard let first = writers.popFirst() else { return nil }
            self.first = first
            others = writers
        }

        /// All of them.
        var writers: [Writer] { [first] + others }

        mutating func append(_ writer: Writer) { others.append(writer) }

        /// It is the next one's turn. Whether there is one.
        mutating func advance() -> Bool {
            guard let next = others.popFirst() else { return false }
            first = next
            return true
        }
    }
}
