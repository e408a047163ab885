import BodkinCore

/// A sign that a carrier-grade NAT (CGN) is on the path. A CGN may be on the path without any sign.
public enum CGNATIndicator: String, Hashable, Sendable, CaseIterable {
    /// The local host has an address of the shared address space (RFC 6598).
    case ownAddress = "own-address"
    /// The server sees a shared or private address, so the server is behind a further NAT.
    case outsideAddress = "outside-address"
    /// The NAT uses several external addresses.
    case severalAddresses = "several-addresses"
    /// The NAT allocates ports from a subscriber port block (RFC 6888).
    case portBlock = "port-block"
    /// A router on the path to the external address has a shared address.
    case hopAddress = "hop-address"

    /// The first sign that the findings show; nil if they show none.
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

    /// Whether the address belongs to the shared address space (RFC 6598).
    var isShared: Bool { Self.shared?.contains(self) == true }
}
