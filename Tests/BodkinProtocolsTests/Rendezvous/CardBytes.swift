import BodkinCore
import BodkinProtocols
import Crypto
import FoundationEssentials

/// A card written byte by byte, as docs/wire.md has it and without the library that the product writes it with: so it can be wrong in every way.
struct CardBytes {
    let key = Curve25519.Signing.PrivateKey()
    var peer: [UInt8]
    var instance = [UInt8](repeating: 5, count: 16)
    var sequence: [UInt8] = [3]
    var server = CardBytes.server
    var expiry: [UInt8] = CardBytes.varint(CardBytes.now + 1)
    var candidates: [[UInt8]] = []
    /// Appended as it is.
    var rest: [UInt8] = []

    static let server = [UInt8](repeating: 9, count: 32)
    static let now: UInt64 = 1_800_000_000_000

    init() { peer = Array(key.publicKey.rawRepresentation) }

    var owner: PeerID? { PeerID(publicKey: Array(key.publicKey.rawRepresentation)) }

    /// The serialised card.
    var bytes: [UInt8] {
        Self.field(1, peer) + Self.field(2, instance) + [3 << 3] + sequence + Self.field(4, server) + [5 << 3] + expiry
            + candidates.flatMap { Self.field(6, $0) } + rest
    }

    /// Signed as it is.
    func signed(context: String = "bodkin card 1\0") throws -> WireSignedCard { try signed(bytes, context: context) }

    /// These bytes, signed.
    func signed(_ bytes: [UInt8], context: String = "bodkin card 1\0") throws -> WireSignedCard {
        var wire = WireSignedCard()
        wire.card = Data(bytes)
        wire.signature = try key.signature(for: Array(context.utf8) + bytes)
        return wire
    }

    /// A candidate: kind, address, port.
    static func candidate(_ kind: UInt64, _ address: [UInt8], _ port: UInt64) -> [UInt8] {
        [1 << 3] + varint(kind) + field(2, address) + [3 << 3] + varint(port)
    }

    static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2] + varint(UInt64(bytes.count)) + bytes }

    static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
