import DequeModule
import NIOCore

/// The records that were sent and not acknowledged, each as the whole path frame: what a takeover replays.
struct RecordLog: Sendable {
    /// What keeping a record costs beside its bytes, rounded up: a buffer's header and its place in the queue.
    static let overhead = 64
    /// What MAX_*, RESET_STREAM, STOP_SENDING and bare FINs may use beyond the bound for data.
    static let reservedBytes = 128 << 10
    /// How many records those may use beyond the bound for data.
    static let reservedRecords = 1024

    /// A record as the whole path frame, in two pieces where its end is a writer's.
    typealias Record = PathOutput

    private var records: Deque<Record> = []
    private let mostBytes: Int
    private let mostRecords: Int
    /// How many bytes the path needs; what is beyond that lies in its queues.
    var suitableBytes = Int.max
    /// The number of the first record in the log.
    private(set) var first: UInt64 = 0
    /// The bytes in the log, with the overhead of each record.
    private(set) var byteCount = 0

    init(_ configuration: Session.Configuration) {
        mostBytes = configuration.unacknowledgedBytes
        mostRecords = configuration.unacknowledgedRecords
    }

    /// The number that the next record gets.
    var next: UInt64 { first + UInt64(records.count) }
    /// Whether everything was acknowledged.
    var isEmpty: Bool { records.isEmpty }
    /// How many records are in the log.
    var count: Int { records.count }

    /// How many bytes a record with data may have now, after others that were packed and are not here yet; 0 where there is no room.
    func roomForData(after packed: RecordBatch) -> Int {
        guard records.count + packed.ranges.count < mostRecords else { return 0 }
        return max(0, min(mostBytes, suitableBytes) - byteCount - packed.byteCount - Self.overhead)
    }

    /// How many bytes a record without data may have now.
    func roomForControl(after packed: RecordBatch) -> Int {
        guard records.count + packed.ranges.count < mostRecords + Self.reservedRecords else { return 0 }
        return max(0, mostBytes + Self.reservedBytes - byteCount - packed.byteCount - Self.overhead)
    }

    /// Keeps records that were packed into `output`, as slices of it.
    mutating func append(_ packed: RecordBatch, of output: PathOutput) {
        for (index, range) in packed.ranges.enumerated() {
            guard let head = output.head.getSlice(at: range.lowerBound, length: range.count) else { continue }
            records.append(Record(head: head, body: index == packed.ranges.count - 1 ? output.body : nil))
        }
        byteCount += packed.byteCount
    }

    /// Forgets every record below `number`.
    mutating func acknowledge(upTo number: UInt64) throws(SessionError) {
        guard number <= next else { throw SessionError(.acknowledgedUnsent, "an acknowledgement for record \(number) of \(next)") }
        while first < number, let record = records.popFirst() {
            first += 1
            byteCount -= record.count + Self.overhead
        }
    }

    /// A record in the log.
    subscript(number: UInt64) -> Record? {
        guard number >= first, number < next else { return nil }
        return records[Int(number - first)]
    }
}

/// Records packed one after another into one output; only the last one has the body.
struct RecordBatch {
    /// Where they lie in its head.
    private(set) var ranges: [Range<Int>] = []
    /// Their bytes, with the overhead of each.
    private(set) var byteCount = 0

    mutating func append(_ range: Range<Int>, body: Int) {
        ranges.append(range)
        byteCount += range.count + body + RecordLog.overhead
    }
}
