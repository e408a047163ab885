/// An attack on a server, as one attacker carries it out until its time is over.
enum Attack: String, CaseIterable, Sendable {
    // Unauthenticated clients.
    case halfTLS = "half-tls", handshakes, stunSquatters = "stun-squatters", stunFlood = "stun-flood"
    // Holders of a token of their own.
    case unread, pings, emptyData = "empty-data", registers, credits, absentPeers = "absent-peers", paddedCards = "padded-cards"
    // Peers that the honest listener admits.
    case calledPlaces = "called-places"

    var words: String {
        switch self {
        case .halfTLS: "500 half ClientHellos each, opened again as they are closed"
        case .handshakes: "TLS handshakes and a wrong token, one after another"
        case .stunSquatters: "500 STUN connections each that prove nothing, opened again as they are closed"
        case .stunFlood: "STUN requests over UDP of 20 bytes"
        case .unread: "pings whose pongs are not read"
        case .pings: "pings"
        case .emptyData: "CircuitData without bytes"
        case .registers: "Registers with 1 000 keys"
        case .credits: "credits of one byte"
        case .absentPeers: "dials to peers that are not there, with 4 KiB, for five minutes"
        case .paddedCards: "Registers whose card is padded to 60 000 bytes"
        case .calledPlaces: "dials to the honest listener that go no further"
        }
    }

    /// Who can do it.
    var role: Role {
        switch self {
        case .halfTLS, .handshakes, .stunSquatters, .stunFlood: .stranger
        case .calledPlaces: .admitted
        case .unread, .pings, .emptyData, .registers, .credits, .absentPeers, .paddedCards: .holder
        }
    }

    enum Role: String { case stranger, holder = "holder of a token of its own", admitted = "admitted peer" }
}
