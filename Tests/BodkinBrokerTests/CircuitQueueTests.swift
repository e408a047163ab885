import BodkinBroker
import BodkinCore
import BodkinProtocols
import FoundationEssentials
import Testing

@Suite("Circuits that share a connection")
struct CircuitQueueTests {
    private let one = AttemptID.random()
    private let two = AttemptID.random()

    @Test("a busy circuit and a quiet one take turns")
    func fair() {
        var queue = CircuitQueue()
        for _ in 0..<16 { queue.append(Data(count: 16_384), of: one) }
        queue.append(Data(count: 100), of: two)
        var order: [AttemptID] = []
        while case .data(let circuit, _)? = queue.next() { order.append(circuit) }
        #expect(order.count == 17)
        #expect(order.firstIndex(of: two).map { $0 <= 1 } == true)
    }

    @Test("fairness counts bytes, not messages")
    func bytes() {
        var queue = CircuitQueue()
        for _ in 0..<16 {
            queue.append(Data(count: 16_384), of: one)
            // Too large to be joined: two of these are more than a piece.
            queue.append(Data(count: 9_000), of: two)
        }
        var sums: [AttemptID: Int] = [:]
        for _ in 0..<16 { if case .data(let circuit, let data)? = queue.next() { sums[circuit, default: 0] += data.count } }
        #expect(abs((sums[one] ?? 0) - (sums[two] ?? 0)) <= 2 * CircuitQueue.pieceSize)
    }

    @Test("small pieces are joined, and nothing is lost or reordered")
    func joined() {
        var queue = CircuitQueue()
        let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        for start in stride(from: 0, to: bytes.count, by: 7) { queue.append(Data(bytes[start..<min(start + 7, bytes.count)]), of: one) }
        var read: [UInt8] = []
        var pieces = 0
        while case .data(_, let data)? = queue.next() {
            read += data
            pieces += 1
            #expect(data.count <= CircuitQueue.pieceSize)
        }
        #expect(read == bytes)
        #expect(pieces == 4)
    }

    @Test("an end comes behind the data, and then nothing")
    func end() {
        var queue = CircuitQueue()
        queue.append(Data([1]), of: one)
        queue.end(one, .peerGone)
        queue.append(Data([2]), of: one)
        #expect(queue.next() == .data(one, Data([1])))
        #expect(queue.next() == .end(one, .peerGone))
        #expect(queue.next() == nil && queue.isEmpty)
    }

    @Test("only what was written earns credit, and once")
    func credit() {
        var queue = CircuitQueue()
        queue.append(Data(count: 10), of: one)
        let early = queue.credit(1, of: one)
        #expect(!early)
        _ = queue.next()
        let results = [11, 4, 7, 6, 1].map { queue.credit($0, of: one) }
        #expect(results == [false, true, false, true, false])
        let stranger = queue.credit(1, of: two)
        #expect(!stranger)
    }

    @Test("a dropped circuit leaves nothing behind")
    func drop() {
        var queue = CircuitQueue()
        queue.append(Data([1]), of: one)
        queue.append(Data([2]), of: two)
        queue.drop(one)
        #expect(queue.next() == .data(two, Data([2])))
        #expect(queue.next() == nil)
    }
}
