import BodkinProtocols
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

    /// Those who wait to write to one stream, in their order: mostly one, who costs no array.
    struct WriterQueue {
        /// Whose turn it is.
        var first: Writer
        private var others: ArraySlice<Writer> = []

        init(_ first: Writer) { self.first = first }

        /// Nil for nobody.
        init?(_ writers: [Writer]) {
            guard let first = writers.first else { return nil }
            self.first = first
            others = writers.dropFirst()
        }

        /// All of them.
        var writers: [Writer] { [first] + others }
        /// Without the first one; nil where nobody is left.
        var next: WriterQueue? { WriterQueue(Array(others)) }

        mutating func append(_ writer: Writer) { others.append(writer) }
    }
}
