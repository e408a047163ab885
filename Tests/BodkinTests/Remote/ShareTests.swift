import BodkinCore
import Testing

@testable import Bodkin

@Suite("Places that remote peers share")
struct ShareTests {
    private static func peer(_ number: UInt8) -> PeerID {
        PeerID(publicKey: [number] + [UInt8](repeating: 7, count: 31)) ?? { preconditionFailure("32 bytes are a key") }()
    }

    /// Claims in the order of their arrival: whose, and how wealthy.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let claims: [(UInt8, ClaimWealth)]
        /// The index of the one that goes.
        let surplus: Int?
        var isEqualFirst = false
    }

    /// At most 3 of one peer, and 6 in all.
    static let cases: [Case] = [
        Case(testDescription: "there is room", claims: [(1, .unproved), (1, .unproved), (1, .proved), (2, .unproved)], surplus: nil),
        Case(
            testDescription: "one peer has too many: its oldest goes",
            claims: [(2, .unproved), (1, .unproved), (1, .unproved), (1, .unproved), (1, .unproved)],
            surplus: 1),
        Case(
            testDescription: "one peer has too many: the poorest of it goes, be it the newest",
            claims: [(2, .unproved), (1, .used), (1, .used), (1, .proved), (1, .unproved)], surplus: 4),
        Case(
            testDescription: "too many in all: the oldest of those that have proved nothing",
            claims: [(9, .used), (8, .proved), (1, .unproved), (2, .unproved), (3, .unproved), (4, .unproved), (5, .unproved)], surplus: 2),
        Case(
            testDescription: "too many in all: of those, the peer with the most",
            claims: [(9, .used), (8, .unproved), (1, .unproved), (1, .unproved), (3, .unproved), (4, .unproved), (5, .unproved)], surplus: 2),
        Case(
            testDescription: "too many in all, and everybody else has proved more: the newest",
            claims: [(1, .used), (2, .proved), (3, .proved), (4, .used), (5, .listed), (6, .proved), (7, .unproved)], surplus: 6),
        Case(
            testDescription: "by number first: whoever has the most loses its poorest, whatever that has come to",
            claims: [(1, .used), (2, .used), (3, .used), (1, .used), (4, .used), (5, .used), (6, .proved)], surplus: 0, isEqualFirst: true),
        Case(
            testDescription: "by number first: whoever the local user has to do with is not concerned",
            claims: [(1, .listed), (2, .used), (3, .used), (1, .listed), (2, .used), (5, .used), (6, .proved)], surplus: 1, isEqualFirst: true),
        Case(
            testDescription: "by number first, and all have one: the poorest",
            claims: [(1, .used), (2, .used), (3, .used), (4, .proved), (5, .used), (6, .used), (7, .proved)], surplus: 3, isEqualFirst: true),
    ]

    @Test("the poorest claim makes room", arguments: cases)
    func surplus(_ one: Case) {
        let share = Share<Int>(ofPeer: 3, ofAll: 6, isEqualFirst: one.isEqualFirst)
        let claims = one.claims.enumerated().map { index, claim in
            Share.Claim(id: index, peer: Self.peer(claim.0), wealth: claim.1, start: .start + .seconds(index))
        }
        #expect(share.surplus(of: claims) == one.surplus)
    }
}
