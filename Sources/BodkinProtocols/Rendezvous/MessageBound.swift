/// The most bytes that a message from a server takes, as the sum of the bounds of its fields.
///
/// Every bound is below ``EnvelopeFraming/maximumMessageSize``, so no message that one peer causes is too long for another.
/// Tests build the largest message of each kind and compare.
package enum MessageBound {
    /// The longest first flight of a circuit that travels in a Dial and a Meet, in bytes.
    package static let earlySize = 4_096
    /// The most bytes of a circuit in one message.
    package static let pieceSize = 16_384
    /// The most STUN connections of an instance: two families, two interfaces.
    package static let observedCount = 4
    /// The most STUN addresses of a server: two ports on each of two addresses.
    package static let stunCount = 4
    /// The most results of a DialBack: two families, from two addresses.
    package static let dialBackResultCount = 4

    /// The most relays of a server: four, under two secrets each.
    package static let relayCount = 8

    private static let identifier = field(16)
    private static let key = field(32)
    private static let address = field(field(16) + number)
    private static let card = field(field(Card.maximumSize) + field(Card.signatureSize))
    private static let forecast = field(address + 7 * number)
    /// The tag and the longest varint (a negative number, or 64 bits).
    private static let number = 2 + 10

    /// A field of so many bytes: its tag of two bytes at most, its length of three at most, and the bytes.
    private static func field(_ count: Int) -> Int { 2 + 3 + count }

    /// The bound of a message with its envelope; nil for a message that no server sends.
    package static func size(of body: WireEnvelope.OneOf_Body) -> Int? {
        switch body {
        case .hello, .register, .dial, .meetAck, .dialBack, .dialCancel, .relayQuery: nil
        case .welcome: field(5 * number + stunCount * address)
        case .registered, .ping, .pong: field(number)
        case .meet: field(identifier * 2 + key + card + 2 * observedCount * address + field(earlySize) + 4 * number)
        case .dialFailed, .circuitCredit, .circuitClose: field(identifier + number)
        case .dialPending: field(identifier)
        case .signal: field(identifier + max(card, forecast, field(address)))
        case .circuitData: field(identifier + field(pieceSize))
        case .failure: field(2 * number + field(WireFailure.maximumTextSize))
        case .observed: field(identifier + observedCount * address)
        case .recall: field(key + 2 * identifier + number)
        case .relays: field(relayCount * field(field(TURNURI.sizeLimit) + 2 * field(TURNCredential.sizeLimit)))
        case .dialedBack: field(dialBackResultCount * field(address + 2 * number) + number)
        }
    }
}
