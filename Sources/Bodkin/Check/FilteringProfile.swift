public import BodkinCore
public import BodkinPrediction

/// What a network lets in: what became of the server's own connections to the reserved port, which has sent to another port of that server alone; or of datagrams from
/// the server's other endpoints to a UDP port that has sent to one of them.
public struct FilteringProfile: Hashable, Sendable {
    /// What a connection from outside met.
    @nonexhaustive
    public enum Knock: String, Hashable, Sendable, CaseIterable {
        /// It came up; of a datagram: it came.
        case connected
        /// An RST, or an ICMP error that says the port is closed: the system tells the two the same way.
        case refused
        /// Another ICMP error.
        case unreachable
        /// Nothing.
        case silence
        /// The server could not tell.
        case unknown
    }

    /// The address family.
    public var family: IPAddress.Family
    /// What it met from the address that the reserved port has sent to.
    public var sameAddress: Knock
    /// What it met from an address that the reserved port has not sent to; nil where the server has none.
    public var otherAddress: Knock?

    /// A profile from its parts.
    public init(family: IPAddress.Family, sameAddress: Knock, otherAddress: Knock? = nil) {
        self.family = family
        self.sameAddress = sameAddress
        self.otherAddress = otherAddress
    }

    /// Who may send inwards. Of a server with one address that gets in, the stricter of the two that are possible.
    public var behaviour: FilteringBehaviour {
        switch (sameAddress, otherAddress) {
        case (.unknown, _): .unknown
        case (.connected, .connected?): .endpointIndependent
        case (.connected, _): .addressDependent
        // From elsewhere it is easier than from here: that is no filter, but something else.
        case (_, .connected?): .unknown
        default: .addressAndPortDependent
        }
    }

    /// What answers a SYN that is let in by nothing.
    public var unsolicited: UnsolicitedReaction {
        switch sameAddress == .connected ? otherAddress ?? .unknown : sameAddress {
        case .refused: .reset
        case .unreachable: .unreachable
        case .silence: .silence
        case .connected, .unknown: .unknown
        }
    }
}
