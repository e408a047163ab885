import BodkinProtocols

/// A TLS connection of a peer, as the server numbers it.
package struct ConnectionID: Hashable, Sendable {
    /// Never used twice.
    package let number: UInt64
    /// A connection by its number.
    package init(_ number: UInt64) { self.number = number }
}

/// A TCP connection to the STUN port, as the server numbers it.
package struct BindingID: Hashable, Sendable {
    /// Never used twice.
    package let number: UInt64
    /// A connection by its number.
    package init(_ number: UInt64) { self.number = number }
}
