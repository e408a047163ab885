public import BodkinCore

/// The filtering behavior of a network (RFC 4787 section 5). For TCP, the server dials back to the reserved port, which has sent only to another port of that
/// server. For UDP, the server answers from endpoints that the local port has not sent to.
public struct FilteringProfile: Hashable, Sendable {
    /// The result of one dial-back, or of one datagram from another endpoint.
    @nonexhaustive
    public enum DialBackResult: String, Hashable, Sendable, CaseIterable {
        /// The connection was established, or the datagram arrived.
        case connected
        /// An RST or an ICMP port unreachable error answered; the kernel reports both the same way.
        case refused
        /// Another ICMP error answered.
        case unreachable
        /// No answer arrived.
        case silence
        /// The server could not measure the result.
        case unknown
    }

    /// The address family.
    public var family: IPAddress.Family
    /// The result from the address that the local port has sent to.
    public var sameAddress: DialBackResult
    /// The result from an address that the local port has not sent to; nil if the server has one address.
    public var otherAddress: DialBackResult?

    /// A profile from its parts.
    package init(family: IPAddress.Family, sameAddress: DialBackResult, otherAddress: DialBackResult? = nil) {
        self.family = family
        self.sameAddress = sameAddress
        self.otherAddress = otherAddress
    }

    /// The filtering behavior. If a server with one address gets in, the stricter of the two possible behaviors.
    public var behaviour: FilteringBehaviour {
        switch (sameAddress, otherAddress) {
        case (.unknown, _): .unknown
        case (.connected, .connected?): .endpointIndependent
        case (.connected, _): .addressDependent
        // No filter passes the other address and drops this one.
        case (_, .connected?): .unknown
        default: .addressAndPortDependent
        }
    }

    /// The reaction to an unsolicited SYN.
    public var unsolicited: UnsolicitedReaction {
        switch sameAddress == .connected ? otherAddress ?? .unknown : sameAddress {
        case .refused: .reset
        case .unreachable: .unreachable
        case .silence: .silence
        case .connected, .unknown: .unknown
        }
    }
}
