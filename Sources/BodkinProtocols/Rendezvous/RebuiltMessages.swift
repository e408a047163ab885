import FoundationEssentials

// Parts of messages that a server passes from one peer to another. Each is built anew from its checked values, so it has a known size whatever was received.

extension WireSignedCard {
    /// The card and its signature alone; nil if either has a wrong length. The signed bytes stay as they are, because every change breaks the signature.
    package var rebuilt: WireSignedCard? {
        guard (1...Card.maximumSize).contains(card.count), signature.count == Card.signatureSize else { return nil }
        var result = WireSignedCard()
        result.card = card
        result.signature = signature
        return result
    }
}

extension WireTransportAddress {
    /// The address and the port alone; nil if the address is not of IPv4, IPv6 or empty, or the port has more than 16 bits.
    package var rebuilt: WireTransportAddress? {
        guard [0, 4, 16].contains(address.count), port <= UInt16.max else { return nil }
        var result = WireTransportAddress()
        result.address = address
        result.port = port
        return result
    }
}

extension WireForecast {
    /// The known fields alone; nil if the external address is malformed. An allocation of a later version passes, because it is only a number.
    package var rebuilt: WireForecast? {
        var result = WireForecast()
        if hasExternal {
            guard let external = external.rebuilt else { return nil }
            result.external = external
        }
        result.round = round
        result.allocation = allocation
        result.delta = delta
        result.lowest = lowest
        result.highest = highest
        result.count = count
        result.index = index
        return result
    }
}

extension WireSignal {
    /// The attempt and the payload alone; nil if the payload is missing or out of bounds.
    package var rebuilt: WireSignal? {
        var result = WireSignal()
        result.attempt = attempt
        switch payload {
        case .card(let card):
            guard let card = card.rebuilt else { return nil }
            result.card = card
        case .forecast(let forecast):
            guard let forecast = forecast.rebuilt else { return nil }
            result.forecast = forecast
        case .relayed(let relayed):
            result.relayed = WireRelayed()
            if relayed.hasEndpoint {
                guard let endpoint = relayed.endpoint.rebuilt else { return nil }
                result.relayed.endpoint = endpoint
            }
        case nil: return nil
        }
        return result
    }
}

extension WirePing {
    /// The pong that answers it.
    package var answer: WirePing {
        var pong = WirePing()
        pong.number = number
        return pong
    }
}

extension WireFailure {
    /// The longest text of a Failure, in bytes of UTF-8.
    package static let maximumTextSize = 512
}
