import BodkinCore
import Testing

@testable import BodkinCLI

@Suite("The places of programs that serve connections")
struct ProgramPlacesTests {
    private static func peer(_ number: Int) -> PeerID {
        PeerID(publicKey: [UInt8(number)] + [UInt8](repeating: 7, count: 31)) ?? { preconditionFailure("32 bytes are a key") }()
    }

    private static let start = ContinuousClock.now

    @Test("a remote peer has its share and no more")
    func share() {
        var places = ProgramPlaces()
        for number in 0..<ProgramPlaces.peerLimit {
            let admission = places.admit(number, of: Self.peer(1), at: Self.start)
            #expect(admission == .admitted)
        }
        let (refused, other) = (places.admit(100, of: Self.peer(1), at: Self.start), places.admit(101, of: Self.peer(2), at: Self.start))
        #expect(refused == .refused && other == .admitted)
        places.leave(3)
        let again = places.admit(102, of: Self.peer(1), at: Self.start)
        #expect(again == .admitted)
    }

    @Test("when all are taken the oldest goes of whoever has the most, as long as that has more than the newcomer")
    func eviction() {
        var places = ProgramPlaces()
        for number in 0..<ProgramPlaces.limit {
            let admission = places.admit(number, of: Self.peer(number / 16), at: Self.start)
            #expect(admission == .admitted)
        }
        var evicted: [Int] = []
        var count = 0
        for number in 100..<200 {
            switch places.admit(number, of: Self.peer(9), at: Self.start) {
            case .evicting(let victim): evicted.append(victim)
            case .full: count += 1
            case .admitted, .refused: Issue.record("\(number)")
            }
        }
        // Five remote peers share 64 places; nobody loses one to somebody who has as many.
        #expect(evicted.count == 12 && Set(evicted).isSubset(of: Set(0..<64)) && count == 88)
    }

    @Test("when all have one, the next one waits for a place")
    func full() {
        var places = ProgramPlaces()
        for number in 0..<ProgramPlaces.limit { _ = places.admit(number, of: Self.peer(number), at: Self.start) }
        let admission = places.admit(100, of: Self.peer(100), at: Self.start)
        #expect(admission == .full(until: Self.start + ProgramPlaces.silence))
        places.leave(5)
        let later = places.admit(100, of: Self.peer(100), at: Self.start)
        #expect(later == .admitted)
    }

    @Test("64 keys that say nothing keep nobody out: the oldest of them goes when it has been silent for long enough")
    func silent() {
        var places = ProgramPlaces()
        for number in 0..<ProgramPlaces.limit { _ = places.admit(number, of: Self.peer(number), at: Self.start) }
        // One has said something, and so is left alone for longer.
        places.carried(by: 0, at: Self.start + .seconds(1))
        let end = Self.start + ProgramPlaces.silence
        let (before, after) = (places.admit(100, of: Self.peer(100), at: end - .seconds(1)), places.admit(100, of: Self.peer(100), at: end))
        #expect(before == .full(until: end) && after == .evicting(1))
        // New connections that are silent, too, are the next ones only after the others.
        for number in 101..<163 {
            let admission = places.admit(number, of: Self.peer(number), at: end)
            #expect(admission == .evicting(number - 99))
        }
        let last = places.admit(163, of: Self.peer(163), at: end)
        #expect(last == .full(until: end + ProgramPlaces.silence))
    }

    @Test("where all have said something, the one goes that has been idle longest, and not before five minutes")
    func idle() {
        var places = ProgramPlaces()
        for number in 0..<ProgramPlaces.limit {
            _ = places.admit(number, of: Self.peer(number), at: Self.start)
            places.carried(by: number, at: Self.start + .seconds((number + 32) % 64))
        }
        let end = Self.start + ProgramPlaces.idleness
        let (before, after) = (
            places.admit(100, of: Self.peer(100), at: end - .seconds(1)), places.admit(100, of: Self.peer(100), at: end + .seconds(20))
        )
        #expect(before == .full(until: end) && after == .evicting(32))
    }
}
