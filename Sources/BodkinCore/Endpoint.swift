/// An address and a port: a transport address in the terms of RFC 8445.
///
/// ```swift
/// let endpoint = Endpoint("[2001:db8::1]:443")
/// ```
public struct Endpoint: Hashable, Sendable, LosslessStringConvertible {
    /// The address.
    public var address: IPAddress
    /// The TCP or UDP port; the identifier of an ICMP query.
    public var port: UInt16

    /// An endpoint from its two parts.
    public init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Parses `192.0.2.1:80` or `[2001:db8::1]:80`; nil for anything else.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(String(host)), (address.family == .v6) == isBracketed else { return nil }
        self.init(address, port)
    }

    /// The textual form; IPv6 in brackets (RFC 5952 section 6).
    public var description: String {
        address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}
