/// How many external addresses a NAT has, and which of them a new mapping gets (RFC 4787 section 4.1, "IP address pooling").
public enum AddressPool: Sendable, Hashable {
    /// One.
    case single
    /// So many; each internal address keeps the one that it was given first, as RFC 4787 REQ-2 recommends.
    case paired(Int)
    /// So many; each mapping gets any one.
    case arbitrary(Int)

    /// The most addresses of a pool.
    public static let limit = 16

    /// How many addresses.
    public var count: Int {
        switch self {
        case .single: 1
        case .paired(let count), .arbitrary(let count): count
        }
    }

    /// Parses `single`, `paired-4` or `arbitrary-4`; nil for anything else.
    package init?(text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let name = parts.first else { return nil }
        switch (name, parts.count == 2 ? Int(parts[1]) : nil) {
        case ("single", nil) where parts.count == 1: self = .single
        case ("paired", let count?): self = .paired(count)
        case ("arbitrary", let count?): self = .arbitrary(count)
        default: return nil
        }
    }
}
