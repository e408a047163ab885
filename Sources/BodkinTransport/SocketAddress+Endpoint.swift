package import BodkinCore
package import NIOCore

extension Endpoint {
    /// The endpoint of a socket address; nil for what is no IP address. An IPv4 address mapped into IPv6 counts as IPv4.
    package init?(_ address: SocketAddress?) {
        guard let text = address?.ipAddress, let port = address?.port, let number = UInt16(exactly: port) else { return nil }
        let mapped = "::ffff:"
        guard let address = IPAddress(text.hasPrefix(mapped) ? String(text.dropFirst(mapped.count)) : text) else { return nil }
        self.init(address, number)
    }
}

extension SocketAddress {
    /// The socket address of an endpoint.
    package init(_ endpoint: Endpoint) throws {
        try self.init(packedIPAddress: ByteBuffer(bytes: endpoint.address.bytes), port: Int(endpoint.port))
    }
}
