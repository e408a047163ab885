/// The answer to a UDP datagram whose hop limit a router on the path may exhaust.
package enum HopAnswer: Hashable, Sendable {
    /// This router discarded the datagram, because its hop limit was exhausted (RFC 792, time exceeded in transit).
    case exceeded(IPAddress)
    /// The datagram arrived at this address, where the port is closed (RFC 792, port unreachable).
    case closed(IPAddress)
    /// This address reported another ICMP error.
    case refused(IPAddress)
    /// The destination sent a datagram.
    case answered
}
