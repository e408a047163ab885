import BodkinCore
import BodkinProtocols
import Crypto
import FoundationEssentials
import NIOCore

/// Messages of the rendezvous protocol as a few peers could send them, for better and for worse.
struct FuzzedMessages {
    /// A peer with the cards that it has signed.
    struct Author {
        let key: Curve25519.Signing.PrivateKey
        let peer: PeerID
        let instance: InstanceID
        var cards: [WireSignedCard] = []
        /// The key with which it proves its NAT bindings.
        var stunKey: [UInt8] { instance.bytes + instance.bytes }
    }

    static let server = [UInt8](repeating: 7, count: 32)
    /// Milliseconds since 1970.
    static let wallClock: UInt64 = 1_800_000_000_000

    var random: SplitMix64
    private(set) var authors: [Author] = []
    /// Few, so that messages belong together.
    let attempts: [AttemptID]

    init(seed: UInt64) {
        var random = SplitMix64(state: seed)
        attempts = (0..<6).compactMap { _ in AttemptID(bytes: random.bytes(16)) }
        self.random = random
        // Each peer has two instances.
        for _ in 0..<4 {
            let seed = self.random.bytes(32)
            for _ in 0..<2 { authors += [author(seed)].compactMap { $0 } }
        }
    }

    private mutating func author(_ seed: [UInt8]) -> Author? {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed),
            let peer = PeerID(publicKey: Array(key.publicKey.rawRepresentation)), let instance = InstanceID(bytes: random.bytes(16))
        else { return nil }
        var author = Author(key: key, peer: peer, instance: instance)
        for number in 0..<6 as Range<UInt64> {
            let card = Card(
                peer: peer, instance: instance, sequence: number, server: number == 4 ? random.bytes(32) : Self.server,
                expiry: number == 5 ? Self.wallClock : Self.wallClock + 1 + random.below(90_000_000),
                candidates: (0..<random.below(9)).map { _ in candidate() })
            author.cards += [try? card.signed(by: key)].compactMap { $0 }
        }
        return author
    }

    mutating func endpoint() -> Endpoint {
        let port = UInt16(truncatingIfNeeded: random.next())
        let usual: [IPAddress] = [IPAddress(v4: 0xCB00_710B), IPAddress(v4: 0xC0A8_0105), IPAddress(v4: 0x7F00_0001)]
        switch random.below(4) {
        case 0: return Endpoint(IPAddress(v4: UInt32(truncatingIfNeeded: random.next())), port)
        case 1: return Endpoint(IPAddress(v6High: random.next(), low: random.next()), port)
        default: return Endpoint(usual[Int(random.below(3))], port)
        }
    }

    private mutating func candidate() -> Candidate {
        var place = endpoint()
        place.port |= 1
        return Candidate(random.chance(2) ? .host : .serverReflexive, place)
    }

    /// One envelope with its length, as it is framed; empty where it is too long for a frame.
    mutating func framed() -> [UInt8] {
        var buffer = ByteBuffer()
        try? EnvelopeFraming.write(body(), to: &buffer)
        return Array(buffer.readableBytesView)
    }

    /// The bytes with a few changed, cut, repeated or lengthened.
    mutating func mutated(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0...random.below(3) where !bytes.isEmpty {
            let index = Int(random.below(UInt64(bytes.count)))
            switch random.below(6) {
            case 0, 1: bytes[index] ^= 1 << UInt8(random.below(8))
            case 2: bytes[index] = UInt8(truncatingIfNeeded: random.next())
            case 3: bytes.removeLast(min(bytes.count, 1 + Int(random.below(16))))
            case 4: bytes += random.bytes(1 + Int(random.below(8)))
            default: bytes.insert(contentsOf: bytes[index...].prefix(4), at: index)
            }
        }
        return bytes
    }

    /// Random bytes, often behind a length that is right.
    mutating func garbage() -> [UInt8] {
        let body = random.bytes(Int(random.below(120)))
        return random.chance(3) ? body : [UInt8(truncatingIfNeeded: body.count)] + body
    }
}

extension SplitMix64 {
    /// So many random bytes.
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}
