import BodkinPrediction

// What the library finds, in the words of the command line.

extension CGNATIndicator {
    /// The sign as a clause, for people.
    var meaning: String {
        switch self {
        case .ownAddress: "the local address is a shared address of a carrier (100.64.0.0/10, RFC 6598)"
        case .outsideAddress: "the server sees a private address, so it is in the same carrier or company network"
        case .severalAddresses: "the NAT uses several external addresses, as carrier NATs do"
        case .hopAddress: "a router on the path has a shared address of a carrier (100.64.0.0/10, RFC 6598)"
        case .portBlock: "the NAT allocates ports from a small subscriber port block (RFC 6888)"
        }
    }
}

extension ReferenceNetwork {
    /// The name of the network, for people.
    var name: String {
        switch self {
        case .open: "a public host"
        case .fixed: "a NAT with endpoint-independent mapping"
        case .sequential: "a symmetric NAT with sequential ports"
        case .random: "a symmetric NAT with random ports"
        }
    }
}
