import BodkinCore
import Testing

@Suite("Peer IDs")
struct PeerIDTests {
    private static let text = PeerID(publicKey: (0..<32).map { UInt8($0) * 7 })?.description ?? ""

    @Test("a peer ID is 56 lower-case base32 characters and reads back")
    func roundTrip() throws {
        #expect(Self.text.count == 56)
        #expect(Self.text.allSatisfy { "abcdefghijklmnopqrstuvwxyz234567".contains($0) })
        #expect(try PeerID(Self.text).publicKey == (0..<32).map { UInt8($0) * 7 })
        #expect(try PeerID(Self.text.uppercased()).description == Self.text)
    }

    @Test("every wrong character and every swap of two neighbours is recognised")
    func typos() {
        let characters = Array(Self.text)
        for index in characters.indices {
            for wrong in "abcdefghijklmnopqrstuvwxyz234567" where wrong != characters[index] {
                var typo = characters
                typo[index] = wrong
                #expect(throws: PeerID.ParseError.self) { try PeerID(String(typo)) }
            }
            guard index > 0, characters[index] != characters[index - 1] else { continue }
            var swapped = characters
            swapped.swapAt(index, index - 1)
            #expect(throws: PeerID.ParseError(code: .checksum)) { try PeerID(String(swapped)) }
        }
    }

    @Test("what is no peer ID is refused with the reason")
    func refused() {
        #expect(throws: PeerID.ParseError(code: .length(0))) { try PeerID("") }
        #expect(throws: PeerID.ParseError(code: .length(57))) { try PeerID(Self.text + "a") }
        #expect(throws: PeerID.ParseError(code: .character("1"))) { try PeerID("1" + Self.text.dropFirst()) }
        #expect(throws: PeerID.ParseError(code: .character("é"))) { try PeerID("é" + Self.text.dropFirst()) }
        #expect(PeerID(publicKey: [1, 2, 3]) == nil)
    }
}
