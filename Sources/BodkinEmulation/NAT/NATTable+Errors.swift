import BodkinCore

/// ICMP errors that quote translated packets (RFC 5508 section 4), so that path MTU discovery and port-unreachable work through the box.
extension NATTable {
    /// An error from outside about a packet the box sent out.
    mutating func inboundError(_ packet: PacketSummary, quoting quoted: Flow) -> NATVerdict {
        guard let index = sessionByFlow[quoted.reversed], let session = sessions[index], session.outside == quoted.reversed else {
            return .refused(.silence, .stray)
        }
        var translation = Translation(source: packet.flow.source, destination: session.inside.source)
        translation.destination.port = 0
        translation.quoted = session.inside
        return .passed(translation)
    }

    /// An error from inside about a packet the box let in.
    mutating func outboundError(_ packet: PacketSummary, quoting quoted: Flow) -> NATVerdict {
        guard let index = sessionByFlow[quoted.reversed], let session = sessions[index], session.inside == quoted.reversed else {
            return .refused(.silence, .stray)
        }
        // The host itself, or a router further inside whose address means nothing outside (RFC 5508 section 4.2).
        return .passed(
            Translation(source: Endpoint(session.external.address, 0), destination: packet.flow.destination, quoted: session.outside))
    }
}
