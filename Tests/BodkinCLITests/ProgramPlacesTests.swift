import BodkinCore
import Testing

@testable import BodkinCLI

@Suite("The places of programs that serve connections")
struct ProgramPlacesTests {
    private static func peer(_ number: Int) -> PeerID {
        PeerID(publicKey: [UInt8(number)] + [UInt8](repeating: 7, count: 31)) ?? { preconditionFailure("32 bytes are a key") }()
    }

    @Test("a remote peer has its share and no more")
    func share() {
        var places = ProgramPlaces()
        for number in 0..<ProgramPlaces.peerLimit {
            let admission = places.admit(number, of: Self.peer(1))
            #expect(admission == .admitted)
        }
        let (refused, other) = (places.admit(100, of: Self.peer(1)), places.admit(101, of: Self.peer(2)))
        #expect(refused == .refused && other == .admitted)
        places.leave(3)
        let again = places.admit(102, of: Self.peer(1))
        #expect(again == .admitted)
    }

    @Test("when all are taken the oldest goes of whoever has the most, as long as that has more than the newcomer")
    func eviction() {
        var places = ProgramPlaces()
        for number in 0..<ProgramPlaces.limit {
            let admission = places.admit(number, of: Self.peer(number / 16))
            #expect(admission == .admitted)
        }
        var evicted: [Int] = []
        var count = 0
        for number in 100..<200 {
            switch places.admit(number, of: Self.peer(9)) {
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
        for number in 0..<ProgramPlaces.limit { _ = places.admit(number, of: Self.peer(number)) }
        let admission = places.admit(100, of: Self.peer(100))
        #expect(admission == .full)
        places.leave(5)
        let later = places.admit(100, of: Self.peer(100))
        #expect(later == .admitted)
    }
}
