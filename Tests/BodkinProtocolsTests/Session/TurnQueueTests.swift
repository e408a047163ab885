import Testing

@testable import BodkinProtocols

@Suite("Turns of streams")
struct TurnQueueTests {
    private static let record = 16_370

    private func stream(_ index: UInt64) -> StreamID { .opened(by: .dialer, index: index) }

    @Test("a full stream has its quantum, then the next one")
    func quantum() {
        var queue = TurnQueue()
        for index in 0..<3 { queue.append(stream(UInt64(index)), bytes: 1_000_000) }
        var turns: [StreamID] = []
        for _ in 0..<36 {
            guard let next = queue.next() else { break }
            turns.append(next)
            queue.took(Self.record, waits: true)
        }
        let expected = (0..<9).flatMap { turn in Array(repeating: stream(UInt64(turn % 3)), count: 4) }
        #expect(turns == expected)
    }

    @Test("a word on one stream waits for the turn that is under way, and not for a round of full streams")
    func word() {
        var queue = TurnQueue()
        for index in 0..<100 { queue.append(stream(UInt64(index)), bytes: 1_000_000) }
        // Every one has had a whole turn.
        for _ in 0..<400 where queue.next() != nil { queue.took(Self.record, waits: true) }
        #expect(queue.next() == stream(0))
        queue.took(Self.record, waits: true)
        queue.append(stream(100), bytes: 10)
        var waited = 0
        while queue.next() != stream(100) {
            queue.took(Self.record, waits: true)
            waited += 1
        }
        #expect(waited <= 8, "records of others before it: what is left of a turn, and one more at most")
    }

    @Test("however many words there are, full streams have every other turn")
    func share() {
        var queue = TurnQueue()
        queue.append(stream(0), bytes: 1_000_000)
        for _ in 0..<4 where queue.next() != nil { queue.took(Self.record, waits: true) }
        var turns = (full: 0, words: 0)
        var index: UInt64 = 0
        while turns.full < 100 {
            while index < 2 * UInt64(turns.full + turns.words + 1) {
                index += 1
                queue.append(stream(index), bytes: 10)
            }
            if queue.next() == stream(0) {
                for _ in 0..<4 { queue.took(Self.record, waits: true) }
                turns.full += 1
            } else {
                queue.took(10, waits: false)
                turns.words += 1
            }
        }
        #expect(abs(turns.full - turns.words) <= 1)
    }
}
