import BodkinCore
import BodkinProtocols
import Crypto
import FoundationEssentials
import Testing

@Suite("Cards")
struct CardTests {
    private static let good = CardBytes.candidate(1, [192, 168, 1, 2], 5000)

    private static func refusal(of wire: WireSignedCard, _ owner: PeerID?, server: [UInt8]? = CardBytes.server, now: UInt64 = CardBytes.now) throws
        -> Card.Refusal?
    {
        do {
            _ = try Card(wire, of: try #require(owner), server: server, now: now)
            return nil
        } catch let refusal as Card.Refusal { return refusal }
    }

    private static func refusal(_ change: (inout CardBytes) -> Void) throws -> Card.Refusal? {
        var card = CardBytes()
        let owner = card.owner
        change(&card)
        return try refusal(of: card.signed(), owner)
    }

    @Test("it is read as it was written, and signed over the very bytes that docs/wire.md describes")
    func written() throws {
        var bytes = CardBytes()
        bytes.candidates = [
            Self.good, CardBytes.candidate(2, [203, 0, 113, 1], 65_535), CardBytes.candidate(1, [0x20, 1] + Array(repeating: 0, count: 13) + [1], 1),
        ]
        let card = try Card(bytes.signed(), of: #require(bytes.owner), server: CardBytes.server, now: CardBytes.now)
        #expect(card.sequence == 3 && card.instance.bytes == bytes.instance && card.server == CardBytes.server && card.expiry == CardBytes.now + 1)
        #expect(card.candidates.map(\.description) == ["host 192.168.1.2:5000", "server-reflexive 203.0.113.1:65535", "host [2001::1]:1"])
        let again = try card.signed(by: bytes.key)
        #expect(Array(again.card) == bytes.bytes)
        #expect(bytes.key.publicKey.isValidSignature(again.signature, for: Array("bodkin card 1\0".utf8) + bytes.bytes))
        #expect(try Card(again, of: card.peer, server: CardBytes.server, now: CardBytes.now) == card)
    }

    @Test("it says whether the peer keeps its endpoint, in the field that docs/wire.md names", arguments: [true, false])
    func keepsEndpoint(_ keeps: Bool) throws {
        let bytes = CardBytes()
        var written = try Card(bytes.signed(), of: #require(bytes.owner), server: CardBytes.server, now: CardBytes.now)
        #expect(!written.keepsEndpoint)
        written.keepsEndpoint = keeps
        let signed = try written.signed(by: bytes.key)
        #expect(signed.card.suffix(2).elementsEqual([7 << 3, 1]) == keeps)
        #expect(try Card(signed, of: written.peer, server: CardBytes.server, now: CardBytes.now) == written)
    }

    @Test("every changed bit of card and signature is noticed")
    func signature() throws {
        var bytes = CardBytes()
        bytes.candidates = [Self.good]
        let wire = try bytes.signed()
        for index in wire.card.indices {
            var forged = wire
            forged.card[index] ^= 1 << UInt8(index % 8)
            #expect(try Self.refusal(of: forged, bytes.owner) != nil, "byte \(index)")
        }
        for index in wire.signature.indices {
            var forged = wire
            forged.signature[index] ^= 1 << UInt8(index % 8)
            #expect(try Self.refusal(of: forged, bytes.owner) == .signature, "byte \(index) of the signature")
        }
        for signature in [Data(), wire.signature.dropLast(), wire.signature + [0]] {
            var forged = wire
            forged.signature = signature
            #expect(try Self.refusal(of: forged, bytes.owner) == .signature)
        }
    }

    @Test("a signature for another purpose is none", arguments: ["", "bodkin card 1", "bodkin card 2\0", "bodkin path 1\0"])
    func context(_ context: String) throws {
        let bytes = CardBytes()
        #expect(try Self.refusal(of: bytes.signed(context: context), bytes.owner) == .signature)
    }

    @Test("what a later version adds is signed with the rest, and read past")
    func unknown() throws {
        var bytes = CardBytes()
        bytes.rest = CardBytes.field(15, [1, 2, 3])
        let wire = try bytes.signed()
        #expect(try Self.refusal(of: wire, bytes.owner) == nil)
        var cut = wire
        cut.card = wire.card.dropLast(5)
        #expect(try Self.refusal(of: cut, bytes.owner) == .signature)
    }

    @Test("another peer's card, with its own good signature, is foreign")
    func foreign() throws {
        let bytes = CardBytes()
        #expect(try Self.refusal(of: bytes.signed(), CardBytes().owner) == .foreign)
    }

    @Test("a card that names another peer than its signer is foreign to the signer, and unsigned by the other")
    func borrowed() throws {
        let other = CardBytes()
        var bytes = CardBytes()
        bytes.peer = other.peer
        #expect(try Self.refusal(of: bytes.signed(), bytes.owner) == .foreign)
        #expect(try Self.refusal(of: bytes.signed(), other.owner) == .signature)
    }

    @Test("a card for another server is refused, unless any server will do")
    func server() throws {
        let bytes = CardBytes()
        #expect(try Self.refusal(of: bytes.signed(), bytes.owner, server: Array(repeating: 8, count: 32)) == .server)
        #expect(try Self.refusal(of: bytes.signed(), bytes.owner, server: []) == .server)
        #expect(try Self.refusal(of: bytes.signed(), bytes.owner, server: nil) == nil)
    }

    @Test("it is good up to its expiry by the server's clock, and not at it")
    func expired() throws {
        let bytes = CardBytes()
        #expect(try Self.refusal(of: bytes.signed(), bytes.owner, now: CardBytes.now) == nil)
        #expect(try Self.refusal(of: bytes.signed(), bytes.owner, now: CardBytes.now + 1) == .expired)
        #expect(try Self.refusal(of: bytes.signed(), bytes.owner, now: .max) == .expired)
        // An hour is within every card's life; a clock that is off by an hour does not matter.
        #expect(try Self.refusal { $0.expiry = CardBytes.varint(CardBytes.now + 3_600_000) } == nil)
        #expect(try Self.refusal { $0.expiry = CardBytes.varint(0) } == .expired)
        #expect(try Self.refusal { $0.expiry = CardBytes.varint(.max) } == nil)
    }

    /// A field out of bounds.
    static let defects: [(String, @Sendable (inout CardBytes) -> Void)] = [
        ("no peer", { $0.peer = [] }), ("a short peer", { $0.peer.removeLast() }), ("a long peer", { $0.peer.append(0) }),
        ("no instance", { $0.instance = [] }), ("a long instance", { $0.instance.append(0) }),
        ("no server", { $0.server = [] }), ("a long server", { $0.server.append(0) }),
        ("nine candidates", { $0.candidates = Array(repeating: good, count: 9) }),
        ("a thousand candidates", { $0.candidates = Array(repeating: [], count: 1000) }),
        ("an empty candidate", { $0.candidates = [[]] }),
        ("a candidate of no kind", { $0.candidates = [CardBytes.candidate(0, [192, 168, 1, 2], 5000)] }),
        ("a candidate of an unknown kind", { $0.candidates = [CardBytes.candidate(3, [192, 168, 1, 2], 5000)] }),
        ("an address of 3 bytes", { $0.candidates = [CardBytes.candidate(1, [192, 168, 1], 5000)] }),
        ("an address of 17 bytes", { $0.candidates = [CardBytes.candidate(1, Array(repeating: 1, count: 17), 5000)] }),
        ("port 0", { $0.candidates = [CardBytes.candidate(1, [192, 168, 1, 2], 0)] }),
        ("port 65536", { $0.candidates = [CardBytes.candidate(1, [192, 168, 1, 2], 65_536)] }),
        ("a port that is 5000 in 16 bits", { $0.candidates = [CardBytes.candidate(1, [192, 168, 1, 2], 65_536 + 5000)] }),
        ("one bad candidate among good ones", { $0.candidates = [good, [0xFF], good] }),
        ("more than 2048 bytes", { $0.rest = CardBytes.field(15, Array(repeating: 0, count: 2048)) }),
        ("a field that ends too soon", { $0.rest = [15 << 3 | 2, 40, 1, 2, 3] }),
        ("a varint without end", { $0.rest = [3 << 3] + Array(repeating: 0xFF, count: 11) }),
        ("a group without end", { $0.rest = [15 << 3 | 3] }), ("field number 0", { $0.rest = [0, 0] }),
        ("a wire type that there is not", { $0.rest = [15 << 3 | 7] }),
    ]

    @Test("well signed and still malformed", arguments: defects.indices)
    func malformed(_ index: Int) throws {
        let (name, change) = Self.defects[index]
        #expect(try Self.refusal(change) == .malformed, "\(name)")
    }

    @Test("eight candidates are not too many, and a card made here never has more")
    func eight() throws {
        #expect(try Self.refusal { $0.candidates = Array(repeating: Self.good, count: 8) } == nil)
        let endpoint = try #require(Endpoint("192.0.2.1:5000"))
        let card = Card(
            peer: try #require(CardBytes().owner), instance: .random(), sequence: 1, server: CardBytes.server, expiry: 1,
            candidates: Array(repeating: Candidate(.host, endpoint), count: 20))
        #expect(card.candidates.count == Card.maximumCandidateCount)
    }

    @Test("bytes that are no card at all", arguments: [[], [0], [0xFF, 0xFF], Array(repeating: 0x41, count: 100)] as [[UInt8]])
    func garbage(_ bytes: [UInt8]) throws {
        let author = CardBytes()
        #expect(try Self.refusal(of: author.signed(bytes), author.owner) == .malformed)
    }
}
