/// How a NAT chooses the external port of a new mapping (RFC 4787 section 4.2, RFC 6056 section 3.3, RFC 6888 for blocks).
public enum AllocationKind: Hashable, Sendable {
    /// The local port.
    case equal
    /// The local port plus `shift`, round the range.
    case preserving(shift: Int)
    /// The last one given plus `delta`, whatever the local port. A block that is used in sequence is one of these for all that a few samples show, until it comes
    /// round.
    case sequential(delta: Int)
    /// The last one given plus `delta` where the local port is the last one's successor, any other where it is not.
    case dependent(delta: Int)
    /// Any port of the range.
    case random(ClosedRange<UInt16>)
    /// A port of a small part of the range, as carriers give each subscriber one; the bounds are estimates.
    case block(ClosedRange<UInt16>)
    /// It is not known.
    case unknown

    /// The step of the two kinds that count.
    public var delta: Int? {
        switch self {
        case .sequential(let delta), .dependent(let delta): delta
        default: nil
        }
    }

    /// The ports that a guess has to be among, for the two kinds that draw.
    public var range: ClosedRange<UInt16>? {
        switch self {
        case .random(let range), .block(let range): range
        default: nil
        }
    }

    /// The external port that a free local port gets, where that follows from the local port alone.
    package func externalPort(for localPort: UInt16) -> UInt16? {
        switch self {
        case .equal: localPort
        case .preserving(let shift): PortRing().port(Int(localPort), advancedBy: shift)
        default: nil
        }
    }
}
