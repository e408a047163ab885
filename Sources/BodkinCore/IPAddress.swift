#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// An IPv4 or IPv6 address, without a zone.
///
/// ```swift
/// let address = IPAddress("192.0.2.1")
/// ```
///
/// The textual form is that of RFC 4291 section 2.2 and, for IPv4, the dotted quad; `description` writes
/// IPv6 as RFC 5952 recommends.
public struct IPAddress: Hashable, Sendable {
    /// The address family.
    public enum Family: UInt8, Sendable, Hashable {
        /// IPv4, 32 bits.
        case v4 = 4
        /// IPv6, 128 bits.
        case v6 = 6

        /// The width of an address in bits.
        package var bitWidth: Int { self == .v4 ? 32 : 128 }
    }

    /// The upper 64 bits; zero for IPv4.
    public let high: UInt64
    /// The lower 64 bits; an IPv4 address fills the lowest 32.
    public let low: UInt64
    /// The family this address belongs to.
    public let family: Family

    /// An IPv4 address from its value in host byte order: `0xC0000201` is 192.0.2.1.
    public init(v4 value: UInt32) {
        family = .v4
        high = 0
        low = UInt64(value)
    }

    /// An IPv6 address from its two halves in host byte order.
    public init(v6High high: UInt64, low: UInt64) {
        family = .v6
        self.high = high
        self.low = low
    }

    /// The IPv4 value in host byte order, or nil for IPv6.
    public var v4: UInt32? { family == .v4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// The address in network byte order: 4 or 16 bytes.
    public var bytes: [UInt8] {
        let halves = [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) } }
        return family == .v4 ? Array(halves[12...]) : halves
    }

    /// Reads an address in network byte order; nil unless there are exactly 4 or 16 bytes.
    public init?(bytes: some Collection<UInt8>) {
        func value(_ part: some Sequence<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        switch bytes.count {
        case 4: self.init(v4: UInt32(truncatingIfNeeded: value(bytes)))
        case 16: self.init(v6High: value(bytes.prefix(8)), low: value(bytes.dropFirst(8)))
        default: return nil
        }
    }

    /// Whether family and value are the same.
    public static func == (left: Self, right: Self) -> Bool {
        left.low == right.low && left.high == right.high && left.family == right.family
    }

    /// Hashes the value.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(low)
        if family == .v6 { hasher.combine(high) }
    }
}

extension IPAddress: LosslessStringConvertible {
    /// Parses a dotted quad or an IPv6 address; nil for anything else, zones included.
    public init?(_ text: String) {
        var buffer = [UInt8](repeating: 0, count: 16)
        let family = text.contains(":") ? AF_INET6 : AF_INET
        guard inet_pton(family, text, &buffer) == 1 else { return nil }
        self.init(bytes: buffer.prefix(family == AF_INET ? 4 : 16))
    }

    /// The textual form: `192.0.2.1`, `2001:db8::1`.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = inet_ntop(family == .v4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension IPAddress: Comparable {
    /// IPv4 before IPv6, then by value.
    public static func < (left: Self, right: Self) -> Bool {
        (left.family.rawValue, left.high, left.low) < (right.family.rawValue, right.high, right.low)
    }
}

extension IPAddress {
    /// The unspecified address of a family: `0.0.0.0` or `::`.
    public static func unspecified(_ family: Family) -> IPAddress {
        family == .v4 ? IPAddress(v4: 0) : IPAddress(v6High: 0, low: 0)
    }
}
