package import BodkinProtocols

/// The price of a message: the processor time that a server needs for it, in units of a ping (about 4 µs). Every message has one, also one that leads to nothing.
package enum MessagePrice {
    /// The least: of messages that move so many bytes that the quota of relayed bytes bounds them.
    private static let least = 0.25
    /// From so many bytes on a message has the least price.
    private static let moved = 4_096.0

    /// The price of a message; of one without a body for nil, as a later version may send.
    package static func of(_ body: WireEnvelope.OneOf_Body?) -> Double {
        switch body {
        // A signature is verified; a key of the list takes a tenth of a ping.
        case .register(let register): 40 + Double(register.policy.peers.count) / 10
        case .dial, .dialBack, .relayQuery: 10
        case .signal, .recall: 4
        case .meetAck, .dialCancel, .circuitClose: 2
        case .circuitData(let data): moving(data.data.count)
        case .circuitCredit(let credit): moving(Int(clamping: credit.bytes))
        default: 1
        }
    }

    private static func moving(_ count: Int) -> Double { max(least, 1 - Double(count) / moved) }
}
