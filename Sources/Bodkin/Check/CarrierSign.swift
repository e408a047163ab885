import BodkinCore
import BodkinPrediction

/// By what a carrier's NAT shows, beside or behind the one at home. Where nothing shows, there may still be one.
public enum CarrierSign: String, Hashable, Sendable, CaseIterable {
    /// This machine has an address of the space that carriers share with their customers (RFC 6598).
    case ownAddress = "own-address"
    /// The server sees an address of that space, or a private one: it stands behind a further NAT itself.
    case outsideAddress = "outside-address"
    /// Connections come out at several outside addresses.
    case severalAddresses = "several-addresses"
    /// Ports come from a small block, as carriers give each customer one (RFC 6888).
    case portBlock = "port-block"
    /// On the way to its outside address there is a router with an address of that space.
    case hopAddress = "hop-address"

    /// What it means, for people.
    public var meaning: String {
        switch self {
        case .ownAddress: "this machine's own address is of the space that carriers share with their customers (100.64.0.0/10)"
        case .outsideAddress: "the server sees a private address: it is inside the same carrier's or company's network"
        case .severalAddresses: "connections come out at several outside addresses, as carriers' NATs have them"
        case .hopAddress: "a router on the way to the outside address has one of the space that carriers share with their customers (100.64.0.0/10)"
        case .portBlock: "the ports come from a small block, as carriers give each customer one"
        }
    }

    /// The first of the signs that there is; nil where none is.
    init?(own: [IPAddress], _ estimate: AllocationEstimate?, _ nesting: NestingProfile? = nil) {
        let isTranslated = estimate.map { $0.mapping != .none } ?? false
        if own.contains(where: \.isShared) {
            self = .ownAddress
        } else if let estimate, isTranslated, estimate.addresses.contains(where: { $0.scope == .private }) {
            self = .outsideAddress
        } else if let estimate, estimate.addresses.count > 1 {
            self = .severalAddresses
        } else if case .block? = estimate?.allocation {
            self = .portBlock
        } else if nesting?.passesSharedAddress == true {
            self = .hopAddress
        } else {
            return nil
        }
    }
}

extension IPAddress {
    private static let shared = IPPrefix("100.64.0.0/10")

    /// Whether it is of the space that carriers share with their customers (RFC 6598).
    var isShared: Bool { Self.shared?.contains(self) == true }
}
