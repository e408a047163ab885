/// An address prefix such as `192.168.1.0/24` (RFC 4632) or `2001:db8::/32` (RFC 4291 section 2.3).
///
/// ```swift
/// IPPrefix("192.168.1.0/24")?.contains(address)
/// ```
public struct IPPrefix: Hashable, Sendable, LosslessStringConvertible {
    /// The first address of the prefix; the bits after `length` are zero.
    public let address: IPAddress
    /// The number of leading bits that count: 0 to 32 or 0 to 128.
    public let length: Int

    /// The prefix of `length` bits that holds `address`; a length beyond what the family has is clamped.
    public init(_ address: IPAddress, length: Int) {
        let length = min(max(length, 0), address.family.bitWidth)
        self.length = length
        switch address.family {
        case .v4: self.address = IPAddress(v4: UInt32(truncatingIfNeeded: address.low) & ~(UInt32.max >> UInt32(length)))
        case .v6:
            self.address = IPAddress(
                v6High: address.high & ~(UInt64.max >> UInt64(min(length, 64))),
                low: address.low & ~(UInt64.max >> UInt64(max(length - 64, 0))))
        }
    }

    /// Parses `address/length`; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = Int(parts[1]),
            (0...address.family.bitWidth).contains(length)
        else { return nil }
        self.init(address, length: length)
    }

    /// Whether `address` is of this family and lies inside the prefix.
    public func contains(_ address: IPAddress) -> Bool {
        address.family == self.address.family && IPPrefix(address, length: length) == self
    }

    /// The textual form: `192.168.1.0/24`.
    public var description: String { "\(address)/\(length)" }
}
